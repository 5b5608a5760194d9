"""Runs the operations of billing in threads, and maps the database's errors to ours."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import exc

from stt_ai.billing.operations import OPERATIONS, Operations
from stt_ai.billing.service import BillingService
from stt_ai.errors import InternalError, Unavailable

logger = logging.getLogger(__name__)

ATTEMPTS = 4
THREADS = 8
_UNREACHABLE = "Accounts cannot be reached at the moment. Please try again shortly."


class BillingWorker:
    """Runs operations; one that the database broke off (lost connection, deadlock, full lock queue) is repeated."""

    def __init__(self, service: BillingService) -> None:
        self.service = service
        self._operations: Operations = service
        self._threads = ThreadPoolExecutor(THREADS, "billing")

    async def run(self, operation: str, *arguments: Any) -> Any:
        """Return what the operation of that name returns. Raise `InternalError` for an unknown name."""
        if operation not in OPERATIONS:
            raise InternalError(f"Billing has no operation {operation}.")
        return await self._in_thread(getattr(self._operations, operation), arguments)

    async def run_on(self, service: Any, operation: str, *arguments: Any) -> Any:
        """Return the result of an operation of another service over the same database, in the same threads."""
        return await self._in_thread(getattr(service, operation), arguments)

    async def expire_overdue(self) -> int:
        """End the leases that were not renewed in time, and return how many those were."""
        ended: int = await self._in_thread(self.service.expire_overdue, ())
        return ended

    async def ping(self) -> None:
        """Raise if the database does not answer."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self.service.database.ping)

    async def _in_thread(self, operation: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._attempt, operation, arguments)

    def _attempt(self, operation: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        name = operation.__name__
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return operation(*arguments)
            except (exc.OperationalError, exc.InterfaceError) as error:
                # The arguments stay out of the log, and so do those in the error's own text: some are keys.
                logger.warning("attempt %d of %s failed in the database: %s", attempt, name, error.orig)
                if attempt == ATTEMPTS:
                    raise Unavailable(_UNREACHABLE) from None
                time.sleep(random.uniform(0.5, 1) * 0.05 * 2**attempt)
            except exc.SQLAlchemyError as error:
                logger.error("%s failed in the database: %s: %s", name, type(error).__name__, _cause(error))
                raise InternalError("The service could not keep its accounts.") from None
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the threads without waiting for them; what has not begun is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _cause(error: exc.SQLAlchemyError) -> object:
    return error.orig if isinstance(error, exc.DBAPIError) else type(error).__name__

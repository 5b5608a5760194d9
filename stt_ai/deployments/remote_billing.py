"""The billing deployment as a `BillingClient` and a `JobsClient`."""

import asyncio
from contextvars import Context
from typing import Any

from ray.serve.handle import DeploymentHandle

from stt_ai.billing.client import BillingClient
from stt_ai.deployments.remote import call
from stt_ai.deployments.tracing import trace_context
from stt_ai.errors import Unavailable
from stt_ai.jobs.client import JobsClient
from stt_ai.meters import NO_METERS, Meters
from stt_ai.stages import stage

WAIT_S = 30.0
"""How long a caller waits for a replica of billing. One that died is restarted sooner."""

SETTLE_WAIT_S = 60.0
"""The same where the work is done and would be lost."""


_UNREACHABLE = "Accounts cannot be reached at the moment. Please try again shortly."


class RemoteBilling(BillingClient):
    """Billing over a handle. A lost replica costs only a retry: an operation may be repeated."""

    def __init__(self, handle: DeploymentHandle, meters: Meters = NO_METERS) -> None:
        perform = _direct(handle).perform

        async def carry(operation: str, *arguments: Any) -> Any:
            with stage(meters, "billing"):
                return await _carried(perform, operation, arguments, SETTLE_WAIT_S if operation == "settle" else WAIT_S)

        super().__init__(carry)


class RemoteJobs(JobsClient):
    """The operations on jobs, which run where billing's do."""

    def __init__(self, handle: DeploymentHandle) -> None:
        perform = _direct(handle).perform_on_jobs

        async def carry(operation: str, *arguments: Any) -> Any:
            return await _carried(perform, operation, arguments, SETTLE_WAIT_S if operation == "succeed" else WAIT_S)

        super().__init__(carry)


def _direct(handle: DeploymentHandle) -> DeploymentHandle:
    """Return the handle for calls over gRPC, which take half the time: every request waits for several."""
    return handle.options(_by_reference=False)


async def _carried(perform: DeploymentHandle, operation: str, arguments: tuple[Any, ...], wait_s: float) -> Any:
    """Return the operation's result. Raise its refusal, or `Unavailable` after ``wait_s``."""
    span = trace_context()
    answer = call(lambda: perform.remote(operation, *arguments, **span))
    try:
        async with asyncio.timeout(wait_s):
            # In the context of an HTTP request Serve would leave the result as the bytes that came.
            return await asyncio.create_task(answer, context=Context())
    except TimeoutError:
        raise Unavailable(_UNREACHABLE, 10) from None

"""The billing deployment as the `Billing` port."""

import asyncio
from typing import Any

from ray.serve.handle import DeploymentHandle

from stt_ai.billing.client import BillingClient
from stt_ai.deployments.remote import call
from stt_ai.errors import SttError, Unavailable

WAIT_S = 30.0
"""How long a caller waits for a replica of billing, when there is none: one that died is back before."""

SETTLE_WAIT_S = 60.0
"""Longer: the work is done, and would be in vain."""


class RemoteBilling(BillingClient):
    """A lost replica costs a retry and nothing else: every operation is made once however often it is asked."""

    def __init__(self, handle: DeploymentHandle) -> None:
        async def carry(operation: str, *arguments: Any) -> Any:
            try:
                async with asyncio.timeout(SETTLE_WAIT_S if operation == "settle" else WAIT_S):
                    result = await call(lambda: handle.perform.remote(operation, *arguments))
            except TimeoutError:
                raise Unavailable("Accounts cannot be reached at the moment. Please try again shortly.", 10) from None
            if isinstance(result, SttError):
                raise result
            return result

        super().__init__(carry)

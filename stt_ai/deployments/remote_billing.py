"""The billing deployment as the `Billing` port."""

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
"""How long a caller waits for a replica of billing, when there is none: one that died is back before."""

SETTLE_WAIT_S = 60.0
"""Longer: the work is done, and would be in vain."""


_UNREACHABLE = "Accounts cannot be reached at the moment. Please try again shortly."


class RemoteBilling(BillingClient):
    """A lost replica costs a retry and nothing else: every operation is made once however often it is asked."""

    def __init__(self, handle: DeploymentHandle, meters: Meters = NO_METERS) -> None:
        direct = handle.options(
            _by_reference=False
        )  # over gRPC a call takes half the time: every request waits for some

        async def carry(operation: str, *arguments: Any) -> Any:
            with stage(meters, "billing"):
                span = trace_context()
                asking = call(lambda: direct.perform.remote(operation, *arguments, **span))
                try:
                    async with asyncio.timeout(SETTLE_WAIT_S if operation == "settle" else WAIT_S):
                        # In the context of an HTTP request Serve would leave the result as the bytes that came.
                        return await asyncio.create_task(asking, context=Context())
                except TimeoutError:
                    raise Unavailable(_UNREACHABLE, 10) from None

        super().__init__(carry)


class RemoteJobs(JobsClient):
    """The operations on jobs, which run where billing's do."""

    def __init__(self, handle: DeploymentHandle) -> None:
        direct = handle.options(_by_reference=False)

        async def carry(operation: str, *arguments: Any) -> Any:
            span = trace_context()
            asking = call(lambda: direct.perform_on_jobs.remote(operation, *arguments, **span))
            try:
                async with asyncio.timeout(SETTLE_WAIT_S if operation == "succeed" else WAIT_S):
                    return await asyncio.create_task(asking, context=Context())
            except TimeoutError:
                raise Unavailable(_UNREACHABLE, 10) from None

        super().__init__(carry)

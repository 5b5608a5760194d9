"""The billing deployment as the `Billing` port."""

from typing import Any

from ray.serve.handle import DeploymentHandle

from stt_ai.billing.client import BillingClient
from stt_ai.deployments.remote import call


class RemoteBilling(BillingClient):
    """A lost replica costs a retry and nothing else: every operation is made once however often it is asked."""

    def __init__(self, handle: DeploymentHandle) -> None:
        async def carry(operation: str, *arguments: Any) -> Any:
            return await call(lambda: handle.perform.remote(operation, *arguments))

        super().__init__(carry)

"""GET /v1/plans: what each plan allows, and where credits are sold."""

from fastapi import APIRouter

from stt_ai.accounts import PlanName
from stt_ai.api.account.schemas import PlanAllowanceBody, PlanBody, PlansBody
from stt_ai.api.openapi import failures
from stt_ai.billing.plans import BillingConfig


def plan_routes(config: BillingConfig) -> APIRouter:
    """Return the routes of /v1/plans."""
    router = APIRouter()

    @router.get("/v1/plans", summary="List plans", responses=failures(500))
    async def list_plans() -> PlansBody:
        """What callers may send without a key, with a free account and with credits. One credit is one minute."""
        return PlansBody(
            plans=[_plan(name, config) for name in PlanName], quotas=config.quotas, upgrade_url=config.upgrade_url
        )

    return router


def _plan(name: PlanName, config: BillingConfig) -> PlanBody:
    limits = config.limits(name)
    return PlanBody(
        name=name,
        allowance=_allowance(name, config),
        max_file_bytes=limits.max_file_bytes,
        at_once=limits.max_concurrency,
    )


def _allowance(name: PlanName, config: BillingConfig) -> PlanAllowanceBody:
    match name:
        case PlanName.ANONYMOUS:
            amount = config.anonymous.transcriptions_per_day if config.anonymous_allowed else 0
            return PlanAllowanceBody(amount=amount, unit="transcriptions", period="day")
        case PlanName.FREE:
            return PlanAllowanceBody(amount=config.free.minutes_per_month, unit="minutes", period="month")
        case PlanName.PAID:
            return PlanAllowanceBody(amount=None, unit="credits", period=None)

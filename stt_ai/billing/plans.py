"""The plans' limits, and the meters that count. Pure, except for the settings' types."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from stt_ai.accounts import PlanName, WorkKind

UNLIMITED_CONCURRENCY = 1000


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlanLimits(_Frozen):
    """The limits that every plan has."""

    max_file_bytes: int = Field(gt=0)
    max_concurrency: int = Field(ge=1, description="Transcriptions and open streams together; as many summaries.")


class AnonymousPlan(PlanLimits):
    """Callers without a key, each known by its address."""

    max_file_bytes: int = Field(100_000_000, gt=0)
    max_concurrency: int = Field(1, ge=1)
    transcriptions_per_day: int = Field(3, ge=0)
    summaries_per_day: int = Field(3, ge=0)


class FreePlan(PlanLimits):
    """A caller with a key and without credits."""

    max_file_bytes: int = Field(500_000_000, gt=0)
    max_concurrency: int = Field(2, ge=1)
    minutes_per_month: int = Field(600, ge=0)


class PaidPlan(PlanLimits):
    """A caller with credits."""

    max_file_bytes: int = Field(2_000_000_000, gt=0)
    max_concurrency: int = Field(5, ge=1)


class BillingConfig(_Frozen):
    """What operators decide about callers. Days and months are UTC's."""

    quotas: bool = Field(
        True,
        description="False: nothing is counted or charged, and everybody may send what a paid plan may: for a service "
        "of your own.",
    )
    upgrade_url: str | None = Field(
        None, pattern=r"^https?://\S+$", description="Where callers buy credits: refusals and the console link to it."
    )
    anonymous_allowed: bool = Field(True, description="False: whoever has no key gets 401.")
    sign_up_open: bool = Field(True, description="False: only operators make accounts.")
    sign_ups_per_day: int = Field(5, ge=0, description="From one address.")
    anonymous: AnonymousPlan = AnonymousPlan()
    free: FreePlan = FreePlan()
    paid: PaidPlan = PaidPlan()
    lease_s: float = Field(30, gt=0, description="A request whose server died gives its slot back after this.")
    response_kept_s: float = Field(86_400, gt=0, description="How long an Idempotency-Key answers with what it did.")
    stream_token_s: float = Field(60, gt=0, description="How long a token of POST /v1/stream/token can be used.")
    anonymous_kept_days: int = Field(7, ge=2, description="What callers without a key did is forgotten after this.")
    keys_per_account: int = Field(100, ge=1, description="Keys that are not revoked.")

    def limits(self, plan: PlanName) -> PlanLimits:
        """Return the limits of ``plan``."""
        if not self.quotas:
            return self.paid.model_copy(update={"max_concurrency": UNLIMITED_CONCURRENCY})
        return {PlanName.ANONYMOUS: self.anonymous, PlanName.FREE: self.free, PlanName.PAID: self.paid}[plan]

    def limit(self, meter: "MeterName") -> int:
        """Return what a period starts with. Credits start with nothing: they are granted."""
        return {
            MeterName.CREDITS: 0,
            MeterName.MINUTES: self.free.minutes_per_month,
            MeterName.TRANSCRIPTIONS: self.anonymous.transcriptions_per_day,
            MeterName.SUMMARIES: self.anonymous.summaries_per_day,
            MeterName.SIGN_UPS: self.sign_ups_per_day,
        }[meter]


class MeterName(StrEnum):
    """What is counted within a day or a month."""

    CREDITS = "credits"
    MINUTES = "minutes"
    TRANSCRIPTIONS = "transcriptions"
    SUMMARIES = "summaries"
    SIGN_UPS = "sign_ups"


@dataclass(frozen=True, slots=True)
class Meter:
    """A counted quantity and its period: `2026-11-22`, `2026-11`, or empty for none."""

    name: MeterName
    period: str = ""

    @property
    def resets_at(self) -> float | None:
        """When the period ends, in seconds since the epoch."""
        match [int(part) for part in self.period.split("-") if part]:
            case [year, month, day]:
                end = datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)
            case [year, month]:
                end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            case _:
                return None
        return end.timestamp()


def meter_for(plan: PlanName, kind: WorkKind, now: float) -> Meter | None:
    """Return the meter of ``kind``; None: it is not counted. A request stays on the meter that it began with."""
    if kind is WorkKind.SUBMISSION:
        return None
    if plan is PlanName.ANONYMOUS:
        name = MeterName.SUMMARIES if kind is WorkKind.SUMMARY else MeterName.TRANSCRIPTIONS
        return Meter(name, day_of(now))
    if kind is WorkKind.SUMMARY:
        return None
    return Meter(MeterName.MINUTES, day_of(now)[:7]) if plan is PlanName.FREE else Meter(MeterName.CREDITS)


def day_of(now: float) -> str:
    """Return the UTC day of ``now``, as YYYY-MM-DD."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stt_ai.accounts import PlanName, WorkKind
from stt_ai.billing.plans import BillingConfig, Meter, MeterName, meter_for
from stt_ai.billing.pricing import cost_of, credits_for

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(datetime.timestamp)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("plan", "kind", "meter"),
    [
        (PlanName.ANONYMOUS, WorkKind.TRANSCRIPTION, Meter(MeterName.TRANSCRIPTIONS, "2026-12-31")),
        (PlanName.ANONYMOUS, WorkKind.STREAM, Meter(MeterName.TRANSCRIPTIONS, "2026-12-31")),
        (PlanName.ANONYMOUS, WorkKind.SUMMARY, Meter(MeterName.SUMMARIES, "2026-12-31")),
        (PlanName.FREE, WorkKind.TRANSCRIPTION, Meter(MeterName.MINUTES, "2026-12")),
        (PlanName.FREE, WorkKind.STREAM, Meter(MeterName.MINUTES, "2026-12")),
        (PlanName.FREE, WorkKind.SUMMARY, None),
        (PlanName.PAID, WorkKind.TRANSCRIPTION, Meter(MeterName.CREDITS)),
        (PlanName.PAID, WorkKind.STREAM, Meter(MeterName.CREDITS)),
        (PlanName.PAID, WorkKind.SUMMARY, None),
    ],
)
def test_what_runs_on_which_meter(plan: PlanName, kind: WorkKind, meter: Meter | None) -> None:
    assert meter_for(plan, kind, at("2026-12-31T23:59:59")) == meter


def test_days_end_at_midnight_and_months_on_the_first_utc() -> None:
    assert Meter(MeterName.TRANSCRIPTIONS, "2026-11-30").resets_at == at("2026-12-01T00:00:00")
    assert Meter(MeterName.MINUTES, "2026-12").resets_at == at("2027-01-01T00:00:00")
    assert Meter(MeterName.MINUTES, "2028-02").resets_at == at("2028-03-01T00:00:00")
    assert Meter(MeterName.CREDITS).resets_at is None


@given(TIMES, st.sampled_from([PlanName.ANONYMOUS, PlanName.FREE]))
def test_a_period_holds_its_moment_and_the_next_begins_where_it_ends(now: float, plan: PlanName) -> None:
    meter = meter_for(plan, WorkKind.TRANSCRIPTION, now)
    assert meter is not None
    assert meter.resets_at is not None
    assert now < meter.resets_at
    assert meter_for(plan, WorkKind.TRANSCRIPTION, meter.resets_at - 0.001) == meter
    following = meter_for(plan, WorkKind.TRANSCRIPTION, meter.resets_at)
    assert following is not None
    assert following.period > meter.period


def test_the_contracts_table_is_the_default() -> None:
    config = BillingConfig()
    found = {plan: (config.limits(plan).max_file_bytes, config.limits(plan).max_concurrency) for plan in PlanName}
    assert found == {
        PlanName.ANONYMOUS: (100_000_000, 1),
        PlanName.FREE: (500_000_000, 2),
        PlanName.PAID: (2_000_000_000, 5),
    }
    assert config.limit(MeterName.TRANSCRIPTIONS) == config.limit(MeterName.SUMMARIES) == 3
    assert config.limit(MeterName.MINUTES) == 600


def test_a_misspelt_setting_is_an_error_that_names_it() -> None:
    with pytest.raises(ValidationError, match="minutes_a_month"):
        BillingConfig.model_validate({"free": {"minutes_a_month": 5}})


def test_other_limits_of_a_plan_stay_as_they_were_when_one_is_set() -> None:
    config = BillingConfig.model_validate({"anonymous": {"max_concurrency": 7}})
    assert (config.anonymous.max_concurrency, config.anonymous.transcriptions_per_day) == (7, 3)


@pytest.mark.parametrize(
    ("seconds", "credits"), [(0, 1), (0.01, 1), (60, 1), (60.004, 1), (60.01, 2), (119.99, 2), (3600, 60), (3600.5, 61)]
)
def test_minutes_are_rounded_up_and_at_least_one(seconds: float, credits: int) -> None:
    assert credits_for(seconds) == credits
    assert cost_of(WorkKind.STREAM, PlanName.PAID, seconds) == credits
    assert cost_of(WorkKind.TRANSCRIPTION, PlanName.ANONYMOUS, seconds) == 1

"""Whether a replica has time for another long text."""

import pytest

from stt_ai.deployments.summary_workload import SummaryWorkload
from stt_ai.errors import Overloaded, SummaryTooLong


def test_what_would_take_too_long_alone_is_refused_with_the_time_that_it_would_take() -> None:
    workload = SummaryWorkload()
    with pytest.raises(SummaryTooLong, match="about 21 minutes, and at most 10"):
        workload.admit("long", 1210.0, 600.0)
    assert workload.remaining_s() == 0


def test_a_text_that_others_leave_no_time_for_is_told_when_to_come_again() -> None:
    now = 0.0
    workload = SummaryWorkload(lambda: now)
    workload.admit("first", 400.0, 600.0)
    with pytest.raises(Overloaded) as refused:
        workload.admit("second", 300.0, 600.0)
    assert refused.value.retry_after == 100
    now = 100.0
    workload.admit("second", 300.0, 600.0)
    assert workload.remaining_s() == 600
    workload.done("first")
    assert workload.remaining_s() == 300
    workload.done("never taken")

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.errors import Overloaded
from stt_ai.streaming.load_shedding import MIN_COUNT, RECENT_S, LatencyMonitor


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def taking(latency: LatencyMonitor, clock: Clock, seconds: float) -> None:
    with latency.timed():
        clock.now += seconds


@given(st.lists(st.floats(0, 1.9), max_size=50))
def test_while_texts_come_in_time_there_is_room(took: list[float]) -> None:
    clock = Clock()
    latency = LatencyMonitor(2.0, clock)
    for seconds in took:
        taking(latency, clock, seconds)
        latency.require_room()


def test_while_they_come_late_there_is_none_and_then_there_is() -> None:
    clock = Clock()
    latency = LatencyMonitor(2.0, clock)
    for _ in range(MIN_COUNT - 1):
        taking(latency, clock, 3.0)
        latency.require_room()
    taking(latency, clock, 3.0)
    with pytest.raises(Overloaded) as busy:
        latency.require_room()
    clock.now += busy.value.retry_after + 0.01
    assert busy.value.retry_after == RECENT_S
    latency.require_room()


def test_a_model_that_answers_nobody_has_no_room_either() -> None:
    clock = Clock()
    latency = LatencyMonitor(2.0, clock)
    with ExitStack() as waiting:
        for _ in range(MIN_COUNT):
            waiting.enter_context(latency.timed())
        clock.now += 1.9
        latency.require_room()
        clock.now += 0.2
        with pytest.raises(Overloaded):
            latency.require_room()

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.errors import Overloaded
from stt_ai.streaming.lag import ENOUGH, RECENT_S, Lag


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def taking(lag: Lag, clock: Clock, seconds: float) -> None:
    with lag.timed():
        clock.now += seconds


@given(st.lists(st.floats(0, 1.9), max_size=50))
def test_while_texts_come_in_time_there_is_room(took: list[float]) -> None:
    clock = Clock()
    lag = Lag(2.0, clock)
    for seconds in took:
        taking(lag, clock, seconds)
        lag.require_room()


def test_while_they_come_late_there_is_none_and_then_there_is() -> None:
    clock = Clock()
    lag = Lag(2.0, clock)
    for _ in range(ENOUGH - 1):
        taking(lag, clock, 3.0)
        lag.require_room()
    taking(lag, clock, 3.0)
    with pytest.raises(Overloaded) as busy:
        lag.require_room()
    clock.now += busy.value.retry_after + 0.01
    assert busy.value.retry_after == RECENT_S
    lag.require_room()


def test_a_model_that_answers_nobody_has_no_room_either() -> None:
    clock = Clock()
    lag = Lag(2.0, clock)
    with ExitStack() as waiting:
        for _ in range(ENOUGH):
            waiting.enter_context(lag.timed())
        clock.now += 1.9
        lag.require_room()
        clock.now += 0.2
        with pytest.raises(Overloaded):
            lag.require_room()

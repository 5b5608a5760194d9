"""How fast a language model is here."""

import threading
import time

import pytest

from stt_ai.engines.reading_speed import Speed, Step, Stopwatch


def alone(seconds: float) -> Step:
    return Step(seconds, seconds * 0.8)  # a step waits for its other threads now and then


def beside_others(seconds: float) -> Step:
    return Step(seconds, seconds * 0.2)


def test_nothing_is_estimated_before_anything_was_measured() -> None:
    speed = Speed()
    assert speed.seconds(1000, 100) == 0
    speed.read(100, alone(1.0))
    assert speed.seconds(1000, 100) == 0


def test_short_steps_count_for_as_much_as_they_took() -> None:
    """The last step of a prompt has few tokens, and takes nearly as long as a full one."""
    speed = Speed()
    speed.read(190, alone(1.0))
    speed.read(10, alone(1.0))
    assert speed.read_a_second == pytest.approx(100, rel=0.1)


def test_an_estimate_follows_what_changes() -> None:
    speed = Speed()
    for seconds in [1.0] * 30 + [2.0] * 300:
        speed.read(100, alone(seconds))
        speed.wrote(1, alone(seconds))
    assert speed.seconds(100, 1) == pytest.approx(4.0, rel=0.01)


def test_an_estimate_does_not_follow_what_else_runs_for_a_while() -> None:
    speed = Speed()
    for step in [alone(1.0)] * 3 + [beside_others(8.0)] * 500 + [alone(1.0)]:
        speed.read(100, step)
        speed.wrote(1, step)
    assert speed.seconds(100, 1) == pytest.approx(2.0)


def test_steps_beside_others_count_until_there_are_better_ones() -> None:
    """A model that is loaded on a busy machine is better estimated by those than not at all."""
    speed = Speed()
    speed.read(100, beside_others(8.0))
    speed.wrote(1, beside_others(8.0))
    assert speed.seconds(100, 1) == pytest.approx(16.0)
    speed.read(100, alone(1.0))
    speed.wrote(1, alone(1.0))
    assert speed.seconds(100, 1) == pytest.approx(2.0)


def test_a_thread_that_waits_is_told_from_one_that_works() -> None:
    watch = Stopwatch()
    threading.Event().wait(0.05)
    assert watch.stop().waited
    watch = Stopwatch()
    until = time.thread_time() + 0.05
    while time.thread_time() < until:
        pass
    assert watch.stop().processor_s >= 0.05

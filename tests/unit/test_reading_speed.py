"""How fast a language model is here."""

import pytest

from stt_ai.engines.reading_speed import Speed


def test_nothing_is_estimated_before_anything_was_measured() -> None:
    speed = Speed()
    assert speed.seconds(1000, 100) == 0
    speed.read(100, 1.0)
    assert speed.seconds(1000, 100) == 0


def test_short_steps_count_for_as_much_as_they_took() -> None:
    """The last step of a prompt has few tokens, and takes nearly as long as a full one."""
    speed = Speed()
    speed.read(190, 1.0)
    speed.read(10, 1.0)
    assert speed.read_a_second == pytest.approx(100, rel=0.1)


def test_an_estimate_follows_what_changes() -> None:
    speed = Speed()
    for seconds in [1.0] * 30 + [2.0] * 60:
        speed.read(100, seconds)
        speed.wrote(1, seconds)
    assert speed.seconds(100, 1) == pytest.approx(4.0, rel=0.01)

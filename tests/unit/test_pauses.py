"""Words lose the pauses that an aligner gave them, and nothing else."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.speech.pauses import MIN_PAUSE, Unspoken, find_unspoken, trim_pauses
from stt_ai.types import SAMPLE_RATE, Samples, Word

NOISE = np.random.default_rng(0).normal(size=8 * SAMPLE_RATE)


def _sound(*spans: tuple[float, float], seconds: float = 4.0, noise: float = 3.0) -> Samples:
    """A tone of half the full scale where a span says so, faint noise elsewhere."""
    audio = NOISE[: int(seconds * SAMPLE_RATE)] * noise
    for start, end in spans:
        at = np.arange(int(start * SAMPLE_RATE), int(end * SAMPLE_RATE))
        audio[at] += 16000 * np.sin(at * 0.05)
    return audio.clip(-32768, 32767).astype(np.int16)


def _times(words: tuple[Word, ...]) -> list[float]:
    return [time for word in words for time in (word.start, word.end)]


def test_a_pause_between_words_belongs_to_neither() -> None:
    words = [Word(" one", 0.0, 1.5, 0.9), Word(" two", 1.5, 3.9, 0.9)]
    trimmed = trim_pauses(words, _sound((0.5, 1.0), (2.0, 3.0)))
    assert _times(trimmed) == pytest.approx([0.5, 1.0, 2.0, 3.0], abs=0.02)


def test_a_short_closure_stays_inside_its_word() -> None:
    words = [Word(" top", 0.5, 1.0, 0.9), Word(" pot", 1.0, 1.5, 0.9)]
    assert trim_pauses(words, _sound((0.5, 0.95), (1.05, 1.5))) == tuple(words)


def test_a_pause_inside_a_word_stays() -> None:
    words = [Word(" well", 0.5, 2.0, 0.9)]
    assert trim_pauses(words, _sound((0.5, 0.8), (1.7, 2.0))) == tuple(words)


def test_a_word_cut_short_gets_the_rest_of_its_sound() -> None:
    words = [Word(" one", 0.5, 0.9, 0.9), Word(" two", 2.0, 2.4, 0.9)]
    assert _times(trim_pauses(words, _sound((0.5, 1.0), (2.0, 2.5)))) == pytest.approx([0.5, 1, 2, 2.5], abs=0.02)


def test_the_rest_of_a_sound_does_not_reach_into_the_next_word_nor_far() -> None:
    words = [Word(" one", 0.5, 0.8, 0.9), Word(" two", 0.9, 1.5, 0.9)]
    trimmed = trim_pauses(words, _sound((0.5, 3.5)))
    assert _times(trimmed) == pytest.approx([0.5, 0.9, 0.9, 1.8], abs=0.02)


def test_a_word_without_any_sound_keeps_its_time() -> None:
    words = [Word(" one", 0.5, 1.0, 0.9), Word(" two", 2.0, 2.5, 0.9)]
    assert trim_pauses(words, _sound((0.5, 1.0)))[1] == words[1]


@pytest.mark.parametrize("noise", [5000.0, 3000.0, 0.0])
def test_without_a_difference_between_speech_and_pause_nothing_moves(noise: float) -> None:
    words = [Word(" one", 0.0, 4.0, 0.9)]
    assert trim_pauses(words, _sound(noise=noise)) == tuple(words)
    assert trim_pauses(words, np.zeros(0, np.int16)) == tuple(words)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 5), max_size=12), st.lists(st.floats(0, 3.9), max_size=6), st.floats(0, 3000))
def test_times_stay_in_order_and_words_out_of_each_other(times: list[float], tones: list[float], noise: float) -> None:
    words = [Word(" w", start, end, 0.5) for start, end in pairwise(sorted(times))]
    trimmed = trim_pauses(words, _sound(*pairwise(sorted(tones)), seconds=5.0, noise=noise))
    for before, after in zip(words, trimmed, strict=True):
        assert before.start <= after.start <= after.end
        assert after.start == before.start or after.start - before.start >= MIN_PAUSE - 1e-9
        assert after.end <= 5.0
    assert all(a.start <= b.start and a.end <= b.start for a, b in pairwise(trimmed))


def _words(*spans: tuple[float, float]) -> list[Word]:
    return [Word(" w", start, end, 0.9) for start, end in spans]


@pytest.mark.parametrize(
    ("spoken", "found"),
    [
        ([(0.2, 1.0), (1.5, 2.0)], Unspoken(2.0, 8.0, 2, 2)),
        ([(4.0, 4.5), (4.6, 5.5), (5.5, 6.0), (6.5, 7.5)], Unspoken(0.0, 4.0, 0, 0)),
        ([(0.2, 0.6), (0.7, 1.0), (5.0, 5.5), (5.5, 6.0), (6.5, 7.5)], Unspoken(1.0, 5.0, 2, 2)),
        ([(0.2, 1.0), (1.5, 5.0), (5.0, 5.5), (5.5, 6.0), (6.5, 7.5)], Unspoken(1.0, 5.0, 1, 2)),
        ([(0.2, 1.0), (3.0, 3.5), (6.5, 7.5)], Unspoken(1.0, 6.5, 1, 2)),
    ],
    ids=["at the end", "at the beginning", "in between", "in an overlong word", "around a word"],
)
def test_sound_without_words_is_found(spoken: list[tuple[float, float]], found: Unspoken) -> None:
    audio = _sound((0.2, 1.0), (1.5, 3.5), (4.0, 6.0), (6.5, 7.5), seconds=8.0)
    assert find_unspoken(_words(*spoken), audio) == [found]


@pytest.mark.parametrize("after", range(8))
def test_it_is_looked_for_after_so_many_words(after: int) -> None:
    words = _words((2.5, 2.8), (2.8, 3.1), (3.1, 3.5), (5.0, 5.3), (5.3, 5.6), (5.6, 6.0))
    gaps = [Unspoken(0.0, 2.5, 0, 0), Unspoken(3.5, 5.0, 3, 3), Unspoken(6.0, 8.0, 6, 6)]
    found = find_unspoken(words, _sound((0.2, 7.5), seconds=8.0), after)
    assert found == [gap for gap in gaps if gap.first >= after]


def test_breath_between_words_is_not_unspoken() -> None:
    audio = _sound((0.2, 1.0), (1.2, 1.9), (2.2, 3.8))
    assert find_unspoken(_words((0.2, 1.0), (2.2, 3.8)), audio) == []


def test_where_noise_hides_the_pauses_only_long_gaps_are_unspoken() -> None:
    audio = _sound((0.2, 3.8), seconds=5.0, noise=8000.0)
    assert find_unspoken(_words((0.2, 1.0), (3.5, 4.0)), audio) == []
    assert find_unspoken(_words((0.2, 1.0)), audio) == [Unspoken(1.0, 5.0, 1, 1)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 5), max_size=12), st.lists(st.floats(0, 5), max_size=6), st.floats(0, 3000))
def test_what_is_unspoken_is_less_than_the_window_and_never_twice(
    times: list[float], tones: list[float], noise: float
) -> None:
    words = _words(*pairwise(sorted(times)))
    found = find_unspoken(words, _sound(*pairwise(sorted(tones)), seconds=5.0, noise=noise))
    for one in found:
        assert 0 <= one.start < one.end <= 5.0
        assert 0 <= one.first <= one.last <= len(words)
        assert one.last - one.first < len(words)
        assert all(one.start <= word.start and word.end <= one.end for word in words[one.first : one.last])
    assert all(a.end <= b.start and a.last < b.first for a, b in pairwise(found))

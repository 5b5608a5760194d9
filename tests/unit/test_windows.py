"""Packing speech into windows loses nothing, and times find their way back."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.speech.windows import JOINED_PAUSE, MAX_SAMPLES, chunks_of, gather, pack, place
from stt_ai.types import SAMPLE_RATE, Pcm, SpeechRegion, Window, Word


@st.composite
def regions(draw: st.DrawFn, longest: int = 100 * SAMPLE_RATE, pause: int = 3 * SAMPLE_RATE) -> list[SpeechRegion]:
    at, found = 0, []
    for gap, length in draw(st.lists(st.tuples(st.integers(0, pause), st.integers(1, longest)), max_size=20)):
        found.append(SpeechRegion(at + gap, at + gap + length))
        at += gap + length
    return found


@st.composite
def clocked_words(draw: st.DrawFn, seconds: float) -> list[Word]:
    times = sorted(draw(st.lists(st.floats(0, seconds), max_size=20)))
    return [Word(" w", start, end, 1.0) for start, end in pairwise(times)]


def _covered(windows: tuple[Window, ...]) -> list[tuple[int, int]]:
    return [(piece.start, piece.end) for window in windows for piece in window.pieces]


LONGEST_PAUSES = st.none() | st.integers(0, 5 * SAMPLE_RATE)


@given(regions(), LONGEST_PAUSES)
def test_every_speech_sample_lies_in_exactly_one_window_in_order(
    found: list[SpeechRegion], max_pause: int | None
) -> None:
    spans = _covered(pack(found, max_pause=max_pause))
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    for region in found:
        inside = sum(max(0, min(end, region.end) - max(start, region.start)) for start, end in spans)
        assert inside == region.end - region.start


@given(regions())
def test_no_window_is_longer_than_the_model_takes_and_they_are_numbered(found: list[SpeechRegion]) -> None:
    windows = pack(found)
    assert [window.index for window in windows] == list(range(len(windows)))
    assert all(0 < window.samples <= MAX_SAMPLES for window in windows)


@given(regions())
def test_only_short_pauses_are_transcribed_beside_speech(found: list[SpeechRegion]) -> None:
    windows = pack(found)
    for window in windows:
        for piece in window.pieces:
            inside = [r for r in found if r.end > piece.start and r.start < piece.end]
            assert inside[0].start <= piece.start
            assert inside[-1].end >= piece.end
            assert all(after.start - before.end <= JOINED_PAUSE for before, after in pairwise(inside))
        assert all(after.start - before.end > JOINED_PAUSE for before, after in pairwise(window.pieces))


@given(regions(longest=20 * SAMPLE_RATE))
def test_neighbouring_windows_could_not_have_been_one(found: list[SpeechRegion]) -> None:
    for before, after in pairwise(pack(found)):
        first = next(r for r in found if r.end > after.pieces[0].start)
        pause = after.pieces[0].start - before.pieces[-1].end
        together = before.samples + (first.end - first.start) + (pause if pause <= JOINED_PAUSE else 0)
        assert together > MAX_SAMPLES


@given(regions(longest=20 * SAMPLE_RATE), st.integers(0, 5 * SAMPLE_RATE))
def test_what_stands_too_far_apart_is_not_in_one_window(found: list[SpeechRegion], max_pause: int) -> None:
    for window in pack(found, max_pause=max_pause):
        assert all(after.start - before.end <= max_pause for before, after in pairwise(window.pieces))


@given(regions(longest=20 * SAMPLE_RATE), st.integers(0, 2 * SAMPLE_RATE))
def test_where_no_pause_is_left_out_a_window_is_one_piece_of_the_file(found: list[SpeechRegion], pause: int) -> None:
    """So a time in the window is a time of the file but for an offset."""
    windows = pack(found, joined_pause=pause, max_pause=pause)
    assert all(len(window.pieces) == 1 for window in windows)


def test_a_region_longer_than_a_window_is_cut_in_equal_parts() -> None:
    windows = pack([SpeechRegion(0, 31 * SAMPLE_RATE)])
    assert [window.duration for window in windows] == [15.5, 15.5]


def test_no_speech_makes_no_window() -> None:
    assert pack([]) == ()


@given(st.data())
def test_placed_words_stay_in_their_piece_and_never_run_backwards(data: st.DataObject) -> None:
    for window in pack(data.draw(regions())):
        words = data.draw(clocked_words(window.duration + 1))
        placed = place(words, window)
        assert [word.text for word in placed] == [word.text for word in words]
        assert all(before.start <= after.start for before, after in pairwise(placed))
        for word in placed:
            assert word.start <= word.end
            assert any(
                piece.start / SAMPLE_RATE <= word.start and word.end <= piece.end / SAMPLE_RATE
                for piece in window.pieces
            )


@given(st.data())
def test_a_time_inside_a_piece_comes_back_to_the_sample_that_was_transcribed(data: st.DataObject) -> None:
    for window in pack(data.draw(regions())):
        before = 0
        for piece in window.pieces:
            offset = data.draw(st.integers(0, piece.end - piece.start - 1))
            at = (before + offset) / SAMPLE_RATE
            (word,) = place([Word(" w", at, (before + piece.end - piece.start) / SAMPLE_RATE, 1.0)], window)
            assert word.start == pytest.approx((piece.start + offset) / SAMPLE_RATE)
            assert word.end == pytest.approx(piece.end / SAMPLE_RATE)
            before += piece.end - piece.start


def test_a_word_across_a_cut_lies_where_most_of_it_is() -> None:
    window = Window(0, (SpeechRegion(0, SAMPLE_RATE), SpeechRegion(10 * SAMPLE_RATE, 11 * SAMPLE_RATE)))
    early, late = place([Word(" a", 0.5, 1.2, 1.0), Word(" b", 0.9, 1.8, 1.0)], window)
    assert (early.start, early.end) == (0.5, 1.0)
    assert (late.start, late.end) == (10.0, pytest.approx(10.8))


@given(st.integers(1, 5000), regions(longest=10_000, pause=20_000))
def test_the_samples_of_a_window_are_gathered_from_the_chunks_it_names(
    chunk_samples: int, found: list[SpeechRegion]
) -> None:
    total = found[-1].end if found else 0
    chunk_samples = max(chunk_samples, total // 100)
    audio = (np.arange(total) % 31013).astype(np.int16)
    chunks = tuple(audio[at : at + chunk_samples] for at in range(0, total, chunk_samples))
    pcm = Pcm(chunks, chunk_samples, total)
    for window in pack(found, max_samples=12_000, joined_pause=1000):
        needed = chunks_of(window, pcm)
        assert sorted(set(needed)) == list(needed)
        gathered = gather(window, chunk_samples, {index: chunks[index] for index in needed})
        expected = np.concatenate([audio[piece.start : piece.end] for piece in window.pieces])
        assert gathered.dtype == np.int16
        assert np.array_equal(gathered, expected)


def test_a_chunk_that_ends_too_early_is_an_error_not_silence() -> None:
    window = Window(0, (SpeechRegion(0, 20),))
    with pytest.raises(ValueError, match="chunk 1"):
        gather(window, 10, {0: np.zeros(10, np.int16), 1: np.zeros(4, np.int16)})

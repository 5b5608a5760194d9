"""Where utterances begin and end, beside the offline voice activity detection on the same probabilities."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.engines.silero import VadOptions, speech_regions
from stt_ai.speech.endpointing import FRAME, Began, Change, Ended, Endpointer, Endpointing, Paused, Resumed
from stt_ai.types import SAMPLE_RATE

Span = tuple[int, int]

# Long silences and talks, bursts, and what the detector is unsure of.
stretches = st.lists(
    st.tuples(st.sampled_from([0.02, 0.4, 0.6, 0.97]), st.one_of(st.integers(1, 8), st.integers(1, 500))), max_size=25
)
options = st.builds(
    Endpointing,
    endpoint=st.one_of(st.none(), st.floats(0.01, 3.0)),
    soft_cut=st.just(4.0),
    hard_cut=st.floats(6.0, 8.0),
)


def _probabilities(parts: list[tuple[float, int]]) -> list[float]:
    return [probability for probability, frames in parts for _ in range(frames)]


def _run(endpointer: Endpointer, probabilities: list[float]) -> list[Change]:
    return [change for probability in probabilities for change in endpointer.push(probability)]


def _spans(changes: list[Change]) -> list[tuple[Began, Ended]]:
    begun = [change for change in changes if isinstance(change, Began)]
    ended = [change for change in changes if isinstance(change, Ended)]
    return list(zip(begun, ended, strict=True))


def _alone(endpointing: Endpointing | None, *parts: tuple[float, int]) -> list[Change]:
    return _run(Endpointer(endpointing), _probabilities(list(parts)))


@given(stretches, options)
def test_all_speech_that_is_found_offline_lies_in_one_utterance(
    parts: list[tuple[float, int]], endpointing: Endpointing
) -> None:
    probabilities = _probabilities(parts)
    endpointer = Endpointer(endpointing)
    length = len(probabilities) * FRAME
    changes = _run(endpointer, probabilities) + endpointer.end(length)
    spans = [(began.start, ended.end) for began, ended in _spans(changes)]
    assert all(0 <= start < end <= length for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    vad = VadOptions(pad=0.0, shortest_file=0.0, max_region_s=1e9)
    covered = np.zeros(length, np.int8)
    for start, end in spans:
        covered[start:end] += 1
    for region in speech_regions(np.array(probabilities, np.float32), length, vad):
        assert (covered[region.start : region.end] == 1).all()


@given(stretches, options)
def test_no_utterance_is_longer_than_it_may_be(parts: list[tuple[float, int]], endpointing: Endpointing) -> None:
    endpointer = Endpointer(endpointing)
    started = 0
    for probability in _probabilities(parts):
        for change in endpointer.push(probability):
            if isinstance(change, Began):
                started = change.start
            elif isinstance(change, Ended):
                assert change.end - started <= endpointing.hard_cut * SAMPLE_RATE + FRAME
                assert change.end <= endpointer.position
                assert change.voice_end <= change.end
        lag = endpointer.position - endpointer.needed_from
        assert 0 <= lag <= endpointing.hard_cut * SAMPLE_RATE + FRAME


@given(stretches, options)
def test_a_pause_shows_what_the_utterance_will_be(parts: list[tuple[float, int]], endpointing: Endpointing) -> None:
    paused: Paused | None = None
    for change in _run(Endpointer(endpointing), _probabilities(parts)):
        if isinstance(change, Paused):
            paused = change
        elif isinstance(change, Ended):
            if paused is not None:
                assert change.end == paused.end
            else:
                assert not change.speech_final
            paused = None
        elif isinstance(change, Resumed):
            assert paused is not None
            paused = None


@given(stretches, options, st.integers(0, 10**9))
def test_positions_count_from_where_the_stream_goes_on(
    parts: list[tuple[float, int]], endpointing: Endpointing, start: int
) -> None:
    probabilities = _probabilities(parts)
    here = _spans_of(_run(Endpointer(endpointing), probabilities))
    there = _spans_of(_run(Endpointer(endpointing, start), probabilities))
    assert there == [at + start for at in here]


def _spans_of(changes: list[Change]) -> list[int]:
    return [at for change in changes if not isinstance(change, Resumed) for at in _positions(change)]


def _positions(change: Began | Paused | Ended) -> list[int]:
    return [change.start, change.voice] if isinstance(change, Began) else [change.end]


def test_speech_is_taken_from_before_it_begins_until_after_it_ends() -> None:
    began, paused, ended = _alone(None, (0.0, 40), (0.9, 30), (0.0, 40))
    assert began == Began(40 * FRAME - 4800, 40 * FRAME)
    assert paused == Paused(76 * FRAME)
    assert ended == Ended(76 * FRAME, 70 * FRAME, speech_final=True)


def test_a_burst_neither_begins_an_utterance_nor_holds_one_open() -> None:
    assert _alone(None, (0.0, 20), (0.99, 4), (0.0, 60)) == []
    changes = _alone(None, (0.9, 30), (0.0, 10), (0.99, 4), (0.0, 8))
    assert changes[-1] == Ended(36 * FRAME, 30 * FRAME, speech_final=True)


def test_a_speaker_who_goes_on_in_time_has_one_utterance() -> None:
    began, paused, resumed, again = _alone(None, (0.9, 30), (0.0, 10), (0.9, 30), (0.0, 6))
    assert (began, paused) == (Began(0, 0), Paused(36 * FRAME))
    assert (resumed, again) == (Resumed(), Paused(76 * FRAME))


def test_without_endpointing_only_length_ends_an_utterance() -> None:
    endless = Endpointing(endpoint=None, soft_cut=6.0, hard_cut=8.0)
    kinds = [type(change) for change in _alone(endless, (0.9, 30), (0.0, 100))]
    assert kinds == [Began, Paused]
    *_, ended = _alone(endless, (0.9, 30), (0.0, 200))
    assert ended == Ended(36 * FRAME, 30 * FRAME, speech_final=False)


def test_a_long_utterance_ends_at_a_short_pause() -> None:
    changes = _alone(Endpointing(soft_cut=5.0), (0.9, 200), (0.0, 6))
    assert changes[-1] == Ended(206 * FRAME, 200 * FRAME, speech_final=False)


def test_the_longer_an_utterance_is_the_shorter_a_pause_ends_it() -> None:
    growing = Endpointing(endpoint=0.6, relax=2.0, soft_cut=6.0)
    needed = []
    for spoken in (30, 100, 150, 200):
        silent = next(
            frames for frames in range(1, 40) if isinstance(_alone(growing, (0.9, spoken), (0.0, frames))[-1], Ended)
        )
        needed.append(silent)
    assert needed == sorted(needed, reverse=True)
    assert needed[0] == 19
    assert needed[0] > needed[1] > needed[2] > needed[3] == 6


def test_a_pause_is_told_before_it_parts_two_stretches_of_speech() -> None:
    assert _alone(None, (0.9, 30), (0.0, 3)) == [Began(0, 0)]
    began, paused, resumed = _alone(None, (0.9, 30), (0.0, 4), (0.9, 5))
    assert (began, paused, resumed) == (Began(0, 0), Paused(36 * FRAME), Resumed())


def test_an_utterance_that_is_cut_within_a_short_pause_is_no_longer_paused() -> None:
    changes = _alone(Endpointing(soft_cut=7.0, hard_cut=8.0), (0.9, 246), (0.0, 5))
    kinds = [type(change) for change in changes]
    assert kinds[:4] == [Began, Paused, Resumed, Ended]


def test_one_that_does_not_pause_is_cut_where_breath_is_likeliest() -> None:
    changes = _alone(Endpointing(hard_cut=8.0), (0.9, 200), (0.55, 5), (0.9, 100))
    (began, ended), again = _spans(changes[:2])[0], changes[2]
    assert began.start == 0
    assert 198 * FRAME <= ended.end <= 207 * FRAME
    assert again == Began(ended.end, ended.end, continued=True)


def test_asked_to_end_it_takes_all_that_was_said_even_a_burst() -> None:
    endpointer = Endpointer()
    assert _run(endpointer, [0.0] * 20 + [0.9] * 3) == []
    began, ended = endpointer.end(23 * FRAME + 100)
    assert began == Began(20 * FRAME - 4800, 20 * FRAME)
    assert ended == Ended(23 * FRAME + 100, 23 * FRAME, speech_final=False)
    assert endpointer.end(23 * FRAME + 100) == []

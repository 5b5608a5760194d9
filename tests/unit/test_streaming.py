"""Live sessions in virtual time, with a model that transcribes a talk whose words are known."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.speech.endpointing import FRAME
from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.events import Event, Final, Partial, SpeechStarted, SpeechStopped, UtteranceEnd
from stt_ai.streaming.session import LiveSession
from stt_ai.types import SAMPLE_RATE, WindowTranscript, Word
from tests.support.scripted_recognizer import (
    ScriptedRecognizer,
    ScriptedVoices,
    Talk,
    final_text,
    finals,
    in_virtual_time,
    live,
    partials,
    play,
    talk,
    talks,
)

chunkings = st.builds(
    lambda odd, last: [*odd, last],
    st.lists(st.one_of(st.integers(1, 4000), st.integers(1, 100_000)), max_size=30),
    st.integers(1000, 20_000),
)
seeds = st.integers(0, 2**32)
few = settings(max_examples=30)
HELLO = talk([(20, 60), (30, 60)])


def _latency(seed: int, longest: float) -> Callable[[], float]:
    generator = random.Random(seed)
    return lambda: generator.uniform(0, longest)


def _finals(events: list[Event]) -> list[tuple[Any, ...]]:
    return [(f.text, f.start, f.end, f.words, f.segment_id, f.speech_final) for f in finals(events)]


def _play(session: Callable[[], LiveSession], talk: Talk, chunks: list[int], **how: Any) -> list[Event]:
    async def main() -> list[Event]:
        return await play(session(), talk.samples, chunks, **how)

    return in_virtual_time(main())


@few
@given(talks, seeds, st.floats(0, 2.5), st.floats(0, 0.5), chunkings)
def test_what_was_sent_is_never_taken_back(said: Talk, seed: int, slow: float, doubt: float, chunks: list[int]) -> None:
    model = ScriptedRecognizer(said.words, doubt=doubt, latency=_latency(seed, slow), window_s=9.0)
    decided = ""
    for event in _play(lambda: live(said, model), said, chunks):
        if isinstance(event, Partial):
            assert event.text.startswith(decided)
            assert 0 <= event.stable_chars <= len(event.text)
            assert event.stable_chars >= len(decided)
            decided = event.text[: event.stable_chars]
        elif isinstance(event, Final):
            assert event.text.startswith(decided)
            decided = ""


@few
@given(talks, chunkings, seeds, st.floats(0, 2.5), st.booleans())
def test_every_word_is_sent_once_whatever_the_chunks_and_however_slow_the_model(
    said: Talk, chunks: list[int], seed: int, slow: float, paced: bool
) -> None:
    model = ScriptedRecognizer(said.words, latency=_latency(seed, slow), window_s=9.0)
    events = _play(lambda: live(said, model), said, chunks, paced=paced)
    assert final_text(events) == said.text
    ready = ScriptedRecognizer(said.words, window_s=9.0)
    assert _finals(events) == _finals(_play(lambda: live(said, ready), said, [1600]))


@few
@given(talks, chunkings, st.floats(0, 1))
def test_the_finals_are_the_same_however_the_samples_are_cut(said: Talk, chunks: list[int], doubt: float) -> None:
    config = LiveConfig("gold", interim_results=False)

    def session() -> LiveSession:
        return live(said, ScriptedRecognizer(said.words, doubt=doubt, window_s=9.0), config)

    assert _finals(_play(session, said, chunks)) == _finals(_play(session, said, [len(said.samples)], paced=False))


def test_samples_may_come_one_by_one() -> None:
    said = talk([(2, 30)])
    assert _finals(_play(lambda: live(said), said, [1], paced=False)) == _finals(_play(lambda: live(said), said, [999]))


@few
@given(talks, chunkings, seeds, st.lists(st.integers(0, 30), max_size=3))
def test_times_run_forwards_and_lie_in_what_was_received(
    said: Talk, chunks: list[int], seed: int, finalized: list[int]
) -> None:
    model = ScriptedRecognizer(said.words, latency=_latency(seed, 1.0), window_s=9.0)
    calls = iter(range(10**6))

    async def finalize(session: LiveSession) -> None:
        if next(calls) in finalized:
            await session.finalize()

    config = LiveConfig("gold", vad_events=True, utterance_end_ms=1000)
    events = _play(lambda: live(said, model, config), said, chunks, between=finalize)
    length = len(said.samples) / SAMPLE_RATE
    spans = [(final.start, final.end) for final in finals(events) if final.text]
    assert all(0 <= start <= end <= length for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    words = [word for final in finals(events) for word in final.words]
    assert all(before.start <= after.start and before.end <= after.end for before, after in pairwise(words))
    assert [final.segment_id for final in finals(events)] == list(range(len(finals(events))))
    assert [partial.seq for partial in partials(events)] == sorted({partial.seq for partial in partials(events)})
    assert len([final for final in finals(events) if final.from_finalize]) == len(
        [at for at in set(finalized) if _called(at, said, chunks)]
    )
    assert final_text([final for final in finals(events) if final.text]) == said.text


def _called(at: int, said: Talk, chunks: list[int]) -> bool:
    """Whether that many pieces were fed at all."""
    left, pieces = len(said.samples), 0
    while left > 0:
        left -= chunks[min(pieces, len(chunks) - 1)]
        pieces += 1
    return at < pieces


@few
@given(talks, seeds, st.integers(0, 400))
def test_a_session_that_was_cut_off_goes_on_without_loss_or_repetition(said: Talk, seed: int, pieces: int) -> None:
    samples = said.samples

    async def main() -> str:
        first = live(said, ScriptedRecognizer(said.words, latency=_latency(seed, 1.0), window_s=9.0))
        received: list[Event] = []
        events = first.events()
        for at in range(0, min(pieces * 1600, len(samples)), 1600):
            await first.feed(samples[at : at + 1600])
            with contextlib.suppress(TimeoutError):
                received.append(await asyncio.wait_for(anext(events), 0.1))
        await first.aclose()
        begin = first.last_final_end // FRAME * FRAME
        segments = len(finals(received))
        second = live(said, start_at_sample=begin, first_segment_id=segments)
        received += await play(second, samples[begin:], [1600])
        assert [final.segment_id for final in finals(received)] == list(range(len(finals(received))))
        return final_text(received)

    assert in_virtual_time(main()) == said.text


@pytest.mark.parametrize("seconds", [0, 0.001, 30])
def test_silence_gives_no_text_and_the_events_end(seconds: float) -> None:
    silent = Talk((0.02,) * int(seconds * SAMPLE_RATE // FRAME + 1), ())
    session = [live(silent)]
    assert _play(lambda: session[0], silent, [round(seconds * SAMPLE_RATE) or 1]) == []
    assert session[0].received_samples == len(silent.samples)


def test_a_stream_without_a_sample_ends_too() -> None:
    assert _play(lambda: live(HELLO), Talk((), ()), [1]) == []
    assert (
        _play(lambda: LiveSession(LiveConfig("gold"), ScriptedRecognizer([]), ScriptedVoices([])), Talk((), ()), [1])
        == []
    )


def test_noise_in_which_the_model_finds_no_speech_gives_no_text() -> None:
    noise = talk([(20, 60), (30, 60)])
    assert _play(lambda: live(noise, ScriptedRecognizer([])), noise, [1600]) == []


def test_partials_grow_with_the_speech_and_the_final_follows_the_pause() -> None:
    events = _play(lambda: live(HELLO), HELLO, [320])
    texts = [partial.text for partial in partials(events)]
    assert texts[0] == "w0"
    assert all(len(before) <= len(after) for before, after in pairwise(texts[:5]))
    first, second = finals(events)
    assert (first.text, first.speech_final) == ("w0 w1 w2 w3 w4", True)
    assert first.start == pytest.approx(20 * FRAME / SAMPLE_RATE)
    assert first.end == pytest.approx(80 * FRAME / SAMPLE_RATE)
    assert [word.word for word in first.words] == first.text.split()
    assert (second.text, second.speech_final) == ("w5 w6 w7 w8 w9", False)


def test_no_more_is_sent_than_was_asked_for() -> None:
    plain = LiveConfig("gold", interim_results=False, word_timestamps=False)
    events = _play(lambda: live(HELLO, config=plain), HELLO, [1600])
    assert [type(event) for event in events] == [Final, Final]
    assert all(final.words == () and final.end > final.start for final in finals(events))


def test_what_the_voice_does_is_reported_where_asked_for() -> None:
    said = talk([(20, 60), (70, 60), (70, 0)])
    config = LiveConfig("gold", interim_results=False, vad_events=True, utterance_end_ms=1500)
    events = _play(lambda: live(said, config=config), said, [1600])
    order = [SpeechStarted, SpeechStopped, Final, UtteranceEnd]
    assert [type(event) for event in events] == order * 2
    first = finals(events)[0]
    assert events[0] == SpeechStarted(first.start)
    assert events[1] == SpeechStopped(first.end)
    assert events[3] == UtteranceEnd(first.end)


def test_finalize_is_answered_in_order_also_when_there_is_nothing_to_end() -> None:
    said = talk([(20, 100)])

    async def main() -> list[Event]:
        session = live(
            said, ScriptedRecognizer(said.words, latency=lambda: 1.0), LiveConfig("gold", interim_results=False)
        )
        await session.start()
        await session.finalize()
        await session.feed(said.samples[: 70 * FRAME + 100])
        await session.finalize()
        await session.finalize()
        await session.feed(said.samples[70 * FRAME + 100 :])
        await session.stop()
        events = [event async for event in session.events()]
        await session.aclose()
        return events

    events = finals(in_virtual_time(main()))
    assert [(final.from_finalize, final.speech_final, bool(final.text)) for final in events] == [
        (True, False, False),
        (True, False, True),
        (True, False, False),
        (False, False, True),
    ]
    assert " ".join(final.text for final in events if final.text) == said.text


def test_the_language_is_found_once_and_kept() -> None:
    said = talk([(5, 80), (30, 80)])
    asked: list[str | None] = []

    class Noting(ScriptedRecognizer):
        async def transcribe_final(self, samples: Any, options: Any, *, key: str) -> Any:
            asked.append(options.language)
            return await super().transcribe_final(samples, options, key=key)

    config = LiveConfig("gold", interim_results=False)
    _play(lambda: live(said, Noting(said.words), config), said, [1600])
    assert asked == [None, "en"]


def test_hours_of_speech_take_no_more_memory_than_minutes() -> None:
    """Ten hours of a talk, the same half minute again and again."""
    piece = talk([(25, 300), (25, 100), (400, 80)])
    laps = round(10 * 3600 * SAMPLE_RATE / len(piece.samples))
    voices = ScriptedVoices(np.tile(piece.probabilities, laps).tolist())

    class Deaf(ScriptedRecognizer):
        async def transcribe_final(self, samples: Any, options: Any, *, key: str) -> WindowTranscript:
            return WindowTranscript((Word(" hm", 0.0, 0.1, 0.9),), "en", 0.9)

    async def main() -> tuple[int, int, int]:
        config = LiveConfig("gold", interim_results=False, utterance_end_ms=1000)
        session = LiveSession(config, Deaf([]), voices, clock=lambda: 0.0)
        reader = asyncio.create_task(_count(session))
        limit = 0
        for _ in range(laps):
            await session.feed(piece.samples)
            assert session._stream is not None
            limit = max(limit, session._stream._ring.capacity)
            assert session._stream.pending_samples <= 60 * SAMPLE_RATE
        await session.stop()
        await session.aclose()
        return session.received_samples, limit, await reader

    received, limit, ended = in_virtual_time(main())
    assert received == pytest.approx(10 * 3600 * SAMPLE_RATE, rel=0.01)
    assert limit <= 4 * 30 * SAMPLE_RATE
    assert ended == 4 * laps  # three finals, and one silence that is long enough


async def _count(session: LiveSession) -> int:
    return len([None async for _ in session.events()])

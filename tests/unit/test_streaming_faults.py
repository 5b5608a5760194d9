"""Live sessions whose model fails or is slow, whose reader is slow, and that are left at any moment."""

import asyncio
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.errors import InternalError, ModelLoading, Overloaded, SlowConsumer, Unavailable
from stt_ai.meters import LIVE_LAG
from stt_ai.speech.endpointing import FRAME
from stt_ai.streaming.config import LiveConfig, LiveLimits
from stt_ai.streaming.events import Event
from stt_ai.streaming.latency import LatencyTracker
from stt_ai.streaming.session import LiveSession
from stt_ai.types import SAMPLE_RATE, LoadedModel
from tests.support.scripted_recognizer import (
    ScriptedRecognizer,
    Talk,
    final_text,
    finals,
    in_virtual_time,
    live,
    now,
    partials,
    play,
    talk,
    talks,
)
from tests.support.telemetry import RecordedMeters

TALK = talk([(10, 200), (30, 120), (30, 60)])
MINUTE = talk([(5, 1800)])
BUSY = Overloaded("The service has more to do than it can take.", 2.0)


def _play(session: Callable[[], LiveSession], talk: Talk = TALK) -> list[Event]:
    async def main() -> list[Event]:
        return await play(session(), talk.samples, [1600])

    return in_virtual_time(main())


def _sometimes(probability: float, seed: int) -> Callable[[str], bool]:
    """Refuses finals and drops guesses that often, but no final four times in a row."""
    generator, refused = random.Random(seed), [0]

    def trouble(kind: str) -> bool:
        bad = generator.random() < probability
        if kind == "guess":
            return bad
        refused[0] = refused[0] + 1 if bad and refused[0] < 4 else 0
        if refused[0]:
            raise BUSY
        return False

    return trouble


@settings(max_examples=30)
@given(talks, st.floats(0, 1), st.integers(0, 99), st.floats(0, 1))
def test_a_model_that_is_busy_now_and_then_costs_time_and_no_text(
    said: Talk, probability: float, seed: int, slow: float
) -> None:
    model = ScriptedRecognizer(said.words, trouble=_sometimes(probability, seed), latency=lambda: slow, window_s=9.0)
    assert final_text(_play(lambda: live(said, model), said)) == said.text


def test_a_model_that_stays_busy_ends_the_session_with_what_it_said() -> None:
    def busy(kind: str) -> bool:
        raise BUSY

    model = ScriptedRecognizer(TALK.words, trouble=busy)
    with pytest.raises(Overloaded):
        _play(lambda: live(TALK, model))
    tried = [at for kind, at in model.calls if kind == "hear"]
    assert LiveLimits().final_retry_s <= tried[-1] - tried[0] <= LiveLimits().final_retry_s + 2


def test_a_model_that_fails_once_is_asked_again_and_one_that_fails_twice_ends_the_session() -> None:
    def failing(times: int) -> ScriptedRecognizer:
        left = [times]

        def trouble(kind: str) -> bool:
            if kind == "hear" and left[0]:
                left[0] -= 1
                raise InternalError("The speech model failed on this audio.")
            return False

        return ScriptedRecognizer(TALK.words, trouble=trouble)

    assert final_text(_play(lambda: live(TALK, failing(1)))) == TALK.text
    with pytest.raises(InternalError, match="failed on this audio"):
        _play(lambda: live(TALK, failing(2)))


def test_a_fault_of_our_own_ends_the_session_in_one_sentence() -> None:
    def broken(kind: str) -> bool:
        raise KeyError(kind)

    with pytest.raises(InternalError, match="this stream"):
        _play(lambda: live(TALK, ScriptedRecognizer(TALK.words, trouble=broken)))


def test_a_model_that_cannot_be_had_says_so_at_the_start() -> None:
    class Absent(ScriptedRecognizer):
        async def describe(self) -> LoadedModel:
            raise ModelLoading("The model is being loaded.")

    async def main() -> None:
        session = live(TALK, Absent([]))
        with pytest.raises(ModelLoading):
            await session.start()
        with pytest.raises(ModelLoading):
            await session.feed(TALK.samples)
        await session.aclose()

    in_virtual_time(main())


def test_what_failed_is_told_to_whoever_feeds_and_stops() -> None:
    def busy(kind: str) -> bool:
        raise Unavailable("Out of order.", 0.1)

    async def main() -> None:
        session = live(TALK, ScriptedRecognizer(TALK.words, trouble=busy), limits=LiveLimits(final_retry_s=0))
        with pytest.raises(Unavailable):
            await session.feed(TALK.samples)
        for call in (session.feed(TALK.samples), session.finalize(), session.stop(), anext(session.events())):
            with pytest.raises(Unavailable):
                await call
        await session.aclose()

    in_virtual_time(main())


def test_under_load_partials_become_rare_and_finals_stay() -> None:
    quick, slow = (ScriptedRecognizer(MINUTE.words, latency=lambda s=s: s, window_s=9.0) for s in (0.0, 1.0))
    assert final_text(_play(lambda: live(MINUTE, quick), MINUTE)) == MINUTE.text
    assert final_text(_play(lambda: live(MINUTE, slow), MINUTE)) == MINUTE.text
    guesses = [sum(kind == "guess" for kind, _ in model.calls) for model in (quick, slow)]
    seconds = len(MINUTE.samples) / SAMPLE_RATE
    assert guesses[0] > 2.5 * seconds
    assert guesses[1] <= seconds / 1.3 + 2


def test_guesses_that_are_dropped_are_asked_for_ever_more_rarely() -> None:
    dropping = ScriptedRecognizer(MINUTE.words, trouble=lambda kind: kind == "guess", window_s=9.0)
    events = _play(lambda: live(MINUTE, dropping), MINUTE)
    assert final_text(events) == MINUTE.text
    assert sum(kind == "guess" for kind, _ in dropping.calls) <= 8 + len(MINUTE.samples) / SAMPLE_RATE / 5


def test_a_stream_that_comes_too_fast_waits_for_its_finals_and_has_no_partials_worth_it() -> None:
    limits = LiveLimits(max_pending_audio_s=20)

    async def main() -> tuple[list[Event], float]:
        slow = ScriptedRecognizer(MINUTE.words, latency=lambda: 4.0, window_s=9.0)
        session = live(MINUTE, slow, limits=limits)
        reader = asyncio.create_task(_all(session))
        limit = 0
        for at in range(0, len(MINUTE.samples), 8000):
            await session.feed(MINUTE.samples[at : at + 8000])
            assert session._stream is not None
            limit = max(limit, session._stream.pending_samples)
        fed = now()
        await session.stop()
        await session.aclose()
        assert limit <= (20 + 9) * SAMPLE_RATE
        return await reader, fed

    events, fed = in_virtual_time(main())
    assert final_text(events) == MINUTE.text
    assert fed >= 3 * 4.0
    assert len(partials(events)) <= 2


async def _all(session: LiveSession) -> list[Event]:
    return [event async for event in session.events()]


def test_a_flood_of_finalize_waits_for_the_text_before_it_and_is_answered() -> None:
    flood = 1000

    async def main() -> list[Event]:
        session = live(
            TALK, ScriptedRecognizer(TALK.words, latency=lambda: 100.0), LiveConfig("gold", interim_results=False)
        )
        reader = asyncio.create_task(_all(session))
        await session.feed(TALK.samples[: 100 * FRAME])
        for _ in range(flood):
            await session.finalize()
        await session.feed(TALK.samples[100 * FRAME :])
        await session.stop()
        await session.aclose()
        return await reader

    events = in_virtual_time(main())
    assert final_text(final for final in finals(events) if final.text) == TALK.text
    assert sum(final.from_finalize for final in finals(events)) == flood


def test_when_samples_came_is_known_in_bounded_memory_however_small_their_pieces() -> None:
    came, meters = 0.0, RecordedMeters()
    latency = LatencyTracker(meters, lambda: came, 0)
    for position in range(1, 10 * SAMPLE_RATE + 1):
        came = position / SAMPLE_RATE
        latency.received(position)
    assert len(latency._arrivals) <= 10 * 50 + 1
    for end in (2.0, 7.123):
        latency.emitted(round(end * SAMPLE_RATE))
    assert meters.of(LIVE_LAG) == pytest.approx([10 - 2.0, 10 - 7.123], abs=0.02)


def test_a_reader_that_reads_nothing_is_told_off_and_holds_nothing() -> None:
    async def main() -> None:
        session = live(TALK, config=LiveConfig("gold", vad_events=True), limits=LiveLimits(events=4))
        with pytest.raises(SlowConsumer):
            for at in range(0, len(TALK.samples), 1600):
                await asyncio.sleep(0.1)
                await session.feed(TALK.samples[at : at + 1600])
        events = []
        with pytest.raises(SlowConsumer):
            async for event in session.events():
                events.append(event)
        assert len(finals(events)) == 1
        await session.aclose()

    in_virtual_time(main())


def test_a_slow_reader_misses_partials_and_nothing_else() -> None:
    async def main() -> list[Event]:
        session = live(TALK)
        for at in range(0, len(TALK.samples), 1600):
            await asyncio.sleep(0.1)
            await session.feed(TALK.samples[at : at + 1600])
        await session.stop()
        events = await _all(session)
        await session.aclose()
        return events

    events = in_virtual_time(main())
    assert final_text(events) == TALK.text
    assert partials(events) == []


@settings(max_examples=25)
@given(st.integers(0, 400), st.booleans(), st.floats(0, 0.5))
def test_a_session_left_at_any_moment_leaves_nothing(turns: int, cancelled: bool, slow: float) -> None:
    """After so many turns of the event loop it is closed, or all who use it are cancelled at once."""

    async def main() -> None:
        session = live(TALK, ScriptedRecognizer(TALK.words, latency=lambda: slow))
        using = asyncio.create_task(_use(session))
        for _ in range(turns):
            await asyncio.sleep(0 if turns % 2 else 0.011)
        if cancelled:
            using.cancel()
        await session.aclose()
        await session.aclose()
        await asyncio.wait([using])
        assert session.last_final_end <= session.received_samples
        # `in_virtual_time` sees that no task is left.

    in_virtual_time(main())


async def _use(session: LiveSession) -> None:
    reader = asyncio.create_task(_all(session))
    try:
        for at in range(0, len(TALK.samples), 4000):
            await session.feed(TALK.samples[at : at + 4000])
            await asyncio.sleep(0.01)
            if at % 20_000 == 0:
                await session.finalize()
        await session.stop()
        await reader
    except RuntimeError:
        assert session._closed
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


def test_a_stop_that_waits_ends_when_the_session_is_closed() -> None:
    async def main() -> None:
        session = live(TALK, ScriptedRecognizer(TALK.words, latency=lambda: 100.0))
        await session.feed(TALK.samples)
        stopping = asyncio.create_task(session.stop())
        await asyncio.sleep(1)
        await session.aclose()
        await stopping
        assert now() < 2

    in_virtual_time(main())


def test_a_speculation_that_was_in_vain_is_cancelled() -> None:
    """The speaker goes on after a short pause: the final of what came before it is not wanted any more."""
    said = talk([(0, 60), (9, 60)])
    ended: list[str] = []

    class Slow(ScriptedRecognizer):
        async def transcribe_final(self, samples, options, *, key):  # type: ignore[no-untyped-def]
            try:
                await asyncio.sleep(1.0)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise
            return await super().transcribe_final(samples, options, key=key)

    assert final_text(_play(lambda: live(said, Slow(said.words)), said)) == said.text
    assert ended == ["cancelled"]


def test_a_final_is_there_when_the_silence_has_become_long_enough() -> None:
    """Its decoding took place while the silence grew."""
    said = talk([(10, 60), (40, 0)])

    async def main() -> float:
        session = live(said, ScriptedRecognizer(said.words, latency=lambda: 0.25))
        waiting = asyncio.create_task(_first_final(session))
        await _pace(session, said)
        return await waiting

    late = in_virtual_time(main()) - 70 * FRAME / SAMPLE_RATE
    assert 0.5 <= late <= 0.5 + 2 * FRAME / SAMPLE_RATE


async def _first_final(session: LiveSession) -> float:
    async for event in session.events():
        if finals([event]):
            return now()
    raise AssertionError("no final came")


async def _pace(session: LiveSession, said: Talk) -> None:
    for at in range(0, len(said.samples), FRAME):
        await asyncio.sleep(FRAME / SAMPLE_RATE)
        await session.feed(said.samples[at : at + FRAME])
    await session.stop()
    await session.aclose()

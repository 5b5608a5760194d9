"""The transcriber between live speakers and files: who is served first, and what is dropped. The model is the demo."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from faster_whisper import decode_audio

from stt_ai.deployments.scaling import AUDIO_S, BUSY, LIVE, PIECES
from stt_ai.deployments.transcriber import DecodeKind, DecodeRequest, TranscriberConfig, TranscriberDeployment
from stt_ai.errors import InternalError, Unavailable
from stt_ai.models.catalogue import DOCUMENTED
from stt_ai.models.wanted import SourceSettings
from stt_ai.types import (
    SAMPLE_RATE,
    DecodingOptions,
    Hypothesis,
    Pcm,
    Samples,
    SpeechRegion,
    Window,
    WindowTranscript,
)
from tests.support.word_errors import DATA

ENGLISH = DecodingOptions("en", beam_size=1, temperatures=(0.0,))


class Held(TranscriberDeployment):
    """One batch of each queue at a time; while it is held, one that has begun does not end.

    ``batches``: what they were of.
    """

    def __init__(self) -> None:
        super().__init__(TranscriberConfig(DOCUMENTED[0], SourceSettings(source="demo"), preload=True))
        for queue in self._schedulers:
            queue.max_concurrency = 1
        self.free = threading.Event()
        self.files_free = threading.Event()
        for event in (self.free, self.files_free):
            event.set()
        self.batches: list[list[tuple[DecodeKind, bool]]] = []
        self._begun: asyncio.Queue[None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def _run(self, requests: Sequence[DecodeRequest]) -> list[Any]:
        self.batches.append([(request.kind, request.live) for request in requests])
        self._loop.call_soon_threadsafe(self._begun.put_nowait, None)
        assert self.free.wait(30)
        assert requests[0].live or self.files_free.wait(30)
        return super()._run(requests)

    async def hold(self, samples: Samples) -> "asyncio.Task[Any]":
        """A batch runs and does not end before the model is free."""
        self.free.clear()
        task = asyncio.create_task(self.transcribe_final(samples, ENGLISH, "other"))
        await asyncio.wait_for(self._begun.get(), 30)
        return task

    async def waiting(self, *work: Any, begun: int = 1) -> "list[asyncio.Task[Any]]":
        tasks = [asyncio.create_task(one) for one in work]
        async with asyncio.timeout(30):
            while self._stats().submitted < len(tasks) + begun:  # noqa: ASYNC110 - a count is no event
                await asyncio.sleep(0)
        return tasks


@asynccontextmanager
async def held() -> AsyncIterator[Held]:
    deployment = Held()
    try:
        yield deployment
    finally:
        deployment.free.set()
        deployment.files_free.set()
        for queue in deployment._schedulers:
            await queue.close()


def _audio() -> Samples:
    wave = decode_audio(str(DATA / "hello_3s.flac"), sampling_rate=16000)
    return (wave * 32767).clip(-32768, 32767).astype(np.int16)


async def _of_a_file(deployment: TranscriberDeployment, samples: Samples) -> WindowTranscript:
    chunk: asyncio.Future[Samples] = asyncio.get_running_loop().create_future()
    chunk.set_result(samples)
    pcm = Pcm((chunk,), len(samples), len(samples))
    return await deployment.transcribe(pcm, Window(0, (SpeechRegion(0, len(samples)),)), ENGLISH)


def _text(recognized: Any) -> str:
    assert isinstance(recognized, WindowTranscript)
    return "".join(word.text for word in recognized.words).strip()


async def test_finals_go_before_guesses() -> None:
    samples = _audio()
    async with held() as deployment:
        first = await deployment.hold(samples)
        tasks = await deployment.waiting(
            deployment.transcribe_partial(samples, ENGLISH, "one", 60.0),
            deployment.transcribe_final(samples, ENGLISH, "two"),
            deployment.transcribe_final(samples, ENGLISH, "three"),
        )
        deployment.free.set()
        guess, *finals = await asyncio.gather(*tasks)
        live = (DecodeKind.FINAL, True)
        assert deployment.batches[1:] == [[live], [live], [(DecodeKind.PARTIAL, True)]]
        assert isinstance(guess, Hypothesis)
        assert {_text(one) for one in [*finals, await first]} == {"".join(p.text for p in guess.words).strip()}


async def test_a_live_speaker_waits_for_no_file_and_then_files_go_one_by_one() -> None:
    samples = _audio()
    async with held() as deployment:
        deployment.files_free.clear()
        final = await deployment.transcribe_final(samples, ENGLISH, "one")
        files = await deployment.waiting(*(_of_a_file(deployment, samples) for _ in range(3)))
        assert await deployment.transcribe_partial(samples, ENGLISH, "one", 60.0) is not None
        assert not any(file.done() for file in files)
        deployment.files_free.set()
        assert {_text(file) for file in await asyncio.gather(*files)} == {_text(final)}
        assert [batch for batch in deployment.batches if not batch[0][1]] == [[(DecodeKind.FINAL, False)]] * 3


async def test_a_final_takes_the_place_of_a_guess_of_its_session() -> None:
    samples = _audio()
    async with held() as deployment:
        await deployment.hold(samples)
        old, mine, others, final = await deployment.waiting(
            deployment.transcribe_partial(samples, ENGLISH, "one", 60.0),
            deployment.transcribe_partial(samples, ENGLISH, "one", 60.0),
            deployment.transcribe_partial(samples, ENGLISH, "two", 60.0),
            deployment.transcribe_final(samples, ENGLISH, "one"),
        )
        deployment.free.set()
        assert await old is None
        assert await mine is None
        assert isinstance(await others, Hypothesis)
        assert _text(await final)


async def test_a_guess_that_does_not_begin_in_time_is_dropped() -> None:
    samples = _audio()
    async with held() as deployment:
        await deployment.hold(samples)
        assert await deployment.transcribe_partial(samples, ENGLISH, "one", 0.01) is None


async def test_one_that_is_cancelled_before_it_began_is_never_decoded() -> None:
    samples = _audio()
    async with held() as deployment:
        first = await deployment.hold(samples)
        (left,) = await deployment.waiting(deployment.transcribe_final(samples, ENGLISH, "one"))
        left.cancel()
        await asyncio.wait([left])
        deployment.free.set()
        await first
        assert len(deployment.batches) == 1


async def test_a_refusal_is_a_value_and_a_bad_window_fails_alone() -> None:
    samples = _audio()
    async with held() as deployment:
        await deployment.hold(samples)
        bad, good = await deployment.waiting(
            deployment.transcribe_final(samples.astype(np.float32), ENGLISH, "one"),  # type: ignore[arg-type]
            deployment.transcribe_final(samples, ENGLISH, "two"),
        )
        deployment.free.set()
        assert isinstance((await asyncio.gather(bad, return_exceptions=True))[0], InternalError)
        assert _text(await good)
        await deployment._live_scheduler.close()
        assert isinstance(await deployment.transcribe_final(samples, ENGLISH, "one"), Unavailable)
        assert await deployment.transcribe_partial(samples, ENGLISH, "one", 60.0) is None


async def test_what_waits_and_runs_is_told_to_whoever_decides_on_replicas() -> None:
    samples = _audio()
    async with held() as deployment:
        first = await deployment.hold(samples)
        tasks = await deployment.waiting(_of_a_file(deployment, samples), _of_a_file(deployment, samples))
        said = await deployment.record_autoscaling_stats()
        assert (said[AUDIO_S], said[PIECES]) == (3 * len(samples) / SAMPLE_RATE, 3)
        deployment.free.set()
        await asyncio.gather(first, *tasks)
        said = await deployment.record_autoscaling_stats()
        assert (said[AUDIO_S], said[PIECES]) == (0, 0)
        assert 0 < said[LIVE] < said[BUSY], "the files' batches were not live"
        said = await deployment.record_autoscaling_stats()
        assert (said[LIVE], said[BUSY]) == (0, 0)

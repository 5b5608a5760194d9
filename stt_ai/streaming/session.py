"""One live transcription: samples in, events out. No socket, no Ray; time is the clock's and the audio's own."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from stt_ai.errors import SttError
from stt_ai.meters import NO_METERS, Meters
from stt_ai.ports import LiveRecognizer, VoiceDetector
from stt_ai.speech.endpointing import Endpointer, Endpointing
from stt_ai.streaming.config import LiveConfig, LiveLimits
from stt_ai.streaming.context import MIN_WINDOW_S
from stt_ai.streaming.event_emitter import EventEmitter
from stt_ai.streaming.event_queue import EventQueue
from stt_ai.streaming.events import Event
from stt_ai.streaming.latency import LatencyTracker
from stt_ai.streaming.session_decoder import SessionDecoder
from stt_ai.streaming.stream_recognizer import StreamRecognizer
from stt_ai.streaming.tasks import Tasks
from stt_ai.types import SAMPLE_RATE, LoadedModel, Samples

BLOCK = SAMPLE_RATE // 2
"""Samples that are processed before other tasks of the event loop have their turn."""
AHEAD_S = 2.0
"""No partials are made of audio that comes this far ahead of real time: nobody watches it live."""
MAX_UTTERANCE_S = 15.0
"""An utterance is cut at this length, so that live readers get a final."""
WINDOW_MARGIN_S = 0.5
RELAXED, SOFT_CUT = 0.4, 0.8
"""Fractions of the longest utterance, from which on ever shorter pauses end one, and from which on the shortest."""


class LiveSession:
    """Samples go in by `feed`, events come out of `events`; both at once, from one event loop.

    `start`, then `feed` …, then `stop`; and `aclose` on every way out.
    """

    def __init__(
        self,
        config: LiveConfig,
        recognizer: LiveRecognizer,
        voices: VoiceDetector,
        *,
        limits: LiveLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        start_at_sample: int = 0,
        first_segment_id: int = 0,
        meters: Meters = NO_METERS,
    ) -> None:
        """``start_at_sample`` and ``first_segment_id``: where a resumed session continues."""
        self._config = config
        self._limits = limits or LiveLimits()
        self._clock = clock
        self._voices = voices
        self._decoder = SessionDecoder(config, recognizer, self._limits, clock, uuid4().hex)
        self._events = EventQueue(self._limits.events, start_at_sample)
        self._latency = LatencyTracker(meters, clock, start_at_sample)
        self._emitter = EventEmitter(config, self._events, first_segment_id, self._latency)
        self._tasks = Tasks(self._fail)
        self._begin = start_at_sample
        self._begun_at: float | None = None
        self._model: LoadedModel | None = None
        self._stream: StreamRecognizer | None = None
        self._progress = asyncio.Event()
        self._over = self._closed = False
        self._failure: SttError | None = None

    @property
    def received_samples(self) -> int:
        """Return the position of the next sample, in samples of the stream."""
        return self._stream.position if self._stream else self._begin

    @property
    def last_final_end(self) -> int:
        """Return the position before which all text has been read from `events`; a resumed session begins here."""
        return self._events.delivered_until

    async def start(self) -> LoadedModel:
        """Load the model, and return it; `feed` calls this if need be. Raise `ModelLoading` or `ModelUnavailable`."""
        if self._model is None:
            self._model = await self._decoder.describe()
            self._latency.model = self._model.label
            self._stream = self._new_stream(self._model)
        return self._model

    async def feed(self, samples: Samples) -> None:
        """Take 16 kHz mono int16 samples, any number of them. Wait while too much audio is pending.

        Raise the `SttError` that the session failed with.
        """
        await self.start()
        assert self._stream is not None
        if self._begun_at is None:
            self._begun_at = self._clock()
        for at in range(0, len(samples), BLOCK):
            if at:
                await asyncio.sleep(0)
            with self._open():
                self._latency.received(self._stream.position + len(samples[at : at + BLOCK]))
                self._stream.accept(samples[at : at + BLOCK], show_partials=self._ahead_of_time_s() <= AHEAD_S)
            await self._wait_for_room(self._stream)

    async def finalize(self) -> None:
        """End the utterance now. A `Final` with ``from_finalize`` answers even where there is no utterance.

        The session must have been started. Wait and raise as `feed` does.
        """
        assert self._stream is not None
        with self._open():
            self._stream.end_utterance(from_finalize=True)
        await self._wait_for_room(self._stream)

    async def stop(self) -> None:
        """Wait until all audio has become finals, and end `events`; no more audio may come.

        Raise as `feed` does.
        """
        with self._open():
            if self._stream is not None:
                self._stream.end_utterance(from_finalize=False)
        self._over = True
        while self._stream is not None and not self._stream.idle and not (self._failure or self._closed):
            await self._wait()
        if self._failure is not None:
            raise self._failure
        self._events.close()

    def events(self) -> AsyncIterator[Event]:
        """Return the events, until all are delivered after `stop`. For one reader.

        A slow reader misses partials and nothing else. Raise the `SttError` that the session failed with:
        `SlowConsumer` if the reader was too slow, else the recognizer's.
        """
        return self._events

    async def aclose(self) -> None:
        """End everything at once; leave no task behind. May be called at any time, and more than once."""
        self._over = self._closed = True
        self._tasks.cancel()
        await self._tasks.ended()
        self._events.close()
        self._progress.set()
        self._latency.end()

    def _new_stream(self, model: LoadedModel) -> StreamRecognizer:
        longest = min(MAX_UTTERANCE_S, model.window_s - WINDOW_MARGIN_S)
        silence = self._config.endpointing_ms
        options = Endpointing(
            endpoint=None if silence is None else silence / 1000,
            relax=RELAXED * longest,
            soft_cut=SOFT_CUT * longest,
            hard_cut=longest,
        )
        endpointer = Endpointer(options, self._begin)
        return StreamRecognizer(
            self._voices.stream(),
            endpointer,
            self._decoder,
            self._emitter,
            self._tasks,
            self._progress.set,
            takes_context=model.window_s >= MIN_WINDOW_S,
        )

    def _ahead_of_time_s(self) -> float:
        """Return by how many seconds the audio is ahead of real time."""
        assert self._begun_at is not None
        return (self.received_samples - self._begin) / SAMPLE_RATE - (self._clock() - self._begun_at)

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Run the body if the session is open; its failure ends the session."""
        if self._failure is not None:
            raise self._failure
        if self._over:
            raise RuntimeError("the session is over")
        try:
            yield
        except SttError as failure:
            self._fail(failure)
            raise

    def _fail(self, failure: SttError) -> None:
        if self._failure is None:
            self._failure = failure
            self._over = True
            self._tasks.cancel()
            self._events.close(failure)
            self._progress.set()

    async def _wait_for_room(self, listener: StreamRecognizer) -> None:
        while not self._over and listener.pending_samples > self._limits.max_pending_audio_s * SAMPLE_RATE:
            await self._wait()
        if self._failure is not None:
            raise self._failure

    async def _wait(self) -> None:
        self._progress.clear()
        await self._progress.wait()

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
from stt_ai.streaming.arrivals import Arrivals
from stt_ai.streaming.config import LiveConfig, LiveLimits
from stt_ai.streaming.context import MIN_WINDOW_S
from stt_ai.streaming.events import Event
from stt_ai.streaming.hearing import Hearing
from stt_ai.streaming.listener import Listener
from stt_ai.streaming.outbox import Outbox
from stt_ai.streaming.tasks import Tasks
from stt_ai.streaming.teller import Teller
from stt_ai.types import SAMPLE_RATE, LoadedModel, Samples

BLOCK = SAMPLE_RATE // 2
"""Samples that are looked at in one go; then others of the event loop have their turn."""
AHEAD_S = 2.0
"""Nobody watches a stream grow that comes faster than it is spoken: this far ahead there are no partials."""
MAX_UTTERANCE_S = 15.0
"""Who follows a talk as it is spoken waits no longer for a text that stays."""
WINDOW_MARGIN_S = 0.5
RELAXED, SOFT_CUT = 0.4, 0.8
"""Of the longest utterance: from where on ever shorter pauses end one, and from where on the shortest."""


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
        """``start_at_sample`` and ``first_segment_id``: where a session that was cut off goes on."""
        self._config = config
        self._limits = limits or LiveLimits()
        self._clock = clock
        self._voices = voices
        self._hearing = Hearing(config, recognizer, self._limits, clock, uuid4().hex)
        self._outbox = Outbox(self._limits.events, start_at_sample)
        self._arrivals = Arrivals(meters, clock, start_at_sample)
        self._teller = Teller(config, self._outbox, first_segment_id, self._arrivals)
        self._tasks = Tasks(self._fail)
        self._begin = start_at_sample
        self._begun_at: float | None = None
        self._model: LoadedModel | None = None
        self._listener: Listener | None = None
        self._progress = asyncio.Event()
        self._over = self._closed = False
        self._failure: SttError | None = None

    @property
    def received_samples(self) -> int:
        """The position, in samples of the stream, that the next sample fed will have."""
        return self._listener.position if self._listener else self._begin

    @property
    def last_final_end(self) -> int:
        """Samples before this position have had their text read from `events`, or have none.

        A session that is resumed begins here.
        """
        return self._outbox.told

    async def start(self) -> LoadedModel:
        """Makes sure of the model. Raises `ModelLoading` or `ModelUnavailable`. `feed` does it when nobody did."""
        if self._model is None:
            self._model = await self._hearing.describe()
            self._arrivals.model = self._model.label
            self._listener = self._new_listener(self._model)
        return self._model

    async def feed(self, samples: Samples) -> None:
        """Takes 16 kHz mono int16 samples, any number of them. Waits while too much is undecided.

        Raises the `SttError` that the session failed with.
        """
        await self.start()
        assert self._listener is not None
        if self._begun_at is None:
            self._begun_at = self._clock()
        for at in range(0, len(samples), BLOCK):
            if at:
                await asyncio.sleep(0)
            with self._open():
                self._arrivals.reached(self._listener.position + len(samples[at : at + BLOCK]))
                self._listener.take(samples[at : at + BLOCK], watched=self._ahead_s() <= AHEAD_S)
            await self._room(self._listener)

    async def finalize(self) -> None:
        """Ends the utterance now. A `Final` with ``from_finalize`` answers, also when there is nothing to end.

        The session must have been started. Waits and raises as `feed` does.
        """
        assert self._listener is not None
        with self._open():
            self._listener.end_utterance(from_finalize=True)
        await self._room(self._listener)

    async def stop(self) -> None:
        """No more audio comes: all that is undecided becomes finals, then `events` ends. Waits for the decoding.

        Raises as `feed` does.
        """
        with self._open():
            if self._listener is not None:
                self._listener.end_utterance(from_finalize=False)
        self._over = True
        while self._listener is not None and not self._listener.settled and not (self._failure or self._closed):
            await self._wait()
        if self._failure is not None:
            raise self._failure
        self._outbox.close()

    def events(self) -> AsyncIterator[Event]:
        """What is heard, until everything is told after `stop`. For one reader.

        A slow reader misses partials and nothing else. Raises the `SttError` that the session failed with:
        `SlowConsumer` when the reader was too slow, what the recognizer failed with otherwise.
        """
        return self._outbox

    async def aclose(self) -> None:
        """Ends everything at once; leaves no task behind. May be called at any time, also again."""
        self._over = self._closed = True
        self._tasks.cancel()
        await self._tasks.ended()
        self._outbox.close()
        self._progress.set()
        self._arrivals.end()

    def _new_listener(self, model: LoadedModel) -> Listener:
        longest = min(MAX_UTTERANCE_S, model.window_s - WINDOW_MARGIN_S)
        silence = self._config.endpointing_ms
        options = Endpointing(
            endpoint=None if silence is None else silence / 1000,
            relax=RELAXED * longest,
            soft_cut=SOFT_CUT * longest,
            hard_cut=longest,
        )
        endpointer = Endpointer(options, self._begin)
        return Listener(
            self._voices.stream(),
            endpointer,
            self._hearing,
            self._teller,
            self._tasks,
            self._progress.set,
            takes_context=model.window_s >= MIN_WINDOW_S,
        )

    def _ahead_s(self) -> float:
        """How much more audio has come than time has passed."""
        assert self._begun_at is not None
        return (self.received_samples - self._begin) / SAMPLE_RATE - (self._clock() - self._begun_at)

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Around work that only an open session does, and whose failure is the session's."""
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
            self._outbox.close(failure)
            self._progress.set()

    async def _room(self, listener: Listener) -> None:
        while not self._over and listener.undecided > self._limits.undecided_s * SAMPLE_RATE:
            await self._wait()
        if self._failure is not None:
            raise self._failure

    async def _wait(self) -> None:
        self._progress.clear()
        await self._progress.wait()

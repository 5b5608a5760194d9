"""One live transcription: samples in, events out. No socket, no Ray; time is the clock's and the audio's own."""

import time
from collections.abc import AsyncIterator, Callable

from stt_ai.ports import LiveRecognizer, VoiceDetector
from stt_ai.streaming.config import LiveConfig, LiveLimits
from stt_ai.streaming.events import Event
from stt_ai.types import LoadedModel, Samples


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
    ) -> None:
        """``start_at_sample`` and ``first_segment_id``: where a session that was cut off goes on."""
        raise NotImplementedError

    @property
    def received_samples(self) -> int:
        """The position, in samples of the stream, that the next sample fed will have."""
        raise NotImplementedError

    @property
    def last_final_end(self) -> int:
        """Samples before this position have their text told, or have none: a resumed session begins here."""
        raise NotImplementedError

    async def start(self) -> LoadedModel:
        """Makes sure of the model. Raises `ModelLoading` or `ModelUnavailable`. `feed` does it when nobody did."""
        raise NotImplementedError

    async def feed(self, samples: Samples) -> None:
        """Takes 16 kHz mono int16 samples, any number of them. Waits while too much is undecided.

        Raises the `SttError` that the session failed with.
        """
        raise NotImplementedError

    def finalize(self) -> None:
        """Ends the utterance now. A `Final` with ``from_finalize`` answers, also when there is nothing to end."""
        raise NotImplementedError

    async def stop(self) -> None:
        """No more audio comes: all that is undecided becomes finals, then `events` ends. Waits for the decoding."""
        raise NotImplementedError

    def events(self) -> AsyncIterator[Event]:
        """What is heard, until everything is told after `stop`. For one reader.

        A slow reader misses partials and nothing else. Raises the `SttError` that the session failed with:
        `SlowConsumer` when the reader was too slow, what the recognizer failed with otherwise.
        """
        raise NotImplementedError

    async def aclose(self) -> None:
        """Ends everything at once; leaves no task behind. May be called at any time, also again."""
        raise NotImplementedError

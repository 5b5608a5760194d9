"""Live sessions over the models' deployments. They live in the ingress replica, beside their callers' connections."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

from stt_ai.environment import ffmpeg_choice
from stt_ai.meters import NO_METERS, Meters
from stt_ai.ports import LiveRecognizer
from stt_ai.streaming.config import LiveConfig, LiveLimits
from stt_ai.streaming.load_shedding import LatencyMonitor, TimedRecognizer
from stt_ai.streaming.session import LiveSession
from stt_ai.types import Samples


class LiveTranscription:
    """Opens live sessions. ``recognizers``: by the name of their model."""

    def __init__(
        self, recognizers: Mapping[str, LiveRecognizer], limits: LiveLimits, meters: Meters = NO_METERS
    ) -> None:
        # Imported here: the builder of the service imports this module too, and needs none of these libraries.
        from stt_ai.engines import live_audio
        from stt_ai.engines.silero import VoiceDetector

        self._latency = LatencyMonitor(limits.max_lag_s)
        self._recognizers = {name: TimedRecognizer(one, self._latency) for name, one in recognizers.items()}
        self._limits = limits
        self._meters = meters
        self._voices = VoiceDetector()
        self._decode = live_audio.decode
        self._ffmpeg = ffmpeg_choice()

    @contextmanager
    def room(self) -> Iterator[None]:
        """Admit a stream. Raise `Overloaded` while finals of the open sessions take too long."""
        self._latency.require_room()
        yield

    def open(self, config: LiveConfig, start_at_sample: int = 0, first_segment_id: int = 0) -> LiveSession:
        """Return a session, not yet started, that begins at a sample of the stream."""
        return LiveSession(
            config,
            self._recognizers[config.model],
            self._voices,
            limits=self._limits,
            start_at_sample=start_at_sample,
            first_segment_id=first_segment_id,
            meters=self._meters,
        )

    def decode(self, encoding: str, sample_rate: int, pieces: AsyncIterator[bytes]) -> AsyncGenerator[Samples, None]:
        """As `stt_ai.engines.live_audio.decode`."""
        return self._decode(encoding, sample_rate, pieces, self._ffmpeg)

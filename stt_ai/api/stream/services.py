"""The services that streams call, passed as values."""

from collections.abc import Callable
from dataclasses import dataclass, field

from stt_ai.api.stream.limits import StreamLimits
from stt_ai.api.stream.run import DecodeAudio
from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.session import LiveSession

OpenSession = Callable[[LiveConfig, int, int], LiveSession]
"""(config, the sample of the stream at which it begins, its first segment's id) -> a session, not yet started."""


@dataclass(frozen=True, slots=True)
class LiveServices:
    """The parts that serve live streams."""

    open: OpenSession
    decode: DecodeAudio
    limits: StreamLimits = field(default_factory=StreamLimits)

"""One live stream over all its connections: what must be sent, what is kept to be sent again, what was transcribed.

Does no input or output and waits for nothing. Audio is kept until a text that reaches beyond it has come. After a cut
the next connection goes on at the end of the last text, names that text, and so neither loses nor repeats one, whether
the service remembers the stream or not.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

from stt_ai.sdk.calls import check_names, listed_keywords
from stt_ai.sdk.errors import StreamClosed, SttAiError, from_message
from stt_ai.sdk.events import Ended, Event, Final, Ready, read_event

STOP, FINALIZE, KEEPALIVE = (json.dumps({"action": name}) for name in ("stop", "finalize", "keepalive"))
KEEPALIVE_S = 8.0
"""Seconds without audio after which a keepalive goes out. The service ends a stream after 30."""
KEPT_S = 300.0
"""What is older and has no text had no speech: the service cuts whoever speaks on after half a minute."""
KEPT_CODED = 64_000_000
"""Bytes. Coded audio can only be sent again from its beginning."""
_UNSENT = 256 * 1024
_PIECE = 32 * 1024
_WIDTHS = {"pcm_s16le": 2, "linear16": 2, "mulaw": 1, "alaw": 1}


class StreamParams(TypedDict, total=False):
    """Options of a stream; /docs of the service describes each. What is left out is the service's choice."""

    model: str | None
    language: str | None
    encoding: str | None
    sample_rate: int | None
    interim_results: bool | None
    endpointing: int | bool | None
    utterance_end_ms: int | None
    vad_events: bool | None
    word_timestamps: bool | None
    prompt: str | None
    keywords: Sequence[str] | None


class ConnectionLost(Exception):
    """The connection is gone, or the service gave the stream up, and another connection may go on."""

    def __init__(self, failure: SttAiError) -> None:
        super().__init__(failure)
        self.failure = failure


class ReplayBuffer:
    """``add`` audio and ``finish``; ``begin`` each connection, send what ``next`` gives, and ``receive`` what comes."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Raises `TypeError` for an option that there is not."""
        check_names(options, StreamParams)
        self._options = {name: value for name, value in options.items() if value is not None}
        if "keywords" in self._options:
            self._options["keywords"] = listed_keywords(self._options["keywords"])
        self._width = _WIDTHS.get(str(self._options.get("encoding", "pcm_s16le")).lower(), 0)
        self._rate = int(self._options.get("sample_rate", 16_000))
        self._kept = bytearray()
        self._start = self._sent = 0  # bytes: where in the stream the kept audio begins, and how much of it is sent
        self._forgotten = False
        self._finished = self._stopped = False
        self._finalize = False
        self._session_id: str | None = None
        self._last: Final | None = None
        self._texts: list[str] = []
        self.ended = False

    @property
    def bytes_per_second(self) -> int | None:
        """None: coded audio has no fixed rate."""
        return self._rate * self._width or None

    @property
    def text(self) -> str:
        """Return the transcript so far."""
        return " ".join(self._texts)

    @property
    def full(self) -> bool:
        """Whether no more should be added before some is sent."""
        return len(self._kept) - self._sent >= _UNSENT

    def add(self, audio: bytes) -> None:
        """Keep the next bytes of audio until the service has confirmed them."""
        self._kept += audio
        self._forget_old()

    def finish(self) -> None:
        """No more audio comes."""
        self._finished = True

    def finalize(self) -> None:
        """The utterance is to end now."""
        self._finalize = True

    def begin(self) -> str:
        """The first message of a connection, on which everything is sent from there on."""
        self._sent, self._stopped = 0, False
        going_on: dict[str, Any] = {}
        if self._session_id is not None:
            if self._forgotten:
                raise StreamClosed("The connection broke, and coded audio of this length is not kept to go on with.")
            going_on = {"session_id": self._session_id, "offset": self._start / (self.bytes_per_second or 1)}
            going_on["last_segment_id"] = self._last.segment_id if self._last else -1
        return json.dumps(self._options | going_on)

    def next(self) -> bytes | str | None:
        """What to send now. None: nothing, before more is added."""
        if self._sent < len(self._kept):
            piece = bytes(self._kept[self._sent : self._sent + _PIECE])
            self._sent += len(piece)
            return piece
        if self._finalize:
            self._finalize = False
            return FINALIZE
        if self._finished and not self._stopped:
            self._stopped = True
            return STOP
        return None

    def receive(self, message: str | bytes) -> Event | None:
        """The event of a message. Raises `ConnectionLost`, or what the stream failed with for good."""
        data = json.loads(message)
        if "error" in data:
            failure = from_message(data)
            raise ConnectionLost(failure) if data.get("retryable") else failure
        event = read_event(data)
        match event:
            case Ready():
                self._ready(event)
            case Final():
                if self._last and event.segment_id <= self._last.segment_id:
                    return None
                self._keep_after(event)
            case Ended():
                self.ended = True
                seconds = self.bytes_per_second
                duration = (self._start + len(self._kept)) / seconds if seconds else event.duration
                return replace(event, text=self.text, duration=round(duration, 2))
        return event

    def _ready(self, ready: Ready) -> None:
        if self._last and not ready.resumed and not self._width:
            raise StreamClosed("The connection broke, and the service no longer knows this stream of coded audio.")
        self._session_id = ready.session_id

    def _keep_after(self, final: Final) -> None:
        self._last = final
        if final.text:
            self._texts.append(final.text)
        if self._width:
            self._drop(round(final.end * self._rate) * self._width - self._start)

    def _forget_old(self) -> None:
        rate = self.bytes_per_second
        if rate is None:
            if len(self._kept) > KEPT_CODED:
                self._forgotten = True
                self._drop(self._sent)
        elif self._sent > 2 * KEPT_S * rate:
            self._drop(int(self._sent - KEPT_S * rate) // self._width * self._width)

    def _drop(self, size: int) -> None:
        size = min(size, self._sent // (self._width or 1) * (self._width or 1))  # a piece may end within a sample
        if size > 0:
            del self._kept[:size]
            self._start += size
            self._sent -= size

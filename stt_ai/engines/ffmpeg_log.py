"""Reads what ffmpeg writes to its log: what the file claims to be, which clock its sound had, and what went wrong."""

import re
from collections import deque
from dataclasses import dataclass

from stt_ai.errors import DamagedMedia, NoAudioTrack, SttError, UnsupportedMedia
from stt_ai.types import SAMPLE_RATE

MAX_MARKS = 200_000
_MAX_UNMARKED = 10.5
_LINE_BYTES = 500
_DURATION = re.compile(rb"\[info\]   Duration: (?:(\d+):(\d\d):(\d\d\.\d\d)|N/A)(?:, start: (-?\d+\.\d+))?")
_STREAM = re.compile(rb"\[info\]   Stream #0:\d+[^:]*(?:\([^)]*\))?: (Audio|Video): (\w+)")
_RATE = re.compile(rb", (\d+) Hz, ")
_OUTPUT = re.compile(rb"Audio: pcm_[fs](16|32)le, \d+ Hz, .*, (?:flt|s16), (\d+) kb/s")
_NUMBER = re.compile(rb"(?:\[Eval @ 0x[0-9a-f]+\] )?\[info\] (-?\d+\.\d+)$")
_REFUSED = re.compile(rb"Codec \(\w+\) not [io]n whitelist")
_NOT_DAMAGE = (
    b"whitelist",
    b"[f32le @",
    b"[s16le @",
    b"Error opening",
    b"opening decoder",
    b"Error during demuxing: Immediate exit",
)
_DAMAGE = (b"[error]", b"[fatal]", b"Packet corrupt", b"corrupt input packet", b"corrupt decoded frame")


@dataclass(frozen=True, slots=True)
class Mark:
    """The sound from this output sample on is stamped with this time.

    ``position``: samples at ``SAMPLE_RATE`` that came before. ``time``: seconds by the file's own clock.
    """

    position: int
    time: float


class FfmpegLog:
    """Takes ffmpeg's log as it comes and keeps little of it: tags in the file can make it as long as the file."""

    def __init__(self) -> None:
        self.began = False
        """Its banner, which comes before it opens anything, was seen."""
        self.duration = 0.0
        """Seconds by the container's header; 0 where it says nothing, and ffmpeg would only guess by its size."""
        self.start: float | None = None
        """The earliest time of any track, seconds by the file's own clock."""
        self.has_video = False
        self.codecs: list[str] = []
        """Of the audio tracks, in order."""
        self.sample_rates: list[int] = []
        self.channels = 0
        """Of the samples on stdout; 0 until that is known."""
        self.marks: deque[Mark] = deque()
        self.damage = 0
        """The number of messages about damaged data."""
        self.encrypted = False
        self._guessing = self._no_track = self._no_decoder = self._refused = False
        self._base = 0
        self._seconds: float | None = None
        self._latest: Mark | None = None
        self._line = b""
        self._is_output = False
        self._last: deque[bytes] = deque(maxlen=8)

    def feed(self, text: bytes) -> None:
        """Take the next piece of the log, cut anywhere."""
        *whole, rest = (self._line + text).split(b"\n")
        for line in whole:
            self._read(line[:_LINE_BYTES])
        self._line = rest[:_LINE_BYTES]

    def tail(self) -> str:
        """Return the last lines that ffmpeg wrote, joined by ` | `."""
        return b" | ".join(self._last).decode(errors="replace")

    def failure(self, track: int = 0) -> SttError:
        """Return why nothing was decoded."""
        if self._no_track:
            return NoAudioTrack("The file has no audio track.")
        if self.encrypted:
            return UnsupportedMedia("The file's audio is encrypted; send it without copy protection.")
        if self._no_decoder:
            name = self.codecs[track] if track < len(self.codecs) else "none"
            coded = "in an unknown way" if name == "none" else f"as '{name}'"
            return UnsupportedMedia(f"The file's audio is coded {coded}, which is not supported.")
        return DamagedMedia("The file is damaged: no audio could be decoded from it.")

    def _read(self, line: bytes) -> None:
        number = _NUMBER.match(line)
        if number:
            self._read_number(float(number[1]))
            return
        self.began |= line.startswith(b"[info] ffmpeg version")
        self._last.append(line)
        self._read_header(line)
        self._guessing |= b"Estimating duration from bitrate" in line
        self._no_track |= b"matches no streams" in line
        self._refused |= _REFUSED.search(line) is not None
        self._no_decoder |= b"no decoder found" in line or b"Decoder (codec" in line
        self._no_decoder |= self._refused and b"opening decoder" in line
        self.encrypted |= b"DRM protected" in line or b"Unsupported encoding type" in line
        if any(sign in line for sign in _DAMAGE) and not any(sign in line for sign in _NOT_DAMAGE):
            self.damage += 1

    def _read_header(self, line: bytes) -> None:
        duration = _DURATION.match(line)
        if duration:
            hours, minutes, seconds, start = duration.groups()
            self.start = None if start is None else float(start)
            if hours is not None and not self._guessing:
                self.duration = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
            return
        if line.startswith(b"[info] Output #0"):
            self._is_output = True
        output = _OUTPUT.search(line) if self._is_output and not self.channels else None
        if output:
            self.channels = int(output[2]) * 1000 // (SAMPLE_RATE * int(output[1]))
            return
        stream = _STREAM.match(line)
        if stream and not self._is_output:
            self.has_video |= stream[1] == b"Video"
            if stream[1] == b"Audio":
                rate = _RATE.search(line)
                self.codecs.append(stream[2].decode())
                self.sample_rates.append(int(rate[1]) if rate else SAMPLE_RATE)

    def _read_number(self, number: float) -> None:
        """Two in a row are a mark: how many seconds the filters have passed on, and the time.

        Where rate or channels change there are new filters, which count from the beginning. Marks come every ten
        seconds, so it is known how far the old ones were: exactly, but where the stamps jump at the same place.
        """
        if self._seconds is None:
            self._seconds = number
            return
        seconds, self._seconds = self._seconds, None
        if not seconds and self._latest is not None:
            passed = min(max(number - self._latest.time, 0.0), _MAX_UNMARKED)
            self._base = self._latest.position + round(passed * SAMPLE_RATE)
        self._latest = Mark(self._base + round(seconds * SAMPLE_RATE), number)
        if len(self.marks) < MAX_MARKS:
            self.marks.append(self._latest)

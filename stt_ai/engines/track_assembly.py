"""What one run of ffmpeg decodes, mixed or with its channels kept apart, laid out in time."""

from collections.abc import Iterator

from stt_ai.engines.decoding_report import DecodingReport
from stt_ai.engines.ffmpeg import Decoding
from stt_ai.engines.mixing import Mixer, Unmixed
from stt_ai.engines.timeline import AnySamples, Timeline
from stt_ai.types import SAMPLE_RATE

_MAX_GAP_S = 3600.0
_MAX_BROADCAST_GAP_S = 10.0
_BROADCAST = frozenset({"mpegts", "mpeg"})
"""Their clock may restart anywhere, so a longer jump is no gap."""
_UNTIMED = frozenset({"mp3", "aac", "ac3", "eac3", "amr", "wav", "w64", "aiff", "au", "caf", "flac", "wv"})
"""Their sound begins at their beginning, whatever the decoder's delay makes of it."""


class TrackAssembler:
    """Takes the blocks of one ``run`` in order and mixes them; with ``separate`` their shape stays (n, channels)."""

    def __init__(
        self, run: Decoding, demuxer: str, holes: tuple[tuple[float, float], ...], separate: bool = False
    ) -> None:
        self._run = run
        self._timed = demuxer not in _UNTIMED
        self._max_gap = _MAX_BROADCAST_GAP_S if demuxer in _BROADCAST else _MAX_GAP_S
        self._holes = holes
        self._separate = separate
        self._mixer: Mixer | Unmixed | None = None
        self._timeline: Timeline | None = None

    def feed(self, block: AnySamples) -> Iterator[AnySamples]:
        """Yield the samples whose place in time is known."""
        if self._mixer is None or self._timeline is None:
            log = self._run.log
            self._mixer = Unmixed() if self._separate else Mixer(log.channels)
            self._timeline = Timeline(log.start if self._timed else None, self._max_gap, self._holes)
        for mixed in self._mixer.feed(block):
            yield from self._timeline.feed(mixed, self._run.log.marks)

    def finish(self) -> Iterator[AnySamples]:
        """Yield what was held back."""
        if self._mixer is not None and self._timeline is not None:
            for mixed in self._mixer.finish():
                yield from self._timeline.feed(mixed, self._run.log.marks)
            yield from self._timeline.finish()

    def report_to(self, report: DecodingReport, begun: float) -> None:
        """Add this run, whose sound began at ``begun`` seconds, to the ``report``."""
        if self._mixer is None or self._timeline is None:
            return
        timeline = self._timeline.report
        report.decoded_s += self._run.samples / SAMPLE_RATE
        report.end_s = begun + self._timeline.samples / SAMPLE_RATE
        # Sound may begin after the picture; nothing of it is missing then.
        gaps = [gap for gap in timeline.gaps if gap[0] or not self._run.log.has_video]
        report.gaps += [(begun + start, begun + end) for start, end in gaps]
        if timeline.repairs and self._timed:
            report.repairs.append((begun + timeline.first_repair, begun + timeline.last_repair))
        report.cancelled |= self._mixer.cancelled

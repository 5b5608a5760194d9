"""What one run of ffmpeg decodes -> one channel, laid out in time."""

from collections.abc import Iterator

from stt_ai.engines.account import Account
from stt_ai.engines.ffmpeg import Decoding
from stt_ai.engines.mixing import ChannelPicker, Mixer
from stt_ai.engines.timeline import AnySamples, Timeline
from stt_ai.types import SAMPLE_RATE

_MAX_GAP_S = 3600.0
_MAX_BROADCAST_GAP_S = 10.0
_BROADCAST = frozenset({"mpegts", "mpeg"})
"""Their clock may begin anew anywhere, so a longer jump is no gap."""
_UNTIMED = frozenset({"mp3", "aac", "ac3", "eac3", "amr", "wav", "w64", "aiff", "au", "caf", "flac", "wv"})
"""Their sound begins at their beginning, whatever the decoder's delay makes of it."""


class Laying:
    """Takes the blocks of one ``run`` in order. ``channel``: the one that is kept; None: all are mixed."""

    def __init__(
        self, run: Decoding, demuxer: str, holes: tuple[tuple[float, float], ...], channel: int | None = None
    ) -> None:
        self._run = run
        self._timed = demuxer not in _UNTIMED
        self._max_gap = _MAX_BROADCAST_GAP_S if demuxer in _BROADCAST else _MAX_GAP_S
        self._holes = holes
        self._channel = channel
        self._mixer: Mixer | ChannelPicker | None = None
        self._timeline: Timeline | None = None

    def feed(self, block: AnySamples) -> Iterator[AnySamples]:
        """Yield samples as their place in time is known."""
        if self._mixer is None or self._timeline is None:
            log = self._run.log
            self._mixer = Mixer(log.channels) if self._channel is None else ChannelPicker(self._channel)
            self._timeline = Timeline(log.start if self._timed else None, self._max_gap, self._holes)
        for mixed in self._mixer.feed(block):
            yield from self._timeline.feed(mixed, self._run.log.marks)

    def finish(self) -> Iterator[AnySamples]:
        """Yield what was held back."""
        if self._mixer is not None and self._timeline is not None:
            for mixed in self._mixer.finish():
                yield from self._timeline.feed(mixed, self._run.log.marks)
            yield from self._timeline.finish()

    def tell(self, account: Account, begun: float) -> None:
        """Add what was done to the ``account``; this run's sound began at ``begun`` seconds."""
        if self._mixer is None or self._timeline is None:
            return
        laid = self._timeline.laid
        account.decoded_s += self._run.samples / SAMPLE_RATE
        account.end_s = begun + self._timeline.samples / SAMPLE_RATE
        # Sound may begin after the picture; nothing of it is missing then.
        gaps = [gap for gap in laid.gaps if gap[0] or not self._run.log.has_video]
        account.gaps += [(begun + start, begun + end) for start, end in gaps]
        if laid.repairs and self._timed:
            account.repairs.append((begun + laid.first_repair, begun + laid.last_repair))
        account.cancelled |= self._mixer.cancelled

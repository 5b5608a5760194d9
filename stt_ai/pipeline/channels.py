"""A recording whose channels are transcribed separately: one person each, as in phone calls."""

from collections.abc import Sequence
from dataclasses import replace

from stt_ai.speech import segments
from stt_ai.types import Segment, Word


def split_channels(words: Sequence[Word], duration: float, named: bool) -> tuple[Segment, ...]:
    """Return the segments of all channels in the order of their starts. ``named``: the channels are the speakers."""
    found: list[Segment] = []
    for channel in sorted({word.channel for word in words if word.channel is not None}):
        speaker = f"Channel {channel}" if named else None
        own = [replace(word, speaker=speaker) for word in words if word.channel == channel]
        found += segments.split(own, duration)
    return tuple(sorted(found, key=lambda segment: (segment.start, segment.channel)))


def shift(segment: Segment, seconds: float) -> Segment:
    """Return the segment with its times later by ``seconds``."""
    moved = [replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words]
    return replace(segment, words=tuple(moved))

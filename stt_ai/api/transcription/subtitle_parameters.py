"""The parameters that say how subtitles look: `line_width`, `lines` and `words_per_cue`."""

from collections.abc import Mapping

from stt_ai.api.transcription.values import quoted
from stt_ai.captions.shapes import LINE_WIDTH, MAX_LINES, SubtitleOptions
from stt_ai.errors import BadParameter

RANGES = {"line_width": (30, 200), "lines": (1, 10), "words_per_cue": (0, 100)}
"""Smallest and largest value of each."""


def subtitle_options(given: Mapping[str, str], response_format: str) -> SubtitleOptions:
    """Return how cues look. Raise `BadParameter`, also where the answer has no cues."""
    for name in RANGES:
        if name in given and response_format not in ("srt", "vtt"):
            raise BadParameter(
                f"`{name}` goes with the `response_format` srt or vtt, and not with {response_format}.",
                name,
                beside="response_format",
            )
    return SubtitleOptions(
        line_width=_number("line_width", given, LINE_WIDTH),
        lines=_number("lines", given, MAX_LINES),
        words=_number("words_per_cue", given, 0),
    )


def _number(name: str, given: Mapping[str, str], default: int) -> int:
    value, (smallest, largest) = given.get(name, str(default)), RANGES[name]
    if value.isascii() and value.isdigit() and len(value) <= 4 and smallest <= int(value) <= largest:
        return int(value)
    raise BadParameter(f"`{name}` is {quoted(value)}; it must be a whole number from {smallest} to {largest}.", name)

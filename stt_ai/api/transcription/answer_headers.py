"""Headers of an answer in any form: the model and the warnings.

`X-STT-Warnings` is a list of Structured Field Values (RFC 9651): each item is a code, with the seconds `start` and
`end` where the warning concerns a part of the recording, and its sentence as `message`:

    X-STT-Warnings: audio_missing;start=1.40;end=3.00;message="A part is missing.", quiet;message="It is quiet."
"""

from collections.abc import Sequence

from stt_ai.types import TranscriptWarning

MAX_CHARACTERS = 4_000
"""Of the warnings: proxies refuse answers whose headers are too long together."""


def answer_headers(model: str, demo: bool, warnings: Sequence[TranscriptWarning]) -> tuple[tuple[str, str], ...]:
    """Return (name, value) pairs. ``model`` is the label of the one that wrote the answer."""
    headers = [("x-stt-model", _ascii(model))]
    if demo:
        headers.append(("x-stt-demo-model", "true"))
    if warnings:
        headers.append(("x-stt-warnings", warning_header(warnings)))
    return tuple(headers)


def warning_header(warnings: Sequence[TranscriptWarning]) -> str:
    """Return the value of `X-STT-Warnings`, printable ASCII; other characters of a sentence become `?`.

    When it would be too long, the warnings of one code become one item, from the first start to the last end, with
    their number as `count`.
    """
    value = ", ".join(_item(warning) for warning in warnings)
    if len(value) <= MAX_CHARACTERS:
        return value
    by_code: dict[str, list[TranscriptWarning]] = {}
    for warning in warnings:
        by_code.setdefault(warning.code, []).append(warning)
    value = ", ".join(_combined(same) for same in by_code.values())
    return value if len(value) <= MAX_CHARACTERS else ", ".join(by_code)


def _combined(same: Sequence[TranscriptWarning]) -> str:
    first = same[0]
    starts = [warning.start for warning in same if warning.start is not None]
    ends = [warning.end for warning in same if warning.end is not None]
    item = _item(TranscriptWarning(first.code, first.message, min(starts, default=None), max(ends, default=None)))
    return f"{item};count={len(same)}" if len(same) > 1 else item


def _item(warning: TranscriptWarning) -> str:
    times = {"start": warning.start, "end": warning.end}
    parameters = "".join(f";{name}={value:.2f}" for name, value in times.items() if value is not None)
    quoted = _ascii(warning.message).replace("\\", "\\\\").replace('"', '\\"')
    return f'{warning.code}{parameters};message="{quoted}"'


def _ascii(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text)

"""The header `X-STT-Warnings`, with which answers that are plain text have their warnings: a list of RFC 9651."""

import re

from stt_ai.sdk.results import TranscriptWarning

_VALUE = r'"(?:[^"\\]|\\.)*"|[^\s;,"]+'
_PARAMETER = re.compile(rf"\s*;\s*([a-z*][\w.*-]*)(?:=({_VALUE}))?")
_CODE = re.compile(r"\s*([\w*][\w.:/*-]*)")
_COMMA = re.compile(r"\s*,")


def read_warnings(header: str) -> tuple[TranscriptWarning, ...]:
    """Return the warnings in order, as far as the value is well formed."""
    warnings: list[TranscriptWarning] = []
    at = 0
    while code := _CODE.match(header, at):
        at = code.end()
        values: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, at):
            values[parameter[1]] = parameter[2] or ""
            at = parameter.end()
        warnings.append(
            TranscriptWarning(code[1], _text(values.get("message")), _number(values, "start"), _number(values, "end"))
        )
        comma = _COMMA.match(header, at)
        if comma is None:
            break
        at = comma.end()
    return tuple(warnings)


def _text(quoted: str | None) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted else ""


def _number(values: dict[str, str], name: str) -> float | None:
    try:
        return float(values[name])
    except (KeyError, ValueError):
        return None

"""The names of fields: their spellings that mean the same, and what is said of those that there are not."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

MIN_SIMILARITY = 0.8
"""Of two names, from 0 to 1: `speaker` and `speakers` have 0.93, `stream` and `speakers` 0.57."""

SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("lang", "languagecode", "sourcelanguage"), "language"),
    **dict.fromkeys(("diarisation", "diarization", "speakerlabels", "speakerdiarization"), "diarize"),
    **dict.fromkeys(("numspeakers", "nspeakers", "speakercount", "speakersexpected", "expectedspeakers"), "speakers"),
    **dict.fromkeys(("minspeakercount", "minimumspeakers"), "min_speakers"),
    **dict.fromkeys(("maxspeakercount", "maximumspeakers"), "max_speakers"),
    **dict.fromkeys(("format", "output", "outputformat", "responsetype"), "response_format"),
    **dict.fromkeys(("modelid", "modelname", "modelsize"), "model"),
}
"""What other services call these fields, in lower case and without separators."""

OF_OPENAI = frozenset(("temperature", "timestamp_granularities", "include", "chunking_strategy", "user"))
"""Fields of OpenAI's form that change no transcript of ours: clients that were written for it send them along."""

_INDEX = re.compile(r"\[\d*\]$")


def field_name(name: str, known: frozenset[str]) -> str:
    """Return the name under which a field is known: clients spell an item of a list `x[]`, `x[0]` or plainly `x`."""
    item = _INDEX.sub("[]", name)
    return f"{item}[]" if f"{item}[]" in known else item


def intended(name: str, known: Iterable[str]) -> str | None:
    """Return the known field that a caller means by ``name``, or None where none is close."""
    fields = {_plain(field): field for field in known}
    plain = _plain(name)
    if plain in SYNONYMS and SYNONYMS[plain] in fields.values():
        return SYNONYMS[plain]
    close = get_close_matches(plain, fields, 1, MIN_SIMILARITY)
    return fields[close[0]] if close else None


def misspelling(name: str, known: frozenset[str]) -> str | None:
    """Return why a parameter of the address is refused: its sender means a known one. Others are for whoever is on
    the way, such as a gateway that takes its key from there."""
    meant = None if name in known else intended(name, known)
    return f"`{name}` is not a parameter of this endpoint: did you mean `{meant}`?" if meant else None


def unknown_field(name: str, known: frozenset[str]) -> str | None:
    """Return why a field of a form is refused, or None: what a caller asks for is never left out in silence."""
    if name in known or _INDEX.sub("", name) in OF_OPENAI:
        return None
    meant = intended(name, known)
    hint = f"did you mean `{meant}`?" if meant else f"there are {', '.join(sorted(known))}."
    return f"`{name}` is not a parameter of this endpoint: {hint}"


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())

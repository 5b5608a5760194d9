"""The parameters that say which part of a recording is transcribed, and what is expected in it."""

import math
from collections.abc import Mapping

from stt_ai.api.transcription.values import quoted
from stt_ai.errors import BadParameter
from stt_ai.types import AudioSelection

KEYWORDS = "keywords[]"
MAX_KEYWORDS = 50
MAX_KEYWORD = 60
"""Characters."""
MAX_KEYWORDS_LENGTH = 800
"""Characters of all: Whisper takes 223 tokens before a window."""
MAX_TRACK = 99
MAX_PROMPT = 4096
"""Characters: the model takes 223 tokens of it, and each window of the file carries it."""
_SEPARATE = {"mix": False, "separate": True}
_SPEAKERS = ("speakers", "min_speakers", "max_speakers")


def selection(given: Mapping[str, str]) -> AudioSelection:
    """Return what `start`, `end`, `track` and `channels` select. Raise `BadParameter`."""
    start = _seconds("start", given["start"]) if "start" in given else 0.0
    end = _seconds("end", given["end"]) if "end" in given else None
    if end is not None and end <= start:
        beside = "start" if "start" in given else ""
        raise BadParameter(f"`end` is {end:g} and `start` {start:g}; the end must be later.", "end", beside)
    return AudioSelection(start, end, _track(given.get("track", "0")), _separate(given))


def keywords(text: str, name: str = KEYWORDS) -> tuple[str, ...]:
    """Return the names and terms that ``text`` separates by commas, each once. Raise `BadParameter` about ``name``."""
    words = tuple(dict.fromkeys(" ".join(word.split()) for word in text.split(",") if word.strip()))
    if len(words) > MAX_KEYWORDS or sum(map(len, words)) > MAX_KEYWORDS_LENGTH:
        raise BadParameter(
            f"`{name}` has {len(words)} entries of {sum(map(len, words))} characters; at most {MAX_KEYWORDS} "
            f"entries of {MAX_KEYWORDS_LENGTH} characters in all are taken.",
            name,
        )
    for word in words:
        if len(word) > MAX_KEYWORD or not any(char.isalnum() for char in word):
            raise BadParameter(
                f"`{name}` has {quoted(word)}; each must be a word or name of at most {MAX_KEYWORD} characters.",
                name,
            )
    return words


def prompt(given: Mapping[str, str]) -> str:
    """Return the text that is taken for what was said before. Raise `BadParameter` where it is too long."""
    text = given.get("prompt", "")
    if len(text) > MAX_PROMPT:
        raise BadParameter(f"`prompt` has {len(text)} characters; at most {MAX_PROMPT} are taken.", "prompt")
    return text


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value) if value.isascii() and "_" not in value else -1.0
    except ValueError:
        seconds = -1.0
    if not (math.isfinite(seconds) and 0 <= seconds <= 1e7):
        raise BadParameter(
            f"`{name}` is {quoted(value)}; it must be seconds of the recording, such as 90 or 12.5.", name
        )
    return seconds


def _track(value: str) -> int:
    if value.isascii() and value.isdigit() and len(value) <= 4 and int(value) <= MAX_TRACK:
        return int(value)
    raise BadParameter(
        f"`track` is {quoted(value)}; it must be the number of an audio track, from 1 to {MAX_TRACK}, or 0 for the "
        "first with speech.",
        "track",
    )


def _separate(given: Mapping[str, str]) -> bool:
    value = given.get("channels", "mix")
    if value.lower() not in _SEPARATE:
        raise BadParameter(f"`channels` is {quoted(value)}; it must be mix or separate.", "channels")
    separate = _SEPARATE[value.lower()]
    for name in _SPEAKERS:
        if separate and given.get(name, "0") != "0":
            text = f"`{name}` has no effect when `channels` is separate: each channel is one speaker. Leave it out."
            raise BadParameter(text, name)
    return separate

"""Strict requests: the whole recording is transcribed, or the request fails and costs nothing."""

from collections.abc import Sequence

from stt_ai.errors import IncompleteAudio
from stt_ai.types import TranscriptionRequest, TranscriptWarning

_WORST_FIRST = ("audio_missing", "audio_damaged", "channels_cancelled", "timestamps_repaired")
"""Codes in the order of severity; all others come after these, in the order of the warnings."""


def refuse_if_strict(request: TranscriptionRequest, warnings: Sequence[TranscriptWarning]) -> None:
    """Raise `IncompleteAudio` with the code of the worst warning about the audio, if the request is strict."""
    about_audio = [warning for warning in warnings if warning.about_audio]
    if request.strict and about_audio:
        worst = min(about_audio, key=_rank)
        advice = "Nothing was charged. Leave `strict` out to get the transcript with its warnings."
        raise IncompleteAudio(f"{worst.message} {advice}", worst.code)


def _rank(warning: TranscriptWarning) -> int:
    return _WORST_FIRST.index(warning.code) if warning.code in _WORST_FIRST else len(_WORST_FIRST)

"""Warnings about models: another one than was asked for served, or a demo model did.

None of them is about the recording, so none refuses a strict request.
"""

from stt_ai.types import LoadedModel, TranscriptWarning

_DEMO_TEXT = "A demo model wrote this text. It knows few words, and real speech comes out wrong."
_DEMO_SPEAKERS = "Speaker names come from a demo model and may be wrong."
_DEMO_SUMMARY = "A demo model wrote this summary. What it makes of real transcripts is wrong."


def transcriber_warnings(model: LoadedModel) -> tuple[TranscriptWarning, ...]:
    """Return the warnings about the ``model`` that transcribed."""
    return _warnings(model, ("demo_model", model.reason or _DEMO_TEXT), "model_substituted")


def diarizer_warnings(model: LoadedModel) -> tuple[TranscriptWarning, ...]:
    """Return the warnings about the ``model`` that identified the speakers."""
    return _warnings(model, ("demo_diarization", _DEMO_SPEAKERS), "diarization_substituted")


def summarizer_warnings(model: LoadedModel) -> tuple[TranscriptWarning, ...]:
    """Return the warnings about the ``model`` that wrote a summary."""
    return _warnings(model, ("demo_model", model.reason or _DEMO_SUMMARY), "model_substituted")


def _warnings(model: LoadedModel, demo: tuple[str, str], substituted: str) -> tuple[TranscriptWarning, ...]:
    """Return at most one. ``demo``: code and sentence for a demo model, which serves in place of another one too."""
    if model.demo:
        return (TranscriptWarning(*demo, about_audio=False),)
    return (TranscriptWarning(substituted, model.reason, about_audio=False),) if model.reason else ()

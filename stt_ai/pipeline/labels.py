"""What answers say of the models that served: another one than was asked for, or a demo model.

None of these warnings is about the recording, so none refuses a strict request.
"""

from stt_ai.types import LoadedModel, TranscriptWarning

_UNKNOWN = "its own weights are not available on this server"


def transcriber_warnings(asked: str, model: LoadedModel) -> tuple[TranscriptWarning, ...]:
    """Return what to say when ``model`` transcribes for who asked for the model ``asked``."""
    warnings = []
    if model.reason:
        message = f"{model.label} transcribes in place of {asked}: {clause(model.reason)}."
        warnings.append(TranscriptWarning("model_substituted", message, about_audio=False))
    if model.demo:
        message = "A demo model wrote this text. It knows few words, and real speech comes out wrong."
        warnings.append(TranscriptWarning("demo_model", message, about_audio=False))
    return tuple(warnings)


def diarizer_warnings(model: LoadedModel) -> tuple[TranscriptWarning, ...]:
    """Return what to say when ``model`` identified the speakers."""
    if model.demo:
        message = "Speaker names come from a demo model and may be wrong."
        return (TranscriptWarning("demo_diarization", message, about_audio=False),)
    if model.reason:
        message = f"Speakers were identified by {model.label}: {clause(model.reason)}."
        return (TranscriptWarning("diarization_substituted", message, about_audio=False),)
    return ()


def summarizer_warnings(asked: str, model: LoadedModel) -> tuple[TranscriptWarning, ...]:
    """Return what to say when ``model`` wrote a summary on a service whose settings name ``asked``."""
    warnings = []
    if model.reason:
        message = f"{model.label} summarizes in place of {asked}: {clause(model.reason)}."
        warnings.append(TranscriptWarning("model_substituted", message, about_audio=False))
    if model.demo:
        message = "A demo model wrote this summary. Of real transcripts, its summaries are useless."
        warnings.append(TranscriptWarning("demo_model", message, about_audio=False))
    return tuple(warnings)


def clause(reason: str) -> str:
    """Return ``reason`` unless it quotes a folder or an address, which are nobody's business outside."""
    return _UNKNOWN if "/" in reason or "\\" in reason else reason.rstrip(".")

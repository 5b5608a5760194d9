"""The JSON messages of a live session."""

import json
from typing import Any

from stt_ai.api.stream.config import DETECTED, StreamParams
from stt_ai.api.transcription.rendering import warnings_of
from stt_ai.pipeline.model_warnings import transcriber_warnings
from stt_ai.streaming.events import Event, Final, Partial, SpeechStarted, SpeechStopped, UtteranceEnd
from stt_ai.types import LoadedModel, Word


def encoded(message: dict[str, Any]) -> str:
    """Return ``message`` as JSON text. Raise `ValueError` for NaN, which JSON lacks."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False)


def event_message(event: Event) -> dict[str, Any]:
    """Return the message. A final has `"partial": ""` too: the documented client reads both fields of every message."""
    match event:
        case Partial():
            stable = min(event.stable_chars, len(event.text))
            return {"partial": event.text, "start": _s(event.start), "seq": event.seq, "stable_chars": stable}
        case Final():
            return final_message(event)
        case SpeechStarted():
            return {"event": "speech_started", "at": _s(event.at)}
        case SpeechStopped():
            return {"event": "speech_stopped", "at": _s(event.at)}
        case UtteranceEnd():
            return {"event": "utterance_end", "last_word_end": _s(event.last_word_end)}


def final_message(final: Final) -> dict[str, Any]:
    """Return the message of a final, whose text is never taken back. Times are seconds."""
    return {
        "text": final.text,
        "partial": "",
        "start": _s(final.start),
        "end": _s(final.end),
        "words": [_word(word) for word in final.words],
        "segment_id": final.segment_id,
        "language": final.language,
        "speech_final": final.speech_final,
        **({"from_finalize": True} if final.from_finalize else {}),
    }


def ready_message(
    params: StreamParams, model: LoadedModel, session_id: str, resumed: bool, start: float
) -> dict[str, Any]:
    """Return the parameters in effect. ``start``: the second of the stream from which on its text is sent."""
    config = params.config
    return {
        "status": "ready",
        "session_id": session_id,
        "resumed": resumed,
        "offset": _s(start),
        "model": model.label,
        "language": config.language or "auto",
        "encoding": "pcm_s16le" if params.encoding == DETECTED else params.encoding,
        "sample_rate": params.sample_rate,
        "interim_results": config.interim_results,
        "endpointing": False if config.endpointing_ms is None else config.endpointing_ms,
        "utterance_end_ms": config.utterance_end_ms,
        "vad_events": config.vad_events,
        "word_timestamps": config.word_timestamps,
        "prompt": config.prompt,
        "keywords": list(config.keywords),
        **({"demo_model": True} if model.demo else {}),
        **warnings_of(transcriber_warnings(model)),
    }


def ignored_message(reason: str) -> dict[str, Any]:
    """Return the warning about a message that was ignored."""
    return {"warnings": [{"code": "message_ignored", "message": reason}]}


def last_message(seconds: float) -> dict[str, Any]:
    """Return the last one of a stream that was stopped, ``seconds`` into it, also where it was cut off in between.

    All text was sent before it.
    """
    return {"is_final": True, "text": "", "partial": "", "duration": _s(seconds)}


def _word(word: Word) -> dict[str, Any]:
    confidence = round(min(max(word.confidence, 0.0), 1.0), 4)
    return {"word": word.word, "start": _s(word.start), "end": _s(word.end), "confidence": confidence}


def _s(seconds: float) -> float:
    return round(seconds, 2)

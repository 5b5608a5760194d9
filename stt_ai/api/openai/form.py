"""The OpenAPI schema of OpenAI's audio routes: their forms, answers and errors."""

from typing import Any

from stt_ai.api.openai.names import DIARIZING, NAMES, able_models, stands_for
from stt_ai.api.openai.parameters import FORMATS, GRANULARITIES, STREAMED
from stt_ai.api.openai.schemas import AudioErrorBody, AudioText, DiarizedText, VerboseText
from stt_ai.api.openapi import IDEMPOTENCY_KEY, STRICT, choice, failures, in_query, transcript_responses
from stt_ai.ports import Catalogue
from stt_ai.types import Task

_EVENT = {
    "description": "`transcript.text.delta`, `transcript.text.segment`, `transcript.text.done`, or `error`.",
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}


def audio_responses(task: Task) -> dict[int | str, dict[str, Any]]:
    """Return what the schema says of the answers to ``task``."""
    success = dict(transcript_responses()[200])
    success["model"] = AudioText | VerboseText | DiarizedText if task is Task.TRANSCRIBE else AudioText | VerboseText
    success["description"] = "The text, in the format asked for; with `stream`, as server-sent events."
    success["content"] = {**success["content"], "text/event-stream": {"schema": _EVENT}}
    return {200: success, **failures(400, 401, 402, 409, 413, 429, 500, 503, shape=AudioErrorBody)}


def audio_form(catalogue: Catalogue, default_model: str, task: Task) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its multipart body itself."""
    forms = FORMATS[task]
    means = stands_for(catalogue, default_model, task)
    model = f"A model of this service, or a name of OpenAI's, which means {means}."
    if task is Task.TRANSCRIBE:
        model += f" With {DIARIZING}, srt and vtt name speakers; diarized_json always does."
    stream = f"Stream the text as it is transcribed; with {', '.join(form for form in STREAMED if form in forms)}."
    properties: dict[str, Any] = {
        "file": {"type": "string", "format": "binary", "description": "Audio or video; judged by content."},
        "model": choice(model, [*able_models(catalogue, task), *NAMES], "whisper-1"),
        **_COMMON,
        "response_format": choice("Form of the answer.", list(forms), "json"),
        "stream": {"type": "boolean", "default": False, "description": stream},
        "strict": STRICT,
        **(_OF_TRANSCRIPTIONS if task is Task.TRANSCRIBE else {}),
    }
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
        "parameters": [IDEMPOTENCY_KEY, *in_query(properties)],
    }


_COMMON = {
    "language": {
        "type": "string",
        "default": "auto",
        "description": "The language that is spoken, as GET /v1/languages lists them; detected by default.",
        "examples": ["en", "es"],
    },
    "prompt": {"type": "string", "description": "Context before the audio: names, spelling, style."},
    "temperature": {
        "type": "number",
        "default": 0,
        "minimum": 0,
        "maximum": 1,
        "description": "Initial temperature; it rises automatically where the text is uncertain.",
    },
}
_OF_TRANSCRIPTIONS = {
    GRANULARITIES: {
        "type": "array",
        "items": {"type": "string", "enum": ["word", "segment"]},
        "description": "What verbose_json lists; segments when left out. With no other format.",
    },
    "keywords[]": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Words to expect; they are put before the prompt.",
    },
    "chunking_strategy": choice("Speech is always detected and split by the service itself.", ["auto"], "auto"),
}

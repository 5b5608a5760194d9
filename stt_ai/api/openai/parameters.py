"""The parameters of OpenAI's audio routes: form text in, values out; what cannot be honoured is said so."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stt_ai.api.openai.names import DIARIZING, chosen_model
from stt_ai.api.transcription.parameters import TranscriptionParams, boolean, known_language
from stt_ai.api.transcription.selection import MAX_PROMPT
from stt_ai.api.transcription.values import quoted
from stt_ai.errors import BadParameter
from stt_ai.ports import Catalogue
from stt_ai.types import Task, TranscriptionRequest

GRANULARITIES = "timestamp_granularities[]"
_BOTH = frozenset({"model", "language", "prompt", "response_format", "temperature", "stream", "strict"})
KNOWN = {
    Task.TRANSCRIBE: _BOTH | {GRANULARITIES, "keywords[]", "chunking_strategy"},
    Task.TRANSLATE: _BOTH,
}

_VOICES = "Speakers are numbered here, but not known by name: leave `known_speaker_names` and their samples out."
_CHUNKS = "Speech is detected and split by the service itself: send `chunking_strategy` as auto, or leave it out."
_LANGUAGE = "One language is expected, or detected: send it as `language`, and leave `languages` out."
_INCLUDED = (
    "Nothing can be included, log probabilities neither; verbose_json has their mean for each segment. "
    "Leave `include` out."
)
_REASONS = {
    "known_speaker_names": _VOICES,
    "known_speaker_references": _VOICES,
    "languages": _LANGUAGE,
    "include": _INCLUDED,
}
REFUSED: Mapping[str, str] = {
    **{f"{name}{end}": reason for name, reason in _REASONS.items() for end in ("", "[]")},
    **{f"chunking_strategy[{n}]": _CHUNKS for n in ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")},
}
"""Fields that are not quietly ignored: the answer would not be what was asked for."""


class AudioFormat(StrEnum):
    """The response formats of OpenAI's routes."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VERBOSE_JSON = "verbose_json"
    VTT = "vtt"
    DIARIZED_JSON = "diarized_json"


FORMATS = {
    Task.TRANSCRIBE: tuple(AudioFormat),
    Task.TRANSLATE: tuple(form for form in AudioFormat if form is not AudioFormat.DIARIZED_JSON),
}
STREAMED = (AudioFormat.JSON, AudioFormat.TEXT, AudioFormat.DIARIZED_JSON)
_NAMING = (AudioFormat.SRT, AudioFormat.VTT, AudioFormat.DIARIZED_JSON)
"""Formats that say who speaks."""


@dataclass(frozen=True, slots=True)
class AudioParams(TranscriptionParams):
    """The fields of OpenAI's routes. ``words`` and ``segments``: which of them the verbose form lists."""

    response_format: AudioFormat
    words: bool
    segments: bool


def parse_audio(fields: Mapping[str, str], catalogue: Catalogue, default_model: str, task: Task) -> AudioParams:
    """Raise `BadParameter`. An empty value means the default."""
    given = {name: value.strip() for name, value in fields.items() if value.strip()}
    _refuse_chunking(given)
    model = given.get("model", default_model if task is Task.TRANSCRIBE else "whisper-1")
    form = _format(given.get("response_format", AudioFormat.JSON), task)
    words, segments = _granularities(given.get(GRANULARITIES), form)
    chosen = chosen_model(model, catalogue, default_model, task)
    request = TranscriptionRequest(
        model=chosen,
        language=known_language(given.get("language", "auto"), catalogue, chosen),
        diarize=form is AudioFormat.DIARIZED_JSON or (model == DIARIZING and form in _NAMING),
        task=task,
        prompt=_prompt(given),
        temperature=_temperature(given.get("temperature", "0")),
        strict=boolean("strict", given.get("strict", "false")),
    )
    return AudioParams(request, form, words, segments, stream=_stream(given.get("stream", "false"), form))


def _prompt(given: Mapping[str, str]) -> str:
    """Keywords are words that may have been said before, as far as the model is concerned. Of much, the end counts."""
    keywords = given.get("keywords[]", "").replace(",", ", ")
    return f"{keywords} {given.get('prompt', '')}".strip()[-MAX_PROMPT:]


def _refuse_chunking(given: Mapping[str, str]) -> None:
    if given.get("chunking_strategy", "auto") != "auto":
        raise BadParameter(_CHUNKS, "chunking_strategy")


def _format(value: str, task: Task) -> AudioFormat:
    accepted = FORMATS[task]
    if value.lower() not in accepted:
        raise BadParameter(
            f"`response_format` is {quoted(value)}; it must be one of {', '.join(accepted)}.", "response_format"
        )
    return AudioFormat(value.lower())


def _granularities(value: str | None, form: AudioFormat) -> tuple[bool, bool]:
    """Return whether words, and whether segments are listed."""
    if value is None:
        return False, True
    asked = {part.strip() for part in value.split(",")}
    if not asked <= {"word", "segment"}:
        raise BadParameter(f"`{GRANULARITIES}` is {quoted(value)}; it must be word, segment or both.", GRANULARITIES)
    if form is not AudioFormat.VERBOSE_JSON:
        raise BadParameter(
            f"`{GRANULARITIES}` goes with the `response_format` verbose_json only.", GRANULARITIES, "response_format"
        )
    return "word" in asked, "segment" in asked


def _temperature(value: str) -> float:
    try:
        temperature = float(value) if value.isascii() and "_" not in value else -1.0
    except ValueError:
        temperature = -1.0
    if not 0 <= temperature <= 1:
        raise BadParameter(f"`temperature` is {quoted(value)}; it must be a number from 0 to 1.", "temperature")
    return temperature


def _stream(value: str, form: AudioFormat) -> bool:
    stream = boolean("stream", value)
    if stream and form not in STREAMED:
        raise BadParameter(
            f"`stream` goes with the formats {', '.join(STREAMED)}, and not with {form}.", "stream", "response_format"
        )
    return stream

"""The parameters of a transcription: form text in, values out; whatever is wrong is named in one sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from stt_ai.api.transcription.selection import KEYWORDS, keywords, prompt, selection
from stt_ai.api.transcription.subtitle_parameters import RANGES, subtitle_options
from stt_ai.api.transcription.values import quoted
from stt_ai.captions.shapes import DEFAULTS, SubtitleOptions
from stt_ai.errors import BadParameter
from stt_ai.models.languages import language_code
from stt_ai.ports import Catalogue
from stt_ai.types import MAX_SPEAKERS, Task, TranscriptionRequest

KNOWN = frozenset(
    {"model", "language", "diarize", "speakers", "min_speakers", "max_speakers", "response_format", "strict", "stream"}
    | {"task", "prompt", KEYWORDS, "start", "end", "track", "channels", *RANGES}
)
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


class ResponseFormat(StrEnum):
    """The forms in which a transcript can be had."""

    JSON = "json"
    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"


@dataclass(frozen=True, slots=True)
class TranscriptionParams:
    """The parameters of all routes; each adds its format. ``stream``: answer by server-sent events."""

    request: TranscriptionRequest
    stream: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class TranscribeParams(TranscriptionParams):
    """The fields of POST /v1/transcribe."""

    response_format: ResponseFormat
    subtitles: SubtitleOptions = DEFAULTS


def parse_parameters(fields: Mapping[str, str], catalogue: Catalogue, default_model: str) -> TranscribeParams:
    """Raise `BadParameter`. An empty value means the default."""
    given = {name: value.strip() for name, value in fields.items() if value.strip()}
    exactly, minimum, maximum = _speaker_numbers(given)
    task = _task(given.get("task", Task.TRANSCRIBE))
    model = _model(given.get("model"), catalogue, default_model, task)
    request = TranscriptionRequest(
        model=model,
        language=known_language(given.get("language", "auto"), catalogue, model),
        diarize=boolean("diarize", given.get("diarize", "true")),
        speakers=exactly,
        min_speakers=minimum,
        max_speakers=maximum,
        task=task,
        prompt=prompt(given),
        keywords=keywords(given.get(KEYWORDS, "")),
        selection=selection(given),
        strict=boolean("strict", given.get("strict", "false")),
    )
    form = _response_format(given.get("response_format", "json"))
    subtitles = subtitle_options(given, form)
    return TranscribeParams(request, form, subtitles, stream=boolean("stream", given.get("stream", "false")))


def known_model(value: str, catalogue: Catalogue) -> str:
    """Return ``value``, a model on offer. Raise `BadParameter` for any other."""
    models = [model.id for model in catalogue.models()]
    if value not in models:
        raise BadParameter(f"`model` is {quoted(value)}; it must be one of {', '.join(models)}.", "model")
    return value


def _task(value: str) -> Task:
    try:
        return Task(value.lower())
    except ValueError:
        raise BadParameter(f"`task` is {quoted(value)}; it must be one of {', '.join(Task)}.", "task") from None


def _model(asked: str | None, catalogue: Catalogue, default: str, task: Task) -> str:
    """Return the model; where none is named and the default cannot translate, the first that can."""
    model = known_model(asked or default, catalogue)
    if task is Task.TRANSCRIBE:
        return model
    able = [other.id for other in catalogue.models() if other.translates]
    if not able:
        raise BadParameter("`task` is translate, but none of the models on offer here was trained for it.", "task")
    if model in able:
        return model
    if asked is None:
        return able[0]
    raise BadParameter(
        f"`model` is {quoted(asked)}, which was not trained to translate; those that were are {', '.join(able)}.",
        "model",
        beside="task",
    )


def known_language(value: str, catalogue: Catalogue, model: str) -> str | None:
    """Return Whisper's code for whatever `language_code` takes, or None for `auto`. Raise `BadParameter`."""
    if value.lower() == "auto":
        return None
    found = language_code(value)
    if found is None or found not in dict(catalogue.languages()):
        raise BadParameter(
            f"`language` is {quoted(value)}; it must be auto, a code that GET /v1/languages lists, such as en, another "
            "ISO 639 code or a tag such as pt-BR for one of these, or its English name.",
            "language",
        )
    able = [other.id for other in catalogue.models() if found in dict(catalogue.languages(other.id))]
    if model not in able:
        raise BadParameter(
            f"`language` is {quoted(value)}, which the model {model} does not know; those that do are "
            f"{', '.join(able)}. Take one of them, another language or auto.",
            "language",
            beside="model",
        )
    return found


def boolean(name: str, value: str) -> bool:
    """Return the boolean that ``value`` spells, in any case. Raise `BadParameter` where it spells none."""
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise BadParameter(f"`{name}` is {quoted(value)}; it must be true or false.", name)


def _speaker_numbers(given: Mapping[str, str]) -> tuple[int, int, int]:
    """`speakers`, `min_speakers` and `max_speakers`; 0 where the caller leaves it open."""
    exactly = _number("speakers", given.get("speakers", "0"), 0)
    minimum = _number("min_speakers", given["min_speakers"], 1) if "min_speakers" in given else 0
    maximum = _number("max_speakers", given["max_speakers"], 1) if "max_speakers" in given else 0
    if exactly and (minimum or maximum):
        name = "min_speakers" if minimum else "max_speakers"
        raise BadParameter(f"`{name}` is accepted only when `speakers` is 0 or left out; send one of them.", name)
    if maximum and minimum > maximum:
        raise BadParameter(
            f"`min_speakers` is {minimum} and `max_speakers` {maximum}; the first must not be larger.", "min_speakers"
        )
    return exactly, minimum, maximum


def _number(name: str, value: str, minimum: int) -> int:
    # int() alone would also take "1_0", "+1" and digits of other scripts.
    if value.isascii() and value.isdigit() and len(value) <= 4 and minimum <= int(value) <= MAX_SPEAKERS:
        return int(value)
    meaning = " (find out)" if minimum == 0 else ""
    raise BadParameter(
        f"`{name}` is {quoted(value)}; it must be a whole number from {minimum}{meaning} to {MAX_SPEAKERS}.", name
    )


def _response_format(value: str) -> ResponseFormat:
    try:
        return ResponseFormat(value.lower())
    except ValueError:
        accepted = ", ".join(ResponseFormat)
        raise BadParameter(
            f"`response_format` is {quoted(value)}; it must be one of {accepted}.", "response_format"
        ) from None

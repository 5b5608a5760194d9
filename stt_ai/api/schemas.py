"""The shapes of the API's JSON, for the schema that /openapi.json shows."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stt_ai.types import SummaryStyle


class Shape(BaseModel):
    """Base of the API's bodies: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


class WordBody(Shape):
    """A word, and when it is spoken."""

    word: str
    start: float = Field(ge=0, description="Seconds.")
    end: float = Field(ge=0, description="Seconds.")
    confidence: float = Field(ge=0, le=1)
    speaker: str | None = Field(None, description="Only with speakers.", examples=["Speaker 1"])
    channel: int | None = Field(None, ge=1, description="Only with separate channels.")


class SegmentBody(Shape):
    """About a sentence: text is cut after sentence ends, at pauses, and where the speaker changes."""

    start: float = Field(ge=0, description="Seconds.")
    end: float = Field(ge=0, description="Seconds.")
    text: str
    speaker: str | None = Field(None, description="Only with speakers.", examples=["Speaker 1"])
    channel: int | None = Field(None, ge=1, description="Only with separate channels.")
    confidence: float = Field(ge=0, le=1, description="Geometric mean of the probabilities of the segment's tokens.")
    words: list[WordBody]


class UsageBody(Shape):
    """What a request was charged."""

    seconds: float = Field(ge=0)
    credits: int = Field(ge=1, description="Minutes of audio, rounded up.")


class WarningBody(Shape):
    """Something that may have made the transcript worse."""

    code: str = Field(
        description=(
            "Stable; there may be more. About the audio: `audio_missing`, `audio_damaged`, `timestamps_repaired`, "
            "`channels_cancelled`, `silent_track_skipped`, `quiet`. About the service: `model_substituted`, "
            "`demo_model`, `diarization_substituted`, `demo_diarization`."
        ),
        examples=["audio_missing"],
    )
    message: str = Field(description="One sentence for people.")
    start: float | None = Field(None, ge=0, description="Seconds; absent if it concerns the whole recording.")
    end: float | None = Field(None, ge=0, description="Seconds.")


class TranscriptBody(Shape):
    """The answer of POST /v1/transcribe in format `json`."""

    text: str
    language: str = Field(
        description="Code of the language spoken. With `task` translate the text is English.", examples=["en"]
    )
    language_confidence: float = Field(ge=0, le=1)
    duration: float = Field(ge=0, description="Seconds of audio that were transcribed.")
    start: float | None = Field(
        None, description="Second of the recording at which they begin; present where that is not its beginning."
    )
    segments: list[SegmentBody]
    speakers: list[str] = Field(description="In order of first speech; empty without speakers.")
    model: str = Field(description="The model that wrote it.")
    usage: UsageBody
    request_id: str
    warnings: list[WarningBody] | None = Field(
        None, description="Present when the answer is not all of the recording, or not from the model asked for."
    )


class SummaryBody(Shape):
    """The answer of POST /v1/summarize."""

    summary: str
    style: SummaryStyle
    model: str = Field(description="The model that wrote it.", examples=["qwen2.5-1.5b-instruct"])
    warnings: list[WarningBody] | None = Field(None, description="Present when it is not the model configured.")


class ModelBody(Shape):
    """A model on offer, and what serves where it is asked for."""

    id: str
    name: str
    languages: int
    speed: str
    default: bool = Field(description="Used when a request names none.")
    available: bool | None = Field(description="Whether this model itself answers when requested; null: not known yet.")
    served_by: str | None = Field(
        description="The model that serves when it is asked for; null: not known yet, or none can.",
        examples=["whisper-base"],
    )


class OpenAiModel(Shape):
    """A model as OpenAI's clients read it."""

    id: str
    object: Literal["model"]
    created: int = Field(description="Unused: always 0.")
    owned_by: str

    @classmethod
    def of(cls, model_id: str) -> "OpenAiModel":
        """Return the entry of a model id."""
        return cls(id=model_id, object="model", created=0, owned_by="stt.ai")


class ModelsBody(Shape):
    """All models on offer, in the service's form and in OpenAI's."""

    models: list[ModelBody]
    object: Literal["list"]
    data: list[OpenAiModel]


class LanguageBody(Shape):
    """A language that can be asked for."""

    code: str
    name: str


class LanguagesBody(Shape):
    """All languages that can be asked for."""

    languages: list[LanguageBody]


class PartBody(Shape):
    """One part of the service, and how it is."""

    name: str
    ok: bool
    detail: str = Field(
        description="What is wrong, or why another model serves than the configured one; otherwise empty."
    )
    served_by: str | None = Field(
        description="The model that serves this part; null where it needs none, or none has been loaded yet.",
        examples=["whisper-base"],
    )
    origin: str | None = Field(
        description="Where its weights came from: folder, cache, hub, packages or demo.", examples=["packages"]
    )
    demo: bool = Field(description="A demo model serves it.")


class HealthBody(Shape):
    """How the service and its parts are; one part that is not ok makes it `degraded`."""

    status: Literal["ok", "degraded"]
    gpu_available: bool
    gpu_name: str | None
    gpu_memory_mb: int
    demo_models: bool = Field(description="A demo model serves a part; `parts` say which.")
    version: str
    parts: list[PartBody]


class ProbeBody(Shape):
    """The answer to a probe that succeeds; any other is an error."""

    status: Literal["ok"]


class ErrorBody(Shape):
    """Every error of the service."""

    error: str = Field(description="One sentence that says what to do.")
    code: str = Field(description="Stable, for programs.", examples=["missing_file"])
    request_id: str

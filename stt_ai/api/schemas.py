"""The shapes of the API's JSON, for the schema that /openapi.json shows."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stt_ai.types import SummaryStyle


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WordBody(Shape):
    word: str
    start: float = Field(ge=0, description="Seconds.")
    end: float = Field(ge=0, description="Seconds.")
    confidence: float = Field(ge=0, le=1)
    speaker: str | None = Field(None, description="Only with speakers.", examples=["Speaker 1"])
    channel: int | None = Field(None, ge=1, description="Only with separate channels.")


class SegmentBody(Shape):
    start: float = Field(ge=0, description="Seconds.")
    end: float = Field(ge=0, description="Seconds.")
    text: str
    speaker: str | None = Field(None, description="Only with speakers.", examples=["Speaker 1"])
    channel: int | None = Field(None, ge=1, description="Only with separate channels.")
    confidence: float = Field(ge=0, le=1, description="Geometric mean of the probabilities of the segment's tokens.")
    words: list[WordBody]


class UsageBody(Shape):
    seconds: float = Field(ge=0)
    credits: int = Field(ge=1, description="Minutes of audio, rounded up.")


class WarningBody(Shape):
    code: str = Field(
        description=(
            "Stable; there may be more. About the audio: `audio_missing`, `audio_damaged`, `timestamps_repaired`, "
            "`channels_cancelled`, `silent_track_skipped`, `quiet`. About the service: `model_substituted`, "
            "`demo_model`, `diarization_substituted`, `demo_diarization`."
        ),
        examples=["audio_missing"],
    )
    message: str = Field(description="One sentence for people.")
    start: float | None = Field(None, ge=0, description="Seconds; absent where the whole recording is concerned.")
    end: float | None = Field(None, ge=0, description="Seconds.")


class TranscriptBody(Shape):
    text: str
    language: str = Field(description="Code of the language used.", examples=["en"])
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
    summary: str
    style: SummaryStyle
    model: str = Field(description="The model that wrote it.", examples=["qwen2.5-1.5b-instruct"])
    warnings: list[WarningBody] | None = Field(None, description="Present when it is not the model configured.")


class ModelBody(Shape):
    id: str
    name: str
    languages: int
    speed: str
    default: bool = Field(description="It is the one when a request names none.")
    available: bool | None = Field(description="Whether it serves itself when asked for; null: not known yet.")
    served_by: str | None = Field(
        description="The model that serves when it is asked for; null: not known yet, or none can.",
        examples=["whisper-base"],
    )


class OpenAiModel(Shape):
    id: str
    object: Literal["model"]
    created: int = Field(description="Not kept: always 0.")
    owned_by: str

    @classmethod
    def of(cls, model_id: str) -> "OpenAiModel":
        return cls(id=model_id, object="model", created=0, owned_by="stt.ai")


class ModelsBody(Shape):
    models: list[ModelBody]
    object: Literal["list"]
    data: list[OpenAiModel]


class LanguageBody(Shape):
    code: str
    name: str


class LanguagesBody(Shape):
    languages: list[LanguageBody]


class PartBody(Shape):
    name: str
    ok: bool
    detail: str = Field(description="What is wrong, or why another model serves than is set; else empty.")
    served_by: str | None = Field(
        description="The model that serves this part; null where it needs none, or none has been loaded yet.",
        examples=["whisper-base"],
    )
    origin: str | None = Field(
        description="Where its weights came from: folder, cache, hub, packages or demo.", examples=["packages"]
    )
    demo: bool = Field(description="A demo model serves it.")


class HealthBody(Shape):
    status: Literal["ok", "degraded"]
    gpu_available: bool
    gpu_name: str | None
    gpu_memory_mb: int
    demo_models: bool = Field(description="A demo model serves a part; `parts` say which.")
    version: str
    parts: list[PartBody]


class ProbeBody(Shape):
    status: Literal["ok"]


class ErrorBody(Shape):
    error: str = Field(description="One sentence that says what to do.")
    code: str = Field(description="Stable, for programs.", examples=["missing_file"])
    request_id: str

"""The shapes of OpenAI's audio answers, as its clients read them, for the schema."""

from typing import Literal

from pydantic import Field

from stt_ai.api.schemas import Shape, WarningBody

Seconds = Field(ge=0, description="Seconds.")
Warnings = Field(None, description="Ours, as in the answers of POST /v1/transcribe; only where there are any.")


class DurationUsage(Shape):
    """What a file is charged by: its seconds."""

    type: Literal["duration"]
    seconds: float = Field(ge=0, description="Of audio.")


class AudioText(Shape):
    """The answer in format `json`."""

    text: str
    usage: DurationUsage
    warnings: list[WarningBody] | None = Warnings


class AudioSegment(Shape):
    """A segment of format `verbose_json`. Times are seconds."""

    id: int = Field(ge=0)
    seek: int = Field(ge=0, description="Start of the window that contains its beginning, in hundredths of a second.")
    start: float = Seconds
    end: float = Seconds
    text: str = Field(description="Includes a leading space, if any: the texts joined are the whole.")
    tokens: list[int] = Field(max_length=0, description="Always empty: the service does not return tokens.")
    temperature: float = Field(
        ge=0, le=1, description="The temperature at which the window's text was finally decoded."
    )
    avg_logprob: float = Field(le=0, description="The mean over the segment's tokens.")
    compression_ratio: float = Field(ge=0, description="Of the segment's text by zlib; loops are above 2.4.")
    no_speech_prob: float = Field(ge=0, le=1, description="Of that window.")


class AudioWord(Shape):
    """A word of format `verbose_json`. Times are seconds."""

    word: str
    start: float = Seconds
    end: float = Seconds


class VerboseText(Shape):
    """The answer in format `verbose_json`."""

    task: Literal["transcribe", "translate"]
    language: str = Field(description="Its English name, of the text.", examples=["english"])
    duration: float = Field(ge=0, description="Seconds of audio.")
    text: str
    segments: list[AudioSegment] | None = Field(None, description="Unless only words are asked for.")
    words: list[AudioWord] | None = Field(None, description="If asked for.")
    usage: DurationUsage
    warnings: list[WarningBody] | None = Warnings


class SpokenSegment(Shape):
    """A segment of one speaker. Times are seconds."""

    type: Literal["transcript.text.segment"]
    id: str = Field(examples=["seg_0"])
    speaker: str = Field(description="A, B, … in order of first speech.", examples=["A"])
    start: float = Seconds
    end: float = Seconds
    text: str


class DiarizedText(Shape):
    """The answer in format `diarized_json`."""

    task: Literal["transcribe"]
    duration: float = Field(ge=0, description="Seconds of audio.")
    text: str
    segments: list[SpokenSegment]
    usage: DurationUsage
    warnings: list[WarningBody] | None = Warnings


class ErrorDetail(Shape):
    """What is wrong, in OpenAI's words."""

    message: str = Field(description="One sentence that says what to do.")
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(description="The parameter at fault.")
    code: str = Field(description="OpenAI's where it has one, else as beside.")


class AudioErrorBody(Shape):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail
    code: str = Field(description="Stable, as on all routes.", examples=["missing_file"])
    request_id: str

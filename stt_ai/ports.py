"""What the pipeline needs of the parts, as small protocols. Engines and remote handles both fit them."""

from typing import Protocol

from stt_ai.types import (
    DecodedAudio,
    DecodingOptions,
    LanguageGuess,
    LoadedModel,
    ModelInfo,
    Pcm,
    ServiceHealth,
    Transcript,
    TranscriptionRequest,
    Upload,
    Window,
    WindowTranscript,
)


class Decoder(Protocol):
    """Turns an upload into 16 kHz mono PCM and finds the speech in it."""

    async def decode(self, upload: Upload) -> DecodedAudio:
        """Raises `UnsupportedMedia`, `NoAudioTrack`, `DamagedMedia`, `AudioTooLong` or `Unavailable`."""
        ...


class Transcriber(Protocol):
    """One speech model. Windows are independent of each other, so any may be retried anywhere."""

    async def describe(self) -> LoadedModel:
        """What is loaded, loading it first if need be. Raises `ModelLoading` or `ModelUnavailable`."""
        ...

    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        """Words of one window. Raises `Unavailable`, or `AudioLost` when the samples are gone."""
        ...

    async def detect_language(self, pcm: Pcm, window: Window) -> LanguageGuess:
        """Raises as `transcribe` does."""
        ...


class TranscriptionService(Protocol):
    """The whole job, as the API sees it."""

    async def transcribe(self, upload: Upload, request: TranscriptionRequest) -> Transcript: ...


class Catalogue(Protocol):
    """The models and languages on offer."""

    def models(self) -> tuple[ModelInfo, ...]: ...

    def languages(self) -> tuple[tuple[str, str], ...]:
        """(code, English name in lower case), `en` first."""
        ...


class HealthProbe(Protocol):
    """Says how the service is, quickly, whatever else goes on."""

    async def health(self) -> ServiceHealth: ...

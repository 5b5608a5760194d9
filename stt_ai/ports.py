"""The parts that the pipeline calls, as small protocols. Engines and remote handles both implement them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from stt_ai.types import (
    AudioSelection,
    DecodedAudio,
    DecodingOptions,
    Hypothesis,
    LoadedModel,
    ModelInfo,
    Pcm,
    Samples,
    ServiceHealth,
    SpeakerCount,
    SpeakerTurn,
    Summary,
    SummaryProgress,
    SummaryStyle,
    Transcript,
    TranscriptionRequest,
    Upload,
    Window,
    WindowTranscript,
)

OnDuration = Callable[[float], Awaitable[None]]
"""Called with the seconds of audio of a file as work on it begins."""

OnText = Callable[[str, float], Awaitable[None]]
"""Called with the text of a file while it is transcribed: pieces in order, which joined are the transcript's text, and
the seconds of the file up to which each goes. The last piece may be empty: all of the file is transcribed."""


class Decoder(Protocol):
    """Turns an upload into 16 kHz mono PCM and finds the speech in it."""

    async def decode(self, upload: Upload, selection: AudioSelection) -> DecodedAudio:
        """Return what ``selection`` names of the upload.

        Raise `UnsupportedMedia`, `NoAudioTrack`, `DamagedMedia`, `AudioTooLong`, `Unavailable`, or `BadParameter` where
        the file has no such part.
        """
        ...


class Transcriber(Protocol):
    """One speech model. Windows are independent of each other, so any may be retried anywhere."""

    async def describe(self) -> LoadedModel:
        """Return what is loaded, loading it first if need be. Raise `ModelLoading` or `ModelUnavailable`."""
        ...

    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        """Return the words of one window. Raise `Unavailable`, or `AudioLost` if the samples are gone."""
        ...


class Checkpoint(Protocol):
    """The finished work on one file, kept beyond all processes, so that a later attempt does only the rest."""

    async def load(self, audio: DecodedAudio) -> DecodedAudio:
        """Return ``audio`` with the speech that was found the first time, so that its windows are the same."""
        ...

    async def windows(self, model: str, planned: Sequence[Window]) -> Mapping[int, WindowTranscript]:
        """Return what ``model`` wrote of ``planned`` windows before, by their index."""
        ...

    async def save_window(self, window: Window, transcript: WindowTranscript) -> None:
        """Keep what the model named to `windows` wrote of ``window``."""
        ...

    async def language(self) -> tuple[str, float] | None:
        """Return the language that was settled before and its probability."""
        ...

    async def save_language(self, language: tuple[str, float]) -> None:
        """Keep the code of the language that was settled, and its probability."""
        ...

    async def turns(self) -> tuple[LoadedModel, tuple[SpeakerTurn, ...]] | None:
        """Return the speakers' turns that were found before, and what found them."""
        ...

    async def save_turns(self, model: LoadedModel, turns: tuple[SpeakerTurn, ...]) -> None:
        """Keep the speakers' turns, and what found them."""
        ...


class LiveRecognizer(Protocol):
    """One speech model for live sessions. Each call stands alone, so any may be retried anywhere.

    ``samples``: int16, at most the model's ``window_s``. ``key`` stands for the session. The text begins with the
    words of the options' ``prefix``. A caller that is cancelled cancels the work.
    """

    async def describe(self) -> LoadedModel:
        """Return what is loaded, loading it first if need be. Raise `ModelLoading` or `ModelUnavailable`."""
        ...

    async def transcribe_partial(
        self, samples: Samples, options: DecodingOptions, *, key: str, within_s: float
    ) -> Hypothesis | None:
        """Return the hypothesis for the text after the prefix.

        None: something else of the session took its place, or the model is so busy that it did not begin within
        ``within_s`` seconds. Raise `Unavailable` or `InternalError`.
        """
        ...

    async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        """Return the words of all the samples; replace a partial that waits. Raise as `transcribe_partial` does."""
        ...


class VoiceStream(Protocol):
    """Detects speech in one stream of samples."""

    def feed(self, samples: Samples) -> Sequence[float]:
        """Return a probability for each complete frame of 512 samples, however the stream is cut into calls."""
        ...


class VoiceDetector(Protocol):
    """Detects speech in any number of streams."""

    def stream(self) -> VoiceStream:
        """Return a detector that keeps one stream's state."""
        ...


class Diarizer(Protocol):
    """Finds the speaker turns of a file."""

    async def describe(self) -> LoadedModel:
        """Return what is loaded, loading it first if need be. Raise `ModelLoading` or `ModelUnavailable`."""
        ...

    async def diarize(self, pcm: Pcm, speakers: SpeakerCount) -> tuple[SpeakerTurn, ...]:
        """Return the turns in order, one voice at a time; none if nobody speaks.

        Raise `Unavailable`, or `AudioLost` when the samples are gone.
        """
        ...


class Summarizer(Protocol):
    """Writes summaries of transcripts of any length, in their language."""

    async def summarize(self, text: str, style: SummaryStyle) -> Summary:
        """Raise `SummaryTooLong`, `Overloaded`, `ModelLoading`, `ModelUnavailable` or `Unavailable`."""
        ...

    def stream(self, text: str, style: SummaryStyle) -> AsyncIterator[str | SummaryProgress | Summary]:
        """Yield the progress over a long text's parts, pieces of the summary as soon as they are written, then the
        whole.

        Raise as `summarize` does; closing it ends it.
        """
        ...


class Reservation(Protocol):
    """A place in the queue, taken when a request is let in and carried to its work."""

    def begin(self) -> AbstractContextManager[Callable[[float], None]]:
        """Return the context of the work. It yields a function to call with the seconds of audio once known."""
        ...


class TranscriptionService(Protocol):
    """The whole job, as the API sees it."""

    async def transcribe(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        on_duration: OnDuration | None = None,
        on_text: OnText | None = None,
    ) -> Transcript:
        """``on_duration`` is called as soon as the audio's length is known. What it raises ends the work, and there is
        no transcript, and nothing for ``on_text``, before it has returned.
        """
        ...


class Catalogue(Protocol):
    """The models and languages on offer."""

    def models(self) -> tuple[ModelInfo, ...]:
        """Return the models that a request may name."""
        ...

    def languages(self, model: str | None = None) -> tuple[tuple[str, str], ...]:
        """Return (code, English name in lower case), `en` first, of what one model knows, or any of them."""
        ...


class HealthProbe(Protocol):
    """Reports the service's health quickly, under any load."""

    async def health(self) -> ServiceHealth:
        """Return the state of the service and of its parts."""
        ...


class Exposition(Protocol):
    """The service's figures as Prometheus reads them."""

    async def text(self) -> str:
        """Return the metrics of all machines that answer. Raise `Unavailable` if none does."""
        ...

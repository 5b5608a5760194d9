"""What the pipeline needs of the parts, as small protocols. Engines and remote handles both fit them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from stt_ai.accounts import (
    Account,
    Allowance,
    ApiKey,
    DayUsage,
    NewAccount,
    NewKey,
    NewToken,
    Permit,
    StoredResponse,
    UsagePage,
    WorkKind,
)
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
"""Told the seconds of audio of a file while work on it begins."""

OnText = Callable[[str, float], Awaitable[None]]
"""Told the text of a file while it is heard: pieces in order, which joined are the transcript's text, and the seconds
of the file up to which each goes. The last piece may be empty: all of the file is transcribed."""


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
        """What is loaded, loading it first if need be. Raises `ModelLoading` or `ModelUnavailable`."""
        ...

    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        """Words of one window. Raises `Unavailable`, or `AudioLost` when the samples are gone."""
        ...


class Checkpoint(Protocol):
    """What of one file is done, kept where it outlives all processes: whoever takes the file up again does the rest."""

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
        """What is loaded, loading it first if need be. Raises `ModelLoading` or `ModelUnavailable`."""
        ...

    async def transcribe_partial(
        self, samples: Samples, options: DecodingOptions, *, key: str, within_s: float
    ) -> Hypothesis | None:
        """What comes after the prefix, as far as it can be heard.

        None: something else of the session took its place, or the model is so busy that it did not begin within
        ``within_s`` seconds. Raises `Unavailable` or `InternalError`.
        """
        ...

    async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        """The words of all the samples. Takes the place of a guess that waits. Raises as `transcribe_partial` does."""
        ...


class VoiceStream(Protocol):
    """Hears whether somebody speaks, in one stream of samples."""

    def feed(self, samples: Samples) -> Sequence[float]:
        """One probability for each frame of 512 samples that is whole now. Any cut of the stream gives the same."""
        ...


class VoiceDetector(Protocol):
    """Hears whether somebody speaks, in any number of streams."""

    def stream(self) -> VoiceStream:
        """Return a detector that keeps one stream's state."""
        ...


class Diarizer(Protocol):
    """Tells the voices of a file apart."""

    async def describe(self) -> LoadedModel:
        """What is loaded, loading it first if need be. Raises `ModelLoading` or `ModelUnavailable`."""
        ...

    async def diarize(self, pcm: Pcm, speakers: SpeakerCount) -> tuple[SpeakerTurn, ...]:
        """Turns in order, one voice at a time; none when nobody speaks.

        Raises `Unavailable`, or `AudioLost` when the samples are gone.
        """
        ...


class Summarizer(Protocol):
    """Writes summaries of transcripts of any length, in their language."""

    async def summarize(self, text: str, style: SummaryStyle) -> Summary:
        """Raises `SummaryTooLong`, `Overloaded`, `ModelLoading`, `ModelUnavailable` or `Unavailable`."""
        ...

    def stream(self, text: str, style: SummaryStyle) -> AsyncIterator[str | SummaryProgress | Summary]:
        """How far a long text's parts are, pieces of the summary as soon as they stand, then the whole.

        Raises as `summarize` does; closing it ends it.
        """
        ...


class Reservation(Protocol):
    """A place in the queue, taken when a request is let in and carried to its work."""

    def begin(self) -> AbstractContextManager[Callable[[float], None]]:
        """Around the work. What is yielded is called with the seconds of audio when they are known."""
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
        """(code, English name in lower case), `en` first, of what one model knows, or any of them."""
        ...


class HealthProbe(Protocol):
    """Says how the service is, quickly, whatever else goes on."""

    async def health(self) -> ServiceHealth: ...


class Exposition(Protocol):
    """The service's figures as Prometheus reads them."""

    async def text(self) -> str:
        """Of all machines that answer. Raises `Unavailable` when none does."""
        ...


class Billing(Protocol):
    """Who may do what, and what it costs. Every call may be made again: none counts, charges or makes a thing twice.

    A request goes `admit`, (`claim`), `reserve`, `settle`; `renew` meanwhile; `release` on every way out: after
    `settle` it does nothing. A lease that is not renewed expires and gives back what it holds. Settling an
    expired lease charges afresh where that is still covered, and raises where it is not: then nothing may be delivered.

    A stream reserves minute by minute, each before it begins, and is settled however it ends. When its lease expires,
    all minutes that it had reserved but the last are charged, for they had begun; the last is given back.

    ``credential`` is the bearer token as it came, None without `Authorization`; ``address`` the client's IP address.
    For a stream it may be a token of `create_token`, which is spent by being admitted.
    """

    async def admit(
        self, credential: str | None, address: str, kind: WorkKind, request_id: str, idempotency_key: str | None = None
    ) -> Permit:
        """Checks the caller and takes a lease, and a slot where ``kind`` needs one.

        Raises `Unauthorized`, `PaymentRequired`, `TooManyRequests`, and `StillRunning` when another request with
        the same idempotency key is at work.
        """
        ...

    async def claim(self, lease: str, key: str, fingerprint: str) -> StoredResponse | None:
        """Takes the idempotency ``key`` for this lease; the stored response when the same body was answered before.

        ``fingerprint`` stands for the body. Raises `StillRunning`, `BadParameter` for another body, `LeaseExpired`.
        """
        ...

    async def renew(self, lease: str) -> None:
        """Raises `LeaseExpired`. The work may go on: `settle` says whether its result can be delivered."""
        ...

    async def reserve(self, lease: str, seconds: float) -> Allowance | None:
        """Holds what ``seconds`` of audio cost; again with more seconds, it holds the difference too.

        The result is what is left after it. Raises `PaymentRequired`, `TooManyRequests` or `LeaseExpired`.
        """
        ...

    async def settle(self, lease: str, seconds: float, response: StoredResponse | None = None) -> Allowance | None:
        """Charges ``seconds`` of audio, gives back what was reserved beyond, ends the lease.

        ``response`` is stored under the claimed key in the same step. Only afterwards may the result be delivered.
        Raises `PaymentRequired`, `TooManyRequests` or `LeaseExpired` where it cannot be charged.
        """
        ...

    async def release(self, lease: str) -> Allowance | None:
        """Ends the lease at no charge; what is left then. Does nothing to one that has ended, or that never was."""
        ...

    async def account(self, credential: str) -> Account:
        """The caller's own account. Raises `Unauthorized`, as do the following."""
        ...

    async def usage(self, credential: str, cursor: str | None = None, limit: int = 50) -> UsagePage:
        """Raises `BadParameter` for a cursor that is none."""
        ...

    async def daily_usage(self, credential: str, days: int = 31) -> tuple[DayUsage, ...]:
        """The last ``days`` UTC days that had requests, newest first."""
        ...

    async def create_key(self, credential: str, name: str) -> NewKey:
        """Raises `BadParameter` for a name that is not accepted or too many keys."""
        ...

    async def list_keys(self, credential: str) -> tuple[ApiKey, ...]:
        """Revoked ones too, oldest first."""
        ...

    async def revoke_key(self, credential: str, key_id: str) -> ApiKey:
        """Raises `NotFound`. A key can revoke itself."""
        ...

    async def create_token(self, credential: str) -> NewToken:
        """For one stream that begins soon. Raises `TooManyRequests` when the account has too many unused ones."""
        ...

    async def sign_up(self, address: str, name: str) -> NewAccount:
        """A free account and its first key. Raises `Unauthorized` when closed, `TooManyRequests`, `BadParameter`."""
        ...

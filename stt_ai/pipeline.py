"""From an upload to its transcript: plain async over the ports, no Ray and no HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from stt_ai.errors import AudioLost, BadParameter, ModelUnavailable, ReplicaLost
from stt_ai.ports import Decoder, Diarizer, OnDuration, OnText, Transcriber
from stt_ai.speech import attribution, language, segments, windows
from stt_ai.speech.text_so_far import TextSoFar
from stt_ai.types import (
    SAMPLE_RATE,
    DecodedAudio,
    DecodingOptions,
    LanguageGuess,
    LoadedModel,
    SpeakerTurn,
    Task,
    Transcript,
    TranscriptionRequest,
    Upload,
    Window,
    WindowNote,
    WindowTranscript,
    Word,
)

logger = logging.getLogger(__name__)

SILENT_LANGUAGE = "en"  # what `language` says of a file in which nobody speaks

T = TypeVar("T")
R = TypeVar("R")


class Pipeline:
    """Transcribes uploads with one decoder, one transcriber a model, and one diarizer, which works beside them.

    ``windows_in_flight`` bounds how many windows of one file wait at the replicas at once: enough to fill
    every replica's batches, few enough that a file of hours does not stand before all the others.
    """

    def __init__(
        self,
        decoder: Decoder,
        transcribers: Mapping[str, Transcriber],
        diarizer: Diarizer,
        *,
        options: DecodingOptions | None = None,
        windows_in_flight: int = 32,
        decode_attempts: int = 3,
    ) -> None:
        self._decoder = decoder
        self._transcribers = transcribers
        self._diarizer = diarizer
        self._options = options or DecodingOptions()
        self._windows_in_flight = windows_in_flight
        self._decode_attempts = decode_attempts

    async def transcribe(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        on_duration: OnDuration | None = None,
        on_text: OnText | None = None,
    ) -> Transcript:
        """The upload's transcript. Raises the decoder's `BadRequest`s and `Unavailable`; leaves nothing behind.

        A model that cannot do the task is a `BadParameter`.
        """
        transcriber = await self._able(request)
        options = _options_for(request, self._options)
        heard = _Heard()  # outlives the samples: no window is decoded twice
        speakers = _Speakers(self._diarizer, request)
        told = _Told(on_duration, on_text)
        for attempt in range(1, self._decode_attempts + 1):
            audio = await self._decoder.decode(upload)
            hearing = _Hearing(audio, transcriber, options, self._windows_in_flight, heard, told)
            try:
                async with _together() as group:
                    group.create_task(told.tell_length(audio.duration))
                    group.create_task(speakers.find(audio))
                    spoken = group.create_task(hearing.hear_all(request.language))
                code, probability = spoken.result()
                break
            except AudioLost:
                logger.warning("the decoded samples were lost in attempt %d", attempt)
        else:
            raise ReplicaLost("The servers that worked on this file failed repeatedly. Please try again.")
        return Transcript(
            segments=segments.split(speakers.name(hearing.words()), audio.duration),
            language=code,
            language_probability=probability,
            duration=audio.duration,
            model=hearing.model.label,
            demo=hearing.model.demo or speakers.demo,
            windows=hearing.notes(),
        )

    async def _able(self, request: TranscriptionRequest) -> Transcriber:
        """The request's transcriber; one that is asked to translate must have learnt it."""
        transcriber = self._transcribers.get(request.model)
        if transcriber is None:
            raise ModelUnavailable(f"The model {request.model} is not served here.", 3600)
        if request.task is Task.TRANSLATE and not (model := await transcriber.describe()).translates:
            what = f"`model` {request.model} is served by {model.label} here, which was not trained to translate."
            raise BadParameter(f"{what} Transcribe the file instead, or ask a service with Whisper's weights.", "model")
        return transcriber


def _options_for(request: TranscriptionRequest, usual: DecodingOptions) -> DecodingOptions:
    """Decoding begins at the temperature that the caller names and rises from there where the text is in doubt."""
    rest = (temperature for temperature in usual.temperatures if temperature > request.temperature)
    return replace(usual, task=request.task, prompt=request.prompt, temperatures=(request.temperature, *rest))


class _Told:
    """Tells the audio's length once, beside the work: what refuses it ends the work before much of it is done.

    Then tells the text, each piece once, while it is heard; whoever takes it slowly slows the hearing.
    """

    def __init__(self, on_duration: OnDuration | None, on_text: OnText | None) -> None:
        self._on_duration = on_duration
        self._on_text = on_text
        self._text = TextSoFar()
        self._telling = asyncio.Lock()
        self._allowed = asyncio.Event()

    async def tell_length(self, seconds: float) -> None:
        if self._on_duration:
            await self._on_duration(seconds)
            self._on_duration = None
        self._allowed.set()

    async def tell_text(self, heard: Mapping[int, WindowTranscript]) -> None:
        if self._on_text is None:
            return
        await self._allowed.wait()
        async with self._telling:
            if piece := self._text.advance(heard):
                await self._on_text(piece)


class _Speakers:
    """Who speaks when in one file; asked of the diarizer once, whatever becomes of the samples afterwards."""

    def __init__(self, diarizer: Diarizer, request: TranscriptionRequest) -> None:
        self._diarizer = diarizer
        self._wanted = request.diarize
        self._count = request.expected_speakers
        self._turns: tuple[SpeakerTurn, ...] | None = None
        self.demo = False

    async def find(self, audio: DecodedAudio) -> None:
        if self._wanted and self._count.most != 1 and audio.regions and self._turns is None:
            self.demo = (await self._diarizer.describe()).demo
            self._turns = await self._diarizer.diarize(audio.pcm, self._count)

    def name(self, words: Sequence[Word]) -> Sequence[Word]:
        """The words with their speakers, where these are wanted. Where no voices were told apart, it is one."""
        return attribution.attribute(words, self._turns or ()) if self._wanted else words


@dataclass(slots=True)
class _Heard:
    """What was heard of a file: windows by index, and the language that all are heard in once that is settled."""

    windows: dict[int, WindowTranscript] = field(default_factory=dict)
    language: tuple[str, float] | None = None


class _Hearing:
    """One file on its way through a transcriber."""

    def __init__(
        self,
        audio: DecodedAudio,
        transcriber: Transcriber,
        options: DecodingOptions,
        in_flight: int,
        heard: _Heard,
        told: _Told,
    ) -> None:
        self.model = LoadedModel("")
        self._audio = audio
        self._windows: Sequence[Window] = ()
        self._transcriber = transcriber
        self._options = options
        self._in_flight = in_flight
        self._heard = heard
        self._told = told

    async def hear_all(self, asked: str | None) -> tuple[str, float]:
        """Hear every window in one language; returns it with its probability (1.0 when the caller said it)."""
        self.model = await self._transcriber.describe()
        self._windows = windows.pack(self._audio.regions, max_samples=round(self.model.window_s * SAMPLE_RATE))
        if not self._windows:
            return asked or SILENT_LANGUAGE, 1.0 if asked else 0.0
        if self._heard.language is None:
            self._heard.language = (asked, 1.0) if asked else await self._find_language()
        code, probability = self._heard.language
        await _each(lambda window: self._hear_and_tell(window, code), self._windows, self._in_flight)
        return code, probability

    def words(self) -> list[Word]:
        heard = self._heard.windows
        return [word for window in self._windows for word in windows.place(heard[window.index].words, window)]

    def notes(self) -> tuple[WindowNote, ...]:
        heard = [(window, self._heard.windows[window.index]) for window in self._windows]
        return tuple(
            WindowNote(window.pieces[0].start / SAMPLE_RATE, one.no_speech_probability, one.temperature)
            for window, one in heard
        )

    async def _find_language(self) -> tuple[str, float]:
        """The file's language, from its first window alone when that is enough, else from several.

        The first window is transcribed in the same pass that detects its language: a clip of one window,
        the most frequent request, is encoded once.
        """
        first = self._windows[0]
        result = await self._hear(first, None)
        if language.is_enough(result.language_probability, first.duration, len(self._windows)):
            return result.language, result.language_probability
        sample = self._windows[: language.SAMPLE_WINDOWS]
        guesses: list[LanguageGuess] = await _each(
            lambda window: self._transcriber.detect_language(self._audio.pcm, window), sample, self._in_flight
        )
        code, probability = language.combine(guesses)
        if code != result.language:
            del self._heard.windows[first.index]
        return code, probability

    async def _hear_and_tell(self, window: Window, code: str) -> None:
        await self._hear(window, code)
        await self._told.tell_text(self._heard.windows)

    async def _hear(self, window: Window, code: str | None) -> WindowTranscript:
        heard = self._heard.windows
        known = heard.get(window.index)
        if known is None:
            options = replace(self._options, language=code)
            known = heard[window.index] = await self._transcriber.transcribe(self._audio.pcm, window, options)
        return known


@asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first failure, which cancels the others, is raised as itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _each(function: Callable[[T], Awaitable[R]], items: Iterable[T], limit: int) -> list[R]:
    """``function`` of every item, at most ``limit`` at once, results in order. The first failure ends it."""
    gate = asyncio.Semaphore(limit)

    async def one(item: T) -> R:
        async with gate:
            return await function(item)

    async with _together() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]

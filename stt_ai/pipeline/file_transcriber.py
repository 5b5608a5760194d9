"""Transcribes the windows of one file, all in one language."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from stt_ai.errors import BadParameter
from stt_ai.pipeline.checkpoints import NO_CHECKPOINT
from stt_ai.pipeline.concurrency import map_concurrently
from stt_ai.pipeline.progress import ProgressReporter
from stt_ai.ports import Checkpoint, Transcriber
from stt_ai.speech import language, windows
from stt_ai.speech.keywords import decode_with_keywords
from stt_ai.types import (
    SAMPLE_RATE,
    DecodedAudio,
    DecodingOptions,
    LanguageDetection,
    LoadedModel,
    Task,
    Window,
    WindowNote,
    WindowTranscript,
    Word,
)

MAX_PAUSE = SAMPLE_RATE // 2
"""Samples between two regions of one window, beside the silence at the regions' own ends. Regions further apart are
transcribed separately, so that no word can be placed in another region, across music or noise."""
MAX_PAUSE_OF_LONG_WINDOWS = 3 * SAMPLE_RATE
"""The same for models that take as long for a short window as for one of 30 s, which is filled up therefore."""
SILENT_LANGUAGE = "en"  # the language of a file without speech


@dataclass(slots=True)
class WindowResults:
    """The transcripts of a file's windows, by index, and the language of the file once it is known."""

    windows: dict[int, WindowTranscript] = field(default_factory=dict)
    language: tuple[str, float] | None = None


class FileTranscriber:
    """One file and its transcriber. ``results`` may hold windows that were transcribed before, and takes the others."""

    def __init__(
        self,
        audio: DecodedAudio,
        transcriber: Transcriber,
        options: DecodingOptions,
        in_flight: int,
        results: WindowResults,
        progress: ProgressReporter,
        keywords: Sequence[str] = (),
        checkpoint: Checkpoint = NO_CHECKPOINT,
    ) -> None:
        self.model = LoadedModel("")
        self._checkpoint = checkpoint
        self._audio = audio
        self._windows: Sequence[Window] = ()
        self._transcriber = transcriber
        self._options = options
        self._in_flight = in_flight
        self._results = results
        self._progress = progress
        self._keywords = keywords
        self._channels: Sequence[int] = ()
        """The channel of each window, from 0."""

    async def transcribe_all(self, asked: str | None) -> tuple[str, float]:
        """Transcribe every window in one language; return it with its probability (1.0 if the caller named it).

        Raise `BadParameter` if a translation is asked for and the model was not trained to translate.
        """
        self.model = await self._transcriber.describe()
        if self._options.task is Task.TRANSLATE and not self.model.translates:
            what = f"`model` is served by {self.model.label} here, which was not trained to translate."
            raise BadParameter(f"{what} Transcribe the file instead, or ask a service with Whisper's weights.", "model")
        self._pack()
        if not self._windows:
            return asked or SILENT_LANGUAGE, 1.0 if asked else 0.0
        await self._resume()
        if self._results.language is None:
            self._results.language = (asked, 1.0) if asked else await self._find_language()
            await self._checkpoint.save_language(self._results.language)
        code, probability = self._results.language
        await map_concurrently(lambda window: self._transcribe_and_report(window, code), self._windows, self._in_flight)
        return code, probability

    def words(self) -> list[Word]:
        """Return all words, timed by the samples; with their channels where these are separate."""
        transcripts, separate = self._results.windows, bool(self._audio.channels)
        found: list[Word] = []
        for window, channel in zip(self._windows, self._channels, strict=True):
            placed = windows.place(transcripts[window.index].words, window)
            found += [replace(word, channel=channel + 1) for word in placed] if separate else placed
        return found

    def notes(self) -> tuple[WindowNote, ...]:
        """Return what the model noted of each window."""
        transcripts = [(window, self._results.windows[window.index]) for window in self._windows]
        return tuple(
            WindowNote(window.pieces[0].start / SAMPLE_RATE, one.no_speech_probability, one.temperature)
            for window, one in transcripts
        )

    def _pack(self) -> None:
        """Pack the speech into windows, in the order of the file; those of separate channels are interleaved."""
        packed = [
            (window, channel)
            for channel, audio in enumerate(self._audio.channels or (self._audio,))
            for window in windows.pack(
                audio.regions,
                max_samples=round(self.model.window_s * SAMPLE_RATE),
                joined_pause=MAX_PAUSE,
                max_pause=MAX_PAUSE if self.model.variable_length else MAX_PAUSE_OF_LONG_WINDOWS,
            )
        ]
        packed.sort(key=lambda one: one[0].pieces[0].start)
        self._windows = [replace(window, index=index) for index, (window, _) in enumerate(packed)]
        self._channels = [channel for _, channel in packed]

    async def _resume(self) -> None:
        """Take over windows of an earlier attempt, but those in another language than the file's."""
        known = await self._checkpoint.windows(self.model.label, self._windows)
        settled = self._results.language or await self._checkpoint.language()
        for index, window in known.items():
            if settled is None or window.language == settled[0]:
                self._results.windows.setdefault(index, window)
        self._results.language = settled

    async def _find_language(self) -> tuple[str, float]:
        """Return the file's language, detected in its first window if that is enough, else in several.

        A window is transcribed in the pass that detects its language, so it is encoded once. Windows that were
        transcribed in another language than the file's are transcribed again.
        """
        first = self._windows[0]
        result = await self._transcript_of(first, None)
        if language.is_enough(result.language_probability, first.duration, len(self._windows)):
            return result.language, result.language_probability
        sample = self._windows[: language.SAMPLE_WINDOWS]
        results = await map_concurrently(lambda window: self._transcript_of(window, None), sample, self._in_flight)
        detections = [LanguageDetection(r.languages, w.duration) for r, w in zip(results, sample, strict=True)]
        code, probability = language.combine(detections)
        for window, transcript in zip(sample, results, strict=True):
            if transcript.language != code:
                del self._results.windows[window.index]
        return code, probability

    async def _transcribe_and_report(self, window: Window, code: str) -> None:
        await self._transcript_of(window, code)
        # The text of separate channels is put in order once all of it is known.
        await self._progress.report_text(self._results.windows, self._windows, without_text=bool(self._audio.channels))

    async def _transcript_of(self, window: Window, code: str | None) -> WindowTranscript:
        transcript = self._results.windows.get(window.index)
        if transcript is None:
            transcript = await self._transcribe(window, replace(self._options, language=code))
            await self._checkpoint.save_window(window, transcript)
            self._results.windows[window.index] = transcript
        return transcript

    async def _transcribe(self, window: Window, options: DecodingOptions) -> WindowTranscript:
        channels = self._audio.channels
        pcm = channels[self._channels[window.index]].pcm if channels else self._audio.pcm
        return await decode_with_keywords(
            lambda options: self._transcriber.transcribe(pcm, window, options), options, self._keywords
        )

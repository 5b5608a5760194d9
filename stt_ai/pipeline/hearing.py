"""What is said in a file: its windows through a transcriber, in one language."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from stt_ai.errors import BadParameter
from stt_ai.pipeline.checkpoints import NO_CHECKPOINT
from stt_ai.pipeline.telling import Told
from stt_ai.pipeline.together import each
from stt_ai.ports import Checkpoint, Transcriber
from stt_ai.speech import language, windows
from stt_ai.speech.keywords import corrected, keyword_prompt
from stt_ai.types import (
    SAMPLE_RATE,
    DecodedAudio,
    DecodingOptions,
    LanguageGuess,
    LoadedModel,
    Task,
    Window,
    WindowNote,
    WindowTranscript,
    Word,
)

MAX_PAUSE = SAMPLE_RATE // 2
"""Samples between two regions that one window holds, as they are; each region has some of the pause in it, too. What
stands further apart is heard alone, so that no word can be placed in another region, across music or noise."""
MAX_PAUSE_OF_LONG_WINDOWS = 3 * SAMPLE_RATE
"""The same for models that take as long for a short window as for one of 30 s, so theirs are filled up."""
SILENT_LANGUAGE = "en"  # what `language` says of a file in which nobody speaks


@dataclass(slots=True)
class Heard:
    """What was heard of a file: windows by index, and the language that all are heard in once that is settled."""

    windows: dict[int, WindowTranscript] = field(default_factory=dict)
    language: tuple[str, float] | None = None


class Hearing:
    """One file on its way through a transcriber."""

    def __init__(
        self,
        audio: DecodedAudio,
        transcriber: Transcriber,
        options: DecodingOptions,
        in_flight: int,
        heard: Heard,
        told: Told,
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
        self._heard = heard
        self._told = told
        self._keywords = keywords
        self._channels: Sequence[int] = ()
        """Of each window, from 0."""

    async def hear_all(self, asked: str | None) -> tuple[str, float]:
        """Hear every window in one language; returns it with its probability (1.0 when the caller said it).

        Raises `BadParameter` when the model is to translate and never learnt it.
        """
        self.model = await self._transcriber.describe()
        if self._options.task is Task.TRANSLATE and not self.model.translates:
            what = f"`model` is served by {self.model.label} here, which was not trained to translate."
            raise BadParameter(f"{what} Transcribe the file instead, or ask a service with Whisper's weights.", "model")
        self._pack()
        if not self._windows:
            return asked or SILENT_LANGUAGE, 1.0 if asked else 0.0
        await self._resume()
        if self._heard.language is None:
            self._heard.language = (asked, 1.0) if asked else await self._find_language()
            await self._checkpoint.save_language(self._heard.language)
        code, probability = self._heard.language
        await each(lambda window: self._hear_and_tell(window, code), self._windows, self._in_flight)
        return code, probability

    def words(self) -> list[Word]:
        """Return all words, timed by the samples; with their channels where these are separate."""
        heard, separate = self._heard.windows, bool(self._audio.channels)
        found: list[Word] = []
        for window, channel in zip(self._windows, self._channels, strict=True):
            placed = windows.place(heard[window.index].words, window)
            found += [replace(word, channel=channel + 1) for word in placed] if separate else placed
        return found

    def notes(self) -> tuple[WindowNote, ...]:
        heard = [(window, self._heard.windows[window.index]) for window in self._windows]
        return tuple(
            WindowNote(window.pieces[0].start / SAMPLE_RATE, one.no_speech_probability, one.temperature)
            for window, one in heard
        )

    def _pack(self) -> None:
        """Windows in the order of the file; those of separate channels among each other."""
        packed = [
            (window, channel)
            for channel, audio in enumerate(self._audio.channels or (self._audio,))
            for window in windows.pack(
                audio.regions,
                max_samples=round(self.model.window_s * SAMPLE_RATE),
                kept_pause=MAX_PAUSE,
                longest_pause=MAX_PAUSE if self.model.variable_length else MAX_PAUSE_OF_LONG_WINDOWS,
            )
        ]
        packed.sort(key=lambda one: one[0].pieces[0].start)
        self._windows = [replace(window, index=index) for index, (window, _) in enumerate(packed)]
        self._channels = [channel for _, channel in packed]

    async def _resume(self) -> None:
        """Take over what another process did of the file. Before the language was settled, each window had its own."""
        known = await self._checkpoint.windows(self.model.label, self._windows)
        settled = self._heard.language or await self._checkpoint.language()
        for index, window in known.items():
            if settled is None or window.language == settled[0]:
                self._heard.windows.setdefault(index, window)
        self._heard.language = settled

    async def _find_language(self) -> tuple[str, float]:
        """The file's language, from its first window alone when that is enough, else from several.

        They are transcribed in the same pass that detects their languages, so each is encoded once. Those that were
        taken for another language than the file's are transcribed again in the file's.
        """
        first = self._windows[0]
        result = await self._hear(first, None)
        if language.is_enough(result.language_probability, first.duration, len(self._windows)):
            return result.language, result.language_probability
        sample = self._windows[: language.SAMPLE_WINDOWS]
        results = await each(lambda window: self._hear(window, None), sample, self._in_flight)
        guesses = [LanguageGuess(r.languages, w.duration) for r, w in zip(results, sample, strict=True)]
        code, probability = language.combine(guesses)
        for window, heard in zip(sample, results, strict=True):
            if heard.language != code:
                del self._heard.windows[window.index]
        return code, probability

    async def _hear_and_tell(self, window: Window, code: str) -> None:
        await self._hear(window, code)
        # The text of separate channels is put in order when all of it is known.
        await self._told.tell_text(self._heard.windows, self._windows, silently=bool(self._audio.channels))

    async def _hear(self, window: Window, code: str | None) -> WindowTranscript:
        heard = self._heard.windows
        known = heard.get(window.index)
        if known is None:
            known = await self._transcribe(window, replace(self._options, language=code))
            await self._checkpoint.save_window(window, known)
            heard[window.index] = known
        return known

    async def _transcribe(self, window: Window, options: DecodingOptions) -> WindowTranscript:
        channels = self._audio.channels
        pcm = channels[self._channels[window.index]].pcm if channels else self._audio.pcm
        plain = await self._transcriber.transcribe(pcm, window, options)
        if not self._keywords or not plain.words:
            return plain
        prompt = keyword_prompt(self._keywords, options.prompt)
        biased_options = replace(options, prompt=prompt, language=plain.language)
        biased = await self._transcriber.transcribe(pcm, window, biased_options)
        return replace(plain, words=corrected(plain.words, biased.words, self._keywords))

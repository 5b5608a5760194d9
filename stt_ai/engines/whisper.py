"""Whisper by faster-whisper and CTranslate2: batches of windows -> words with times and confidences."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from stt_ai.engines.whisper_alignment import count_words
from stt_ai.engines.whisper_lengths import FULL
from stt_ai.engines.whisper_model import LoadedWhisper
from stt_ai.engines.whisper_windows import DecodedWindow, WindowDecoder, WindowInput
from stt_ai.errors import BadParameter, InternalError, SttError, Unavailable
from stt_ai.speech.fallback import FallbackThresholds
from stt_ai.speech.loops import tail_loop
from stt_ai.speech.pauses import Unspoken, find_unspoken
from stt_ai.speech.windows import MAX_SAMPLES
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Hypothesis, Samples, WindowTranscript

logger = logging.getLogger(__name__)

MAX_LANGUAGES = 10
"""The likeliest languages, which are returned for a window whose language is detected."""
UNSURE_WORDS = 3
"""Words at the end of a truncated text: the aligner spreads them over the speech that has no text."""
MIN_PROGRESS_S = 1.5
"""A truncated text that covers less than this is no speech: the rest of the window is not decoded."""
MIN_REST_S = 0.1

Out = TypeVar("Out")


class WhisperEngine:
    """One loaded model. A call is a batch, and may come from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        compute_type: str = "default",
        cpu_threads: int = 0,
        workers: int = 1,
        variable_length: bool = False,
        silence_s: float | None = None,
        lone_threads: int = 0,
        thresholds: FallbackThresholds | None = None,
    ) -> None:
        """Load the CTranslate2 model in the folder ``path``. Raise `ModelUnavailable`.

        ``workers`` batches can be decoded at once, each on ``cpu_threads``; 0: all cores.
        ``variable_length``: the model was trained on windows shorter than 30 s, so only the audio and a little silence
        are encoded. OpenAI's were not: how much silence follows the audio depends on the model's size, or is
        ``silence_s`` seconds.
        ``lone_threads``: live batches, and one that has no other beside it, run on so many; 0: on ``cpu_threads`` as
        well.
        """
        self._model = LoadedWhisper(
            path,
            device=device,
            compute_type=compute_type,
            cpu_threads=cpu_threads,
            workers=workers,
            variable_length=variable_length,
            silence_s=silence_s,
            lone_threads=lone_threads,
        )
        self.workers = workers
        self._thresholds = thresholds or FallbackThresholds()
        self._decoder = WindowDecoder(self._model, self._thresholds)

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self._model.device

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that the model knows, `("en",)` for an English-only one."""
        return self._model.languages

    @property
    def multilingual(self) -> bool:
        """Whether the model knows other languages than English."""
        return self._model.multilingual

    @property
    def variable_length(self) -> bool:
        """Return whether a short window takes less time than a long one."""
        return self._model.lengths != FULL

    def lengths_to_try(self, samples: Samples, options: DecodingOptions) -> tuple[int, ...]:
        """Return the lengths in frames at which a window is decoded; windows with the same ones share a batch."""
        return self._model.lengths_to_try(samples, options.language)

    def close(self) -> None:
        """Free the model's memory. No call may follow."""
        self._model.close()

    def transcribe_batch(self, windows: Sequence[WindowInput], live: bool = False) -> list[WindowTranscript | SttError]:
        """Return a transcript of each window of at most 30 s, or the error that it failed with.

        ``live``: somebody speaks and waits for it, so on a CPU it goes before other batches.
        """
        return self._in_groups(windows, self._transcribe, live)

    def transcribe_partial_batch(self, windows: Sequence[WindowInput]) -> list[Hypothesis | SttError]:
        """Return for each window its text so far after the prefix, without times, or the error that it failed with."""
        return self._in_groups(windows, self._transcribe_partial, live=True)

    def _fault(self, samples: Samples, options: DecodingOptions) -> SttError | None:
        if samples.ndim != 1 or samples.dtype != np.int16 or not 0 < len(samples) <= MAX_SAMPLES:
            return InternalError("A window must be int16 mono, not empty and of at most 30 seconds.")
        if options.language is not None and options.language not in self.languages:
            return BadParameter(f"This model does not know the language {options.language!r}.", "language")
        return None

    def _in_groups(
        self, windows: Sequence[WindowInput], run: Callable[[Sequence[WindowInput]], Sequence[Out]], live: bool
    ) -> list[Out | SttError]:
        """Run windows of one length together; return the results in the order of ``windows``."""
        results: dict[int, Out | SttError] = {}
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, (samples, options) in enumerate(windows):
            if fault := self._fault(samples, options):
                results[index] = fault
            else:
                groups.setdefault(self.lengths_to_try(samples, options), []).append(index)
        with self._model.calls.entered(live):
            for group in groups.values():
                transcribed = _run_isolating_failures(run, [windows[index] for index in group])
                results.update(zip(group, transcribed, strict=True))
        return [results[index] for index in range(len(windows))]

    def _transcribe(self, windows: Sequence[WindowInput]) -> list[WindowTranscript]:
        decoded = self._decoder.words(windows)
        transcripts = [
            WindowTranscript(
                one.words,
                *one.languages[0],
                one.attempt.no_speech_probability,
                one.attempt.temperature,
                () if options.language else one.languages[:MAX_LANGUAGES],
            )
            for one, (_, options) in zip(decoded, windows, strict=True)
        ]
        missing = {row: self._missing(one, transcripts[row], windows[row]) for row, one in enumerate(decoded)}
        return self._with_missing(windows, transcripts, missing)

    def _missing(self, decoded: DecodedWindow, transcript: WindowTranscript, window: WindowInput) -> list[Unspoken]:
        """Return where the window's text leaves speech out: behind a text that was cut off, or beside its words."""
        samples, options = window
        attempt, words = decoded.attempt, transcript.words
        if attempt.truncated:
            begin = _rest_begins(transcript)
            end = len(samples) / SAMPLE_RATE
            looping = tail_loop(attempt.tokens) or attempt.log_probability < self._thresholds.log_probability
            if looping or not MIN_PROGRESS_S <= begin < end - MIN_REST_S:
                return []
            return [Unspoken(begin, end, len(words) - UNSURE_WORDS, len(words))]
        if not decoded.task.timed:
            return []
        # Nothing goes between words that are committed; and those of a context, whose audio comes first, are not here.
        committed = count_words(words, len(decoded.task.prefix) - decoded.task.context)
        return find_unspoken(words, samples, max(committed, 1 if options.context else 0))

    def _with_missing(
        self,
        windows: Sequence[WindowInput],
        transcripts: list[WindowTranscript],
        missing: Mapping[int, Sequence[Unspoken]],
    ) -> list[WindowTranscript]:
        """Decode what is missing, by row, as windows of their own, and put their words where they belong."""
        places = [(row, one) for row, unspoken in missing.items() for one in reversed(unspoken)]
        parts: list[WindowInput] = []
        for row, one in places:
            samples, options = windows[row]
            options = replace(options, language=transcripts[row].language, context="", prefix=())
            parts.append((samples[int(one.start * SAMPLE_RATE) : int(one.end * SAMPLE_RATE)], options))
        for (row, one), part in zip(places, self.transcribe_batch(parts), strict=True):
            if isinstance(part, SttError):
                raise part
            words = transcripts[row].words
            old = words[one.first : one.last]
            new = tuple(replace(word, start=word.start + one.start, end=word.end + one.start) for word in part.words)
            if len(new) < max(1, len(old)):
                continue
            if old and new[0].text.casefold() == old[0].text.casefold():  # a window begins as a sentence does
                new = (replace(new[0], text=old[0].text), *new[1:])
            transcripts[row] = replace(transcripts[row], words=(*words[: one.first], *new, *words[one.last :]))
        return transcripts

    def _transcribe_partial(self, windows: Sequence[WindowInput]) -> list[Hypothesis]:
        return [
            Hypothesis(self._decoder.tokenized_words(one), *one.languages[0]) for one in self._decoder.partials(windows)
        ]


def _rest_begins(transcripts: WindowTranscript) -> float:
    """Return the second of the window from which it is decoded again; 0 if none of its words is certain."""
    return transcripts.words[-UNSURE_WORDS].start if len(transcripts.words) > UNSURE_WORDS else 0.0


def _run_isolating_failures(
    run: Callable[[Sequence[WindowInput]], Sequence[Out]], items: Sequence[WindowInput]
) -> list[Out | SttError]:
    """Run all items in one call; if it raises, each in a call of its own, so that only the one at fault fails."""
    try:
        return list(run(items))
    except Exception as error:
        if len(items) > 1:
            logger.warning("a batch of %d windows failed, each is decoded alone: %s", len(items), error)
            return [result for item in items for result in _run_isolating_failures(run, [item])]
        return [_map_error(error)]


def _map_error(error: Exception) -> SttError:
    if isinstance(error, SttError):
        return error
    logger.error("a window failed", exc_info=error)
    if "out of memory" in str(error).lower():
        return Unavailable("The speech model is out of memory. Please try again in a moment.")
    return InternalError("The speech model failed on this audio.")

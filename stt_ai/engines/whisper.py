"""Whisper by faster-whisper and CTranslate2: batches of windows -> words with times and confidences."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from stt_ai.engines.whisper_lengths import FULL
from stt_ai.engines.whisper_model import LoadedWhisper
from stt_ai.engines.whisper_windows import Window, WindowDecoder
from stt_ai.errors import BadParameter, InternalError, SttError, Unavailable
from stt_ai.speech.cleanup import Guards, tail_loop
from stt_ai.speech.windows import MAX_SAMPLES
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Hypothesis, Samples, WindowTranscript

logger = logging.getLogger(__name__)

TOLD_LANGUAGES = 10
"""The likeliest, which are told of a window whose language nobody named."""
UNSURE_WORDS = 3
"""At the end of what was cut off: the aligner spreads them over the speech that has no text."""
LEAST_PROGRESS_S = 1.5
"""A window whose words up to the limit take less than that is not heard on: that is no speech."""
LEAST_REST_S = 0.1

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
        guards: Guards | None = None,
    ) -> None:
        """Loads the CTranslate2 model in the folder ``path``. Raises `ModelUnavailable`.

        ``workers`` batches can be worked on at once, each on ``cpu_threads``; 0: all cores.
        ``variable_length``: the model was trained on windows shorter than 30 s, so only the audio and a little silence
        are encoded. OpenAI's were not: how much silence follows the audio depends on the model's size, or is
        ``silence_s`` seconds.
        """
        self._model = LoadedWhisper(
            path,
            device=device,
            compute_type=compute_type,
            cpu_threads=cpu_threads,
            workers=workers,
            variable_length=variable_length,
            silence_s=silence_s,
        )
        self.workers = workers
        self._guards = guards or Guards()
        self._decoder = WindowDecoder(self._model, self._guards)

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
        return self._model.multilingual

    @property
    def variable_length(self) -> bool:
        """Whether a short window takes it less time than a long one."""
        return self._model.lengths != FULL

    def trials(self, samples: Samples, options: DecodingOptions) -> tuple[int, ...]:
        """Return the lengths in frames at which a window is decoded until it is believed: like ones make batches."""
        return self._model.trials(samples, options.language)

    def close(self) -> None:
        """Frees the model's memory. No call may follow."""
        self._model.close()

    def transcribe_batch(self, windows: Sequence[Window]) -> list[WindowTranscript | SttError]:
        """What was said in each window of at most 30 s. One that fails has its error in its place."""
        return self._in_groups(windows, self._transcribe)

    def transcribe_partial_batch(self, windows: Sequence[Window]) -> list[Hypothesis | SttError]:
        """What can be heard so far in each window after its prefix, without times. A failed one has its error."""
        return self._in_groups(windows, self._transcribe_partial)

    def _fault(self, samples: Samples, options: DecodingOptions) -> SttError | None:
        if samples.ndim != 1 or samples.dtype != np.int16 or not 0 < len(samples) <= MAX_SAMPLES:
            return InternalError("A window must be int16 mono, not empty and of at most 30 seconds.")
        if options.language is not None and options.language not in self.languages:
            return BadParameter(f"This model does not know the language {options.language!r}.", "language")
        return None

    def _in_groups(
        self, windows: Sequence[Window], run: Callable[[Sequence[Window]], Sequence[Out]]
    ) -> list[Out | SttError]:
        """``run`` for windows of one length together, results in the order of ``windows``."""
        results: dict[int, Out | SttError] = {}
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, (samples, options) in enumerate(windows):
            if fault := self._fault(samples, options):
                results[index] = fault
            else:
                groups.setdefault(self.trials(samples, options), []).append(index)
        for group in groups.values():
            results.update(zip(group, _alone_if_need_be(run, [windows[index] for index in group]), strict=True))
        return [results[index] for index in range(len(windows))]

    def _transcribe(self, windows: Sequence[Window]) -> list[WindowTranscript]:
        decoded = self._decoder.words(windows)
        heard = [
            WindowTranscript(
                one.words,
                *one.languages[0],
                one.attempt.no_speech_probability,
                one.attempt.temperature,
                () if options.language else one.languages[:TOLD_LANGUAGES],
            )
            for one, (_, options) in zip(decoded, windows, strict=True)
        ]
        cut = {
            row: _rest(heard[row])
            for row, attempt in enumerate(one.attempt for one in decoded)
            if attempt.cut and not tail_loop(attempt.tokens) and attempt.log_probability >= self._guards.log_probability
        }
        return self._with_rests(windows, heard, cut)

    def _with_rests(
        self, windows: Sequence[Window], heard: list[WindowTranscript], cut: Mapping[int, float]
    ) -> list[WindowTranscript]:
        """Where the decoder had no room for all that was said, the rest is a window of its own.

        ``cut``: by row, the seconds at which it begins.
        """
        rests: dict[int, Window] = {}
        for row, begin in cut.items():
            samples, options = windows[row]
            if LEAST_PROGRESS_S <= begin < len(samples) / SAMPLE_RATE - LEAST_REST_S:
                options = replace(options, language=heard[row].language, context="", prefix=())
                rests[row] = samples[int(begin * SAMPLE_RATE) :], options
        for row, rest in zip(rests, self.transcribe_batch([*rests.values()]), strict=True):
            if isinstance(rest, SttError):
                raise rest
            begin = cut[row]
            later = tuple(replace(word, start=word.start + begin, end=word.end + begin) for word in rest.words)
            if not later:
                continue
            *sure, first = heard[row].words[: 1 - UNSURE_WORDS]
            if later[0].text.casefold() == first.text.casefold():  # a window begins as a sentence does
                later = (replace(later[0], text=first.text), *later[1:])
            heard[row] = replace(heard[row], words=(*sure, *later))
        return heard

    def _transcribe_partial(self, windows: Sequence[Window]) -> list[Hypothesis]:
        return [Hypothesis(self._decoder.pieces(one), *one.languages[0]) for one in self._decoder.texts(windows)]


def _rest(heard: WindowTranscript) -> float:
    """Seconds into the window from which it is to be heard again; 0 where nothing of it is sure."""
    return heard.words[-UNSURE_WORDS].start if len(heard.words) > UNSURE_WORDS else 0.0


def _alone_if_need_be(
    run: Callable[[Sequence[Window]], Sequence[Out]], items: Sequence[Window]
) -> list[Out | SttError]:
    """One call for all; when it raises, one for each, so that only the item at fault fails."""
    try:
        return list(run(items))
    except Exception as error:
        if len(items) > 1:
            logger.warning("a batch of %d windows failed, they are heard alone: %s", len(items), error)
            return [result for item in items for result in _alone_if_need_be(run, [item])]
        return [_translated(error)]


def _translated(error: Exception) -> SttError:
    if isinstance(error, SttError):
        return error
    logger.error("a window failed", exc_info=error)
    if "out of memory" in str(error).lower():
        return Unavailable("The speech model is out of memory. Please try again in a moment.")
    return InternalError("The speech model failed on this audio.")

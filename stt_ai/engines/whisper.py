"""Whisper by faster-whisper and CTranslate2: batches of windows -> words with times and confidences."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from stt_ai.engines.whisper_decode import Encoded, Job, decode
from stt_ai.engines.whisper_model import LoadedWhisper
from stt_ai.engines.whisper_writing import Writer
from stt_ai.errors import BadParameter, InternalError, SttError, Unavailable
from stt_ai.speech.cleanup import Attempt, Guards, tail_loop
from stt_ai.speech.quiet import trim_pauses
from stt_ai.speech.windows import MAX_SAMPLES
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Hypothesis, LanguageGuess, Samples, Task, WindowTranscript

logger = logging.getLogger(__name__)

ENGLISH = "en"
UNSURE_WORDS = 3
"""At the end of what was cut off: the aligner spreads them over the speech that has no text."""
LEAST_PROGRESS_S = 1.5
"""A window whose words up to the limit take less than that is not heard on: that is no speech."""
LEAST_REST_S = 0.1

Window = tuple[Samples, DecodingOptions]
In = TypeVar("In")
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
        guards: Guards | None = None,
    ) -> None:
        """Loads the CTranslate2 model in the folder ``path``. Raises `ModelUnavailable`.

        ``workers`` batches can be worked on at once, each on ``cpu_threads``; 0: all cores.
        ``variable_length``: the model bears windows shorter than 30 s, so only the audio and a little silence are
        encoded. OpenAI's models do not: they repeat themselves and lose words.
        """
        self._model = LoadedWhisper(
            path,
            device=device,
            compute_type=compute_type,
            cpu_threads=cpu_threads,
            workers=workers,
            variable_length=variable_length,
        )
        self.workers = workers
        self._guards = guards or Guards()
        self._writer = Writer(self._model, self._guards)

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

    def close(self) -> None:
        """Frees the model's memory. No call may follow."""
        self._model.close()

    def transcribe_batch(self, windows: Sequence[Window]) -> list[WindowTranscript | SttError]:
        """What was said in each window of at most 30 s. One that fails has its error in its place."""
        faults = [self._fault(samples, options) for samples, options in windows]
        return self._in_groups(windows, [samples for samples, _ in windows], faults, self._transcribe)

    def guess_batch(self, windows: Sequence[Window]) -> list[Hypothesis | SttError]:
        """What can be heard so far in each window after its prefix, without times. A failed one has its error."""
        faults = [self._fault(samples, options) for samples, options in windows]
        return self._in_groups(windows, [samples for samples, _ in windows], faults, self._guess)

    def detect_batch(self, windows: Sequence[Samples]) -> list[LanguageGuess | SttError]:
        """Which language each window is in. One that fails has its error in its place."""
        return self._in_groups(windows, windows, [self._fault(samples) for samples in windows], self._detect)

    def _fault(self, samples: Samples, options: DecodingOptions | None = None) -> SttError | None:
        if samples.ndim != 1 or samples.dtype != np.int16 or not 0 < len(samples) <= MAX_SAMPLES:
            return InternalError("A window must be int16 mono, not empty and of at most 30 seconds.")
        if options and options.language is not None and options.language not in self.languages:
            return BadParameter(f"This model does not know the language {options.language!r}.", "language")
        return None

    def _in_groups(
        self,
        items: Sequence[In],
        samples: Sequence[Samples],
        faults: Sequence[SttError | None],
        run: Callable[[Sequence[In]], Sequence[Out]],
    ) -> list[Out | SttError]:
        """``run`` for windows that are heard for as long together, results in the order of ``items``."""
        results: dict[int, Out | SttError] = {index: fault for index, fault in enumerate(faults) if fault}
        groups: dict[int, list[int]] = {}
        for index, fault in enumerate(faults):
            if not fault:
                groups.setdefault(self._model.frames(samples[index]), []).append(index)
        for group in groups.values():
            results.update(zip(group, _alone_if_need_be(run, [items[index] for index in group]), strict=True))
        return [results[index] for index in range(len(items))]

    def _transcribe(self, windows: Sequence[Window]) -> list[WindowTranscript]:
        encoded, jobs, languages, attempts = self._decode(windows)
        for job, attempt in zip(jobs, attempts, strict=True):
            job.timed |= attempt.cut  # to know where the rest begins
        words = self._writer.words(encoded, jobs, attempts)
        heard = [
            WindowTranscript(
                trim_pauses(words[job.row], samples) if job.timed else words[job.row],
                *language,
                attempt.no_speech_probability,
                attempt.temperature,
            )
            for job, language, attempt, (samples, _) in zip(jobs, languages, attempts, windows, strict=True)
        ]
        cut = {
            row: _rest(heard[row])
            for row, attempt in enumerate(attempts)
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
                options = replace(options, language=heard[row].language, prefix=())
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

    def _guess(self, windows: Sequence[Window]) -> list[Hypothesis]:
        _, jobs, languages, attempts = self._decode(windows)
        return [
            Hypothesis(self._writer.pieces(job, attempt), *language)
            for job, language, attempt in zip(jobs, languages, attempts, strict=True)
        ]

    def _decode(self, windows: Sequence[Window]) -> tuple[Encoded, list[Job], list[tuple[str, float]], list[Attempt]]:
        encoded = self._encode([samples for samples, _ in windows])
        languages = self._settle_languages(encoded, [options for _, options in windows])
        jobs = [
            Job(
                row=row,
                start=self._model.prompt(language, options.task),
                language=ENGLISH if options.task is Task.TRANSLATE else language,
                seconds=len(samples) / SAMPLE_RATE,
                beam_size=options.beam_size,
                temperatures=options.temperatures or (0.0,),
                before=self._model.before(options.prompt),
                prefix=options.prefix,
                timed=options.word_times,
            )
            for row, ((samples, options), (language, _)) in enumerate(zip(windows, languages, strict=True))
        ]
        attempts = decode(
            self._model.ct2,
            encoded,
            jobs,
            suppress_tokens=self._model.suppressed_tokens,
            text_of=self._model.text_of,
            guards=self._guards,
        )
        return encoded, jobs, languages, attempts

    def _detect(self, windows: Sequence[Samples]) -> list[LanguageGuess]:
        tables = self._languages_of(self._encode(windows), range(len(windows)))
        return [LanguageGuess(t, len(samples) / SAMPLE_RATE) for t, samples in zip(tables, windows, strict=True)]

    def _encode(self, samples: Sequence[Samples]) -> Encoded:
        return self._model.encode(self._model.features(samples))

    def _settle_languages(self, encoded: Encoded, options: Sequence[DecodingOptions]) -> list[tuple[str, float]]:
        """(code, probability) of each window: what was asked for, else what the model hears."""
        settled = [(option.language or "", 1.0) for option in options]
        unknown = [row for row, (language, _) in enumerate(settled) if not language]
        if unknown:
            for row, table in zip(unknown, self._languages_of(encoded, unknown), strict=True):
                settled[row] = table[0]
        return settled

    def _languages_of(self, encoded: Encoded, rows: Sequence[int]) -> list[tuple[tuple[str, float], ...]]:
        """(code, probability) for all languages, the likeliest first, for each of the rows."""
        if not self.multilingual:
            return [(("en", 1.0),) for _ in rows]
        tables = self._model.ct2.detect_language(encoded.rows(rows))
        return [tuple((token[2:-2], float(probability)) for token, probability in table) for table in tables]


def _rest(heard: WindowTranscript) -> float:
    """Seconds into the window from which it is to be heard again; 0 where nothing of it is sure."""
    return heard.words[-UNSURE_WORDS].start if len(heard.words) > UNSURE_WORDS else 0.0


def _alone_if_need_be(run: Callable[[Sequence[In]], Sequence[Out]], items: Sequence[In]) -> list[Out | SttError]:
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

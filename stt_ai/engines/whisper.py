"""Whisper by faster-whisper and CTranslate2: batches of windows -> words with times and confidences."""

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from stt_ai.engines.features import FRAMES_PER_SECOND, MAX_FRAMES, LogMel
from stt_ai.engines.whisper_decode import Encoded, Job, decode
from stt_ai.engines.whisper_words import words_of
from stt_ai.errors import BadParameter, InternalError, ModelUnavailable, SttError, Unavailable
from stt_ai.speech.cleanup import Attempt, Guards, collapse_loops, is_invented, is_silence
from stt_ai.speech.windows import MAX_SAMPLES
from stt_ai.types import SAMPLE_RATE, DecodingOptions, LanguageGuess, Samples, WindowTranscript, Word

logger = logging.getLogger(__name__)

Item = tuple[Samples, DecodingOptions]
Guess = list[tuple[str, float]]

SILENCE_AFTER = 1.0
FRAME_STEP = 2 * FRAMES_PER_SECOND
SHORTEST_ALIGNED = 20
"""Frames. The aligner finds no path through fewer than a few positions."""


class WhisperEngine:
    """One loaded model. Calls may come from any thread; each batch is one call."""

    def __init__(
        self,
        path: Path,
        *,
        name: str = "",
        device: str = "auto",
        compute_type: str = "default",
        cpu_threads: int = 0,
        workers: int = 1,
        variable_length: bool = False,
        guards: Guards | None = None,
    ) -> None:
        """Loads the CTranslate2 model in the folder ``path``. Raises `ModelUnavailable`.

        ``variable_length``: the model bears windows shorter than 30 s, so only the audio and a little silence are
        encoded. OpenAI's models do not: they repeat themselves and lose words.
        """
        missing = [file for file in ("model.bin", "config.json", "tokenizer.json") if not (path / file).is_file()]
        if missing:
            raise ModelUnavailable(f"The model {name or path.name} is incomplete: {', '.join(missing)} is missing.")
        self.name = name or path.name
        self.device = _device(device)
        try:
            self._whisper = WhisperModel(
                str(path),
                device=self.device,
                compute_type=_compute_type(compute_type, self.device),
                cpu_threads=cpu_threads,
                num_workers=workers,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            logger.exception("cannot load %s", path)
            raise ModelUnavailable(f"The model {self.name} cannot be loaded.") from error
        self._model = self._whisper.model
        self._mel = LogMel(self._whisper.feature_extractor.mel_filters)
        self._variable_length = variable_length
        self._guards = guards or Guards()
        self._tokenizers: dict[str, Tokenizer] = {}
        self._base = self._tokenizer("en")
        self._suppressed = list(get_suppressed_tokens(self._base, [-1]))
        self._languages = _languages(path, self._whisper)
        self.seconds = {"features": 0.0, "encode": 0.0, "detect": 0.0, "generate": 0.0, "align": 0.0}

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that the model knows, `("en",)` for an English-only one."""
        return self._languages

    @property
    def multilingual(self) -> bool:
        return bool(self._model.is_multilingual)

    def close(self) -> None:
        """Frees the model's memory. No call may follow."""
        self._model.unload_model()

    def transcribe_batch(self, items: Sequence[Item]) -> list[WindowTranscript | SttError]:
        """What was said in each window of at most 30 s. An item that fails has its error in its place."""
        results: list[WindowTranscript | SttError] = [InternalError("The window was not transcribed.")] * len(items)
        good: list[int] = []
        for index, (samples, options) in enumerate(items):
            error = self._fault(samples, options)
            if error:
                results[index] = error
            elif not len(samples):
                results[index] = WindowTranscript((), options.language or self._languages[0], 0.0, 1.0)
            else:
                good.append(index)
        done = self._alone_if_need_be(self._transcribe, [items[index] for index in good])
        for index, result in zip(good, done, strict=True):
            results[index] = result
        return results

    def detect_batch(self, samples: Sequence[Samples]) -> list[LanguageGuess | SttError]:
        """Which language each window is in. An item that fails has its error in its place."""
        return self._alone_if_need_be(self._detect, samples)

    def _alone_if_need_be(self, run: Any, items: Sequence[Any]) -> list[Any]:
        """One call for all; when it raises, one for each, so that only the item at fault fails."""
        if not items:
            return []
        try:
            return list(run(items))
        except SttError as error:
            failure: SttError = error
        except Exception as error:
            logger.warning("a batch of %d failed: %s", len(items), error)
            failure = _translated(error)
        if len(items) == 1:
            return [failure]
        return [self._alone_if_need_be(run, [item])[0] for item in items]

    def _fault(self, samples: Samples, options: DecodingOptions) -> SttError | None:
        if len(samples) > MAX_SAMPLES or samples.ndim != 1 or samples.dtype != np.int16:
            return InternalError("A window must be int16 mono of at most 30 seconds.")
        if options.language is not None and options.language not in self._languages:
            return BadParameter(f"The model {self.name} does not know the language {options.language!r}.", "language")
        return None

    def _transcribe(self, items: Sequence[Item]) -> list[WindowTranscript]:
        encoded = self._encode([samples for samples, _ in items])
        languages = self._settle_languages(encoded, [options for _, options in items])
        jobs = [
            Job(
                row=row,
                prompt=[*self._tokenizer(language, options.task).sot_sequence, self._base.no_timestamps],
                seconds=len(samples) / SAMPLE_RATE,
                beam_size=options.beam_size,
                temperatures=options.temperatures or (0.0,),
            )
            for row, ((samples, options), (language, _)) in enumerate(zip(items, languages, strict=True))
        ]
        started = time.perf_counter()
        attempts = decode(
            self._model,
            encoded,
            jobs,
            suppress_tokens=self._suppressed,
            text_of=self._base.decode,
            guards=self._guards,
        )
        self.seconds["generate"] += time.perf_counter() - started
        words = self._words(encoded, jobs, attempts, [language for language, _ in languages])
        return [
            WindowTranscript(w, language, probability, attempt.no_speech_probability)
            for w, (language, probability), attempt in zip(words, languages, attempts, strict=True)
        ]

    def _detect(self, samples: Sequence[Samples]) -> list[LanguageGuess]:
        guesses = self._guess(self._encode(samples), range(len(samples)))
        return [
            LanguageGuess(tuple(guess), len(audio) / SAMPLE_RATE) for guess, audio in zip(guesses, samples, strict=True)
        ]

    def _encode(self, samples: Sequence[Samples]) -> Encoded:
        """One encoder call: as long as the longest window needs if the model bears it, else 30 s."""
        frames = MAX_FRAMES
        if self._variable_length:
            longest = max(len(audio) for audio in samples) / SAMPLE_RATE + SILENCE_AFTER
            frames = min(MAX_FRAMES, -(-int(longest * FRAMES_PER_SECOND) // FRAME_STEP) * FRAME_STEP)
        started = time.perf_counter()
        features = np.stack([self._mel(audio, frames) for audio in samples])
        encoding = time.perf_counter()
        view = self._model.encode(ctranslate2.StorageView.from_array(features))
        self.seconds["features"] += encoding - started
        self.seconds["encode"] += time.perf_counter() - encoding
        return Encoded(view)

    def _settle_languages(self, encoded: Encoded, options: Sequence[DecodingOptions]) -> list[tuple[str, float]]:
        """(code, probability) of each window: what was asked for, else what the model hears."""
        settled = [(option.language or "", 1.0) for option in options]
        unknown = [row for row, (language, _) in enumerate(settled) if not language]
        if unknown:
            for row, guess in zip(unknown, self._guess(encoded, unknown), strict=True):
                settled[row] = guess[0]
        return settled

    def _guess(self, encoded: Encoded, rows: Sequence[int]) -> list[Guess]:
        if not self.multilingual:
            return [[("en", 1.0)] for _ in rows]
        started = time.perf_counter()
        tables = self._model.detect_language(encoded.rows(rows))
        self.seconds["detect"] += time.perf_counter() - started
        return [[(token[2:-2], float(probability)) for token, probability in table] for table in tables]

    def _words(
        self, encoded: Encoded, jobs: Sequence[Job], attempts: Sequence[Attempt], languages: Sequence[str]
    ) -> list[tuple[Word, ...]]:
        """Words of the windows that hold any, timed by one alignment for each start sequence."""
        words: list[tuple[Word, ...]] = [()] * len(jobs)
        groups: dict[tuple[int, ...], list[int]] = {}
        texts = [[token for token in attempt.tokens if token < self._base.eot] for attempt in attempts]
        for row, (job, attempt) in enumerate(zip(jobs, attempts, strict=True)):
            if texts[row] and not self._made_up(attempt, job.seconds):
                groups.setdefault(tuple(job.prompt[:-1]), []).append(row)
        started = time.perf_counter()
        for start_sequence, rows in groups.items():
            frames = [max(SHORTEST_ALIGNED, round(jobs[row].seconds * FRAMES_PER_SECOND)) for row in rows]
            alignments = self._model.align(
                encoded.rows(rows), list(start_sequence), [texts[row] for row in rows], frames
            )
            for row, alignment in zip(rows, alignments, strict=True):
                split = self._tokenizer(languages[row]).split_to_word_tokens
                timed = words_of(texts[row], self._base.eot, split, alignment, languages[row], jobs[row].seconds)
                words[row] = collapse_loops(timed)
        self.seconds["align"] += time.perf_counter() - started
        return words

    def _made_up(self, attempt: Attempt, seconds: float) -> bool:
        return is_silence(attempt, self._guards) or is_invented(
            attempt.text, seconds, attempt.no_speech_probability, attempt.log_probability
        )

    def _tokenizer(self, language: str, task: str = "transcribe") -> Tokenizer:
        key = f"{language} {task}"
        if key not in self._tokenizers:
            self._tokenizers[key] = Tokenizer(
                self._whisper.hf_tokenizer, self._model.is_multilingual, task=task, language=language
            )
        return self._tokenizers[key]


def _device(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


def _compute_type(compute_type: str, device: str) -> str:
    """int8 is the fastest on a CPU and float16 on a GPU, whatever the weights were stored in."""
    if compute_type != "default":
        return compute_type
    return "float16" if device == "cuda" else "int8"


def _languages(path: Path, whisper: WhisperModel) -> tuple[str, ...]:
    """Those that the model's own configuration lists, as its language tokens."""
    if not whisper.model.is_multilingual:
        return ("en",)
    listed = json.loads((path / "config.json").read_text(encoding="utf-8")).get("lang_ids") or []
    tokens = [whisper.hf_tokenizer.id_to_token(token) or "" for token in listed]
    known = set(whisper.supported_languages)
    return tuple(token[2:-2] for token in tokens if token[2:-2] in known)


def _translated(error: Exception) -> SttError:
    if "out of memory" in str(error).lower():
        return Unavailable("The speech model is out of memory. Try again in a moment.")
    return InternalError("The speech model failed on this audio.")

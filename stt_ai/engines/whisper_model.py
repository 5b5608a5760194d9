"""A Whisper model in memory: its weights, its tokens, and how long a window it takes."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from threading import Lock, local

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from stt_ai.engines.cores import available
from stt_ai.engines.features import LogMel
from stt_ai.engines.gpu import load_cuda_libraries
from stt_ai.engines.malloc import keep_freed_memory
from stt_ai.engines.niceness import FILES as FILES_NICENESS
from stt_ai.engines.niceness import made_at
from stt_ai.engines.whisper_decode import EncoderOutput
from stt_ai.engines.whisper_lengths import ENGLISH, MEASURED, lengths_of
from stt_ai.errors import ModelUnavailable
from stt_ai.types import Samples

logger = logging.getLogger(__name__)

FILES = ("model.bin", "config.json", "tokenizer.json")
SURE_IN_ENGLISH = -0.3
"""Mean log-probability from which Whisper tiny's and base's greedy texts have no more errors than a beam's, measured on
recordings of people. In languages of which they know less, a beam mends some words however sure they are."""
LONGEST_BEFORE = 223
"""Tokens. With its own sign before it, half of what the decoder can hold."""


class ActiveCalls:
    """Counts the calls that are inside its context, from any thread."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = Lock()
        self._mine = local()

    @property
    def is_live(self) -> bool:
        """Return whether the call of this thread is live."""
        return bool(getattr(self._mine, "live", False))

    @contextmanager
    def entered(self, live: bool) -> Iterator[None]:
        """Count a call of this thread. ``live``: somebody speaks and waits for it.

        One inside another is part of that: it is not counted, and as live as that.
        """
        if getattr(self._mine, "live", None) is not None:
            yield
            return
        self._mine.live = live
        with self._lock:
            self.count += 1
        try:
            yield
        finally:
            with self._lock:
                self.count -= 1
            self._mine.live = None


class LoadedWhisper:
    """faster-whisper's `WhisperModel` with what the engine needs around it."""

    def __init__(
        self,
        path: Path,
        *,
        device: str,
        compute_type: str,
        cpu_threads: int,
        workers: int,
        variable_length: bool,
        silence_s: float | None = None,
        lone_threads: int = 0,
    ) -> None:
        missing = [file for file in FILES if not (path / file).is_file()]
        if missing:
            raise ModelUnavailable(f"The model {path.name} is incomplete: {', '.join(missing)} is missing.")
        self._path = path
        self.device = _device(device)
        if self.device == "cpu":
            keep_freed_memory()
        elif problems := load_cuda_libraries():
            raise ModelUnavailable(f"The model {path.name} cannot be put on a GPU. {' '.join(problems)}")
        try:
            load = partial(
                WhisperModel,
                str(path),
                device=self.device,
                compute_type=_compute_type(compute_type, self.device),
                cpu_threads=cpu_threads or available(),  # Ray sets OMP_NUM_THREADS=1 for light replicas
                num_workers=workers,
                local_files_only=True,
            )
            # CTranslate2 fixes a model's threads and their priority when it is loaded. The same weights on more threads
            # give the same output, bit by bit.
            self._whisper = made_at(FILES_NICENESS, load) if lone_threads else load()
            self._fast_copy = self._load_copy(compute_type, lone_threads, workers) if lone_threads else None
        except Exception as error:  # whatever CTranslate2, tokenizers or json find wrong with the files
            logger.exception("cannot load %s", path)
            raise ModelUnavailable(f"The model {path.name} cannot be loaded.") from error
        self._ct2: ctranslate2.models.Whisper = self._whisper.model
        self.calls = ActiveCalls()
        self._mel = LogMel(self._whisper.feature_extractor.mel_filters)
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}
        width = self._width()
        self.lengths = lengths_of(width, self.device, variable_length, silence_s)
        self._greedy_first = self.device == "cpu" and width in MEASURED and not variable_length

    @property
    def ct2(self) -> ctranslate2.models.Whisper:
        """Return the model for the next step of this thread's call.

        That is the copy on more threads, which do not step back, for live speech and where no other call is active.
        """
        fast = self._fast_copy is not None and (self.calls.is_live or self.calls.count <= 1)
        return self._fast_copy if fast else self._ct2

    @property
    def multilingual(self) -> bool:
        """Whether the model knows other languages than English."""
        return bool(self.ct2.is_multilingual)

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that the model's own configuration lists, `("en",)` for an English-only one."""
        if not self.multilingual:
            return ("en",)
        listed = json.loads((self._path / "config.json").read_text(encoding="utf-8")).get("lang_ids") or []
        tokens = [self._whisper.hf_tokenizer.id_to_token(token) or "" for token in listed]
        return tuple(token[2:-2] for token in tokens if token[2:-2] in self._whisper.supported_languages)

    def tokenizer(self, language: str = "en", task: str = "transcribe") -> Tokenizer:
        """Return a tokenizer. Tokens do not depend on the language; word boundaries and the start sequence do."""
        key = (language, task)
        if key not in self._tokenizers:
            self._tokenizers[key] = Tokenizer(self._whisper.hf_tokenizer, self.multilingual, task, language)
        return self._tokenizers[key]

    @cached_property
    def end_token(self) -> int:
        """Return the token with which a text ends."""
        return int(self.tokenizer().eot)

    @cached_property
    def suppressed_tokens(self) -> list[int]:
        """Return the tokens that are never written: signs that are not spoken, and special tokens."""
        return list(get_suppressed_tokens(self.tokenizer(), [-1]))

    def text_of(self, tokens: Sequence[int]) -> str:
        """Return the text of ``tokens``, without special tokens."""
        return str(self.tokenizer().decode(list(tokens)))

    def prompt(self, language: str, task: str) -> list[int]:
        """Return the start sequence without timestamps, of one length for all languages."""
        tokenizer = self.tokenizer(language, task)
        return [*tokenizer.sot_sequence, tokenizer.no_timestamps]

    def before(self, text: str) -> tuple[int, ...]:
        """Return the tokens before the start sequence for ``text`` that was said before the window: its end, if long.

        It is a caller's text, so nothing in it may become a special token.
        """
        plain = text.strip().replace("<|", "< |")
        tokens = self.tokenizer().encode(" " + plain)[-LONGEST_BEFORE:] if plain else []
        return (self.tokenizer().sot_prev, *tokens) if tokens else ()

    def context(self, text: str) -> tuple[int, ...]:
        """Return the tokens of the text that a window begins with, without special tokens."""
        plain = text.strip().replace("<|", "< |")
        return tuple(self.tokenizer().encode(" " + plain)) if plain else ()

    def lengths_to_try(self, samples: Samples, language: str | None) -> tuple[int, ...]:
        """Return the lengths in frames at which a window is decoded until its text is plausible.

        ``language`` None: it is still to be detected.
        """
        return self.lengths.lengths_to_try(len(samples), language if self.multilingual else ENGLISH)

    def greedy_threshold(self, language: str) -> float | None:
        """Return the mean log-probability from which a greedy text is kept, or None where a beam always searches."""
        return SURE_IN_ENGLISH if self._greedy_first and language == ENGLISH else None

    def encode(self, windows: Sequence[Samples], frames: int) -> EncoderOutput:
        """Encode windows, each cut or filled up with silence to so many frames.

        A CPU encodes them one by one: together they leave its caches, which saves it nothing.
        """
        features = np.stack([self._mel(samples, frames) for samples in windows])
        calls = [features] if self.device != "cpu" else [features[row : row + 1] for row in range(len(features))]
        return EncoderOutput([self.ct2.encode(ctranslate2.StorageView.from_array(call)) for call in calls])

    def detect(self, encoded: EncoderOutput, rows: Sequence[int]) -> list[tuple[tuple[str, float], ...]]:
        """Return (code, probability) of all languages, the likeliest first, for each of the rows."""
        tables = self.ct2.detect_language(encoded.rows(rows))
        return [tuple((token[2:-2], float(probability)) for token, probability in table) for table in tables]

    def _load_copy(self, compute_type: str, threads: int, workers: int) -> ctranslate2.models.Whisper:
        return ctranslate2.models.Whisper(
            str(self._path),
            device=self.device,
            compute_type=_compute_type(compute_type, self.device),
            inter_threads=workers,
            intra_threads=threads,
        )

    def _width(self) -> int:
        """Return the width of the encoder's output, by which Whisper's sizes differ."""
        shortest = np.zeros((1, self._mel.n_mels, 2), np.float32)
        return int(self.ct2.encode(ctranslate2.StorageView.from_array(shortest)).shape[-1])

    def close(self) -> None:
        """Free the model's memory. No call may follow."""
        self._ct2.unload_model()
        if self._fast_copy is not None:
            self._fast_copy.unload_model()


def _device(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


def _compute_type(compute_type: str, device: str) -> str:
    """int8 is the fastest on a CPU and float16 on a GPU, whatever the weights were stored in."""
    if compute_type != "default":
        return compute_type
    return "float16" if device == "cuda" else "int8"

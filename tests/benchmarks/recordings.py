"""Recordings of people outside the repository: a folder with `manifest.jsonl`, audio, and what is said in it."""

import itertools
import json
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jiwer
import numpy as np
from num2words import num2words
from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from stt_ai.engines.decoding import FileDecoder
from stt_ai.types import SAMPLE_RATE, Samples, Upload
from tests.support.service import ROOT

FOLDER = ROOT.parent / "shared" / "speech"
"""Where they are looked for."""


@dataclass(frozen=True)
class Recording:
    """``text``: what is said in it, "" where nobody speaks. ``language`` None there."""

    path: Path
    language: str | None
    text: str

    @property
    def corpus(self) -> str:
        return self.path.stem.split("_")[0]


def transcribed(folder: Path) -> list[Recording]:
    """Return the recordings of which is known what is said."""
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line]
    return [
        Recording(folder / entry["audio"], entry["language"], entry["text"])
        for entry in entries
        if entry["text"] is not None
    ]


def join(recordings: Sequence[Recording], seconds: float, path: Path, pause_s: float = 0.5) -> str:
    """Write the recordings, again and again with pauses between, up to ``seconds`` as a WAV. Return what is said."""
    parts: list[Samples] = []
    texts: list[str] = []
    length = 0
    for recording in itertools.cycle(recordings):
        samples = _decoded(recording.path)
        if length + len(samples) > seconds * SAMPLE_RATE:
            break
        parts += [samples, np.zeros(int(pause_s * SAMPLE_RATE), np.int16)]
        texts.append(recording.text)
        length += len(parts[-2]) + len(parts[-1])
    write_wav(path, np.concatenate(parts))
    return " ".join(texts)


def write_wav(path: Path, samples: Samples) -> None:
    """Write int16 samples of one channel at 16 kHz."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes(samples.tobytes())


@cache
def _decoded(path: Path) -> Samples:
    audio = FileDecoder().decode(Upload(path, path.stat().st_size, path.name))
    return np.concatenate(audio.pcm.chunks)


def word_errors(language: str, said: str, recognized: str) -> tuple[int, int]:
    """Return (wrong words, words said) after Whisper's own normalization of texts.

    Only its English one makes "one" and "1" the same: numbers in other languages are spelled out before. Marks on
    letters do not count in these, because not all that was written down of what is said has them.
    """
    said, recognized = (_normalized(text, language).strip() for text in (said, recognized))
    counted = jiwer.process_words(said, recognized)
    return counted.substitutions + counted.deletions + counted.insertions, len(said.split())


def _normalized(text: str, language: str) -> str:
    if language == "en":
        return str(EnglishTextNormalizer({})(text))
    spelled = re.sub(r"\d+", lambda digits: f" {num2words(int(digits[0]), lang=language)} ", text)
    return str(BasicTextNormalizer(remove_diacritics=True)(spelled))

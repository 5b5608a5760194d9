"""Recordings of people outside the repository: a folder with `manifest.jsonl`, audio, and what is said in it."""

import itertools
import json
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jiwer
import numpy as np
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
    """Return (wrong words, words said) after Whisper's own normalization of texts."""
    normalize = EnglishTextNormalizer({}) if language == "en" else BasicTextNormalizer()
    said, recognized = normalize(said).strip(), normalize(recognized).strip()
    counted = jiwer.process_words(said, recognized)
    return counted.substitutions + counted.deletions + counted.insertions, len(said.split())

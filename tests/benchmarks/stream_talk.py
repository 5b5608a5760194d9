"""A talk to replay: recorded sentences with pauses between them, and when each of their words was said."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_whisper import decode_audio

from stt_ai.types import SAMPLE_RATE, Samples
from tests.support.word_errors import DATA

PAUSE_S = 1.2
NOISE = 3.0
"""The standard deviation of the noise in pauses, of int16 samples."""


@dataclass(frozen=True)
class Sentence:
    """``words`` have text and seconds of the talk at which they start and end."""

    text: str
    words: list[dict[str, Any]]

    @property
    def end(self) -> float:
        return float(self.words[-1]["end"])


def talk(sentences: int, first: int = 0, language: str = "en") -> tuple[Samples, list[Sentence]]:
    """So many of the held-out recordings from the ``first`` on, over and over, the voices by turns."""
    entries = _by_turns(language)
    generator = np.random.default_rng(first)
    parts: list[Any] = [_pause(generator)]
    said: list[Sentence] = []
    at = len(parts[0])
    for number in range(first, first + sentences):
        entry = entries[number % len(entries)]
        shift = at / SAMPLE_RATE
        words = [{**w, "start": w["start"] + shift, "end": w["end"] + shift} for w in entry["words"]]
        said.append(Sentence(entry["text"], words))
        sound = decode_audio(str(DATA / entry["file"]), sampling_rate=SAMPLE_RATE)
        parts += [(sound * 32767).clip(-32768, 32767).astype(np.int16), _pause(generator)]
        at += len(parts[-2]) + len(parts[-1])
    return np.concatenate([*parts, _pause(generator)]), said


def _by_turns(language: str) -> list[dict[str, Any]]:
    """The first sentence of each voice, then the second of each, and so on."""
    files = json.loads((DATA / "manifest.json").read_text())["files"]
    held_out = [entry for entry in files if entry["file"].startswith(f"held_out/{language}_")]
    return sorted(held_out, key=lambda entry: (entry["file"].rsplit("_", 1)[1], entry["file"]))


def _pause(generator: np.random.Generator) -> Samples:
    return generator.normal(0, NOISE, round(PAUSE_S * SAMPLE_RATE)).astype(np.int16)

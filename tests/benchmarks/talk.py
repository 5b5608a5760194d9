"""Conversations of any length, made of those in tests/data: who really speaks when, and the sound."""

import json
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import decode_audio

from stt_ai.types import SAMPLE_RATE, Samples
from tests.support.word_errors import DATA

CONVERSATIONS = DATA / "conversations"
VOICES = 4
PAUSE_S = 1.0
NOISE = 0.002


@dataclass(frozen=True)
class Turn:
    """Seconds of the file, and a voice."""

    start: float
    end: float
    speaker: str


def conversations() -> list[dict[str, Any]]:
    return list(json.loads((CONVERSATIONS / "manifest.json").read_text())["files"])


def samples_of(entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    """float32 in -1 to 1."""
    return decode_audio(str(CONVERSATIONS / entry["file"]), sampling_rate=SAMPLE_RATE)


def write_talk(path: Path, minutes: float, seed: int = 0) -> list[Turn]:
    """A WAV file of about so many minutes in which at most `VOICES` people talk, and its turns.

    The same conversations come again and again, but never the same samples: loudness and noise differ.
    """
    turns, at = [], 0.0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for samples, spoken in _pieces(np.random.default_rng(seed)):
            file.writeframes(samples.tobytes())
            turns += [Turn(at + turn.start, at + turn.end, turn.speaker) for turn in spoken]
            at += len(samples) / SAMPLE_RATE
            if at >= minutes * 60:
                return turns
    raise AssertionError("unreachable")


def _pieces(rng: np.random.Generator) -> Iterator[tuple[Samples, list[Turn]]]:
    chosen = _among_few(conversations())
    utterances = [samples_of(entry) for entry in chosen]
    while True:
        for at in rng.permutation(len(chosen)):
            loud = utterances[at] * rng.uniform(0.5, 1.0)
            sound = np.concatenate([loud, np.zeros(int(PAUSE_S * SAMPLE_RATE), np.float32)])
            sound = sound + rng.normal(0, NOISE, len(sound)).astype(np.float32)
            spoken = [
                Turn(turn["start"], turn["end"], chosen[at]["voices"][turn["speaker"]]) for turn in chosen[at]["turns"]
            ]
            yield (np.clip(sound, -1, 1) * 32767).astype(np.int16), spoken


def _among_few(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Conversations whose people are together at most `VOICES`."""
    chosen: list[dict[str, Any]] = []
    people: set[str] = set()
    for entry in entries:
        if len(people | set(entry["voices"].values())) <= VOICES:
            people |= set(entry["voices"].values())
            chosen.append(entry)
    return chosen

"""Real recordings joined to talks, with pauses between the sentences that are filled with the recordings' own noise."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import decode_audio
from faster_whisper.vad import VadOptions, get_speech_timestamps

from stt_ai.types import SAMPLE_RATE, Samples
from tests.benchmarks.recordings import Recording, transcribed
from tests.benchmarks.stream_talk import Sentence

FRAME = SAMPLE_RATE // 50
SPEECH_BELOW_PEAK_DB = 32.0
"""Between the loudest frames of a recording and the softest that counts as speech."""
PAUSES_S = (0.8, 1.2, 0.7, 1.6, 0.9)
FLUENT_PAUSE_S = 0.15
LEAD_S = 1.0
SHORTEST_PAUSE_MS = 200


@cache
def voices(folder: Path) -> tuple[tuple[Recording, ...], ...]:
    """The English read recordings by their speaker, the speakers with the most words first."""
    by_voice: dict[str, list[Recording]] = {}
    for one in transcribed(folder):
        if one.language == "en" and one.corpus in ("libri", "lj", "jfk"):
            voice = one.path.name.split("-")[0] if one.corpus == "libri" else one.corpus
            by_voice.setdefault(voice, []).append(one)
    groups = [tuple(sorted(group, key=lambda one: one.path)) for group in by_voice.values()]
    return tuple(sorted(groups, key=lambda group: -sum(len(one.text) for one in group)))


def talk(folder: Path, voice: int, *, seconds: float, fluent: bool = False) -> tuple[Samples, list[Sentence]]:
    """About so many seconds of one speaker. ``fluent``: with hardly a pause between the sentences."""
    generator = np.random.default_rng(voice)
    parts: list[Samples] = []
    said: list[Sentence] = []
    at = 0
    chosen = voices(folder)[voice % len(voices(folder))]
    for number, one in enumerate(chosen):
        if at >= seconds * SAMPLE_RATE:
            break
        sound, noise = _trimmed(one.path)
        pause = LEAD_S if not number else FLUENT_PAUSE_S if fluent else PAUSES_S[number % len(PAUSES_S)]
        parts += [_noise(generator, noise, pause), sound]
        begin = at + len(parts[-2])
        at = begin + len(sound)
        said.append(Sentence(one.text, _spread(one.text, begin / SAMPLE_RATE, at / SAMPLE_RATE)))
    return np.concatenate([*parts, _noise(generator, noise, 2.0)]), said


def speech_of(samples: Samples) -> list[tuple[float, float]]:
    """Return the stretches of speech between pauses, in seconds, as faster-whisper's own detection finds them."""
    options = VadOptions(min_silence_duration_ms=SHORTEST_PAUSE_MS, speech_pad_ms=0)
    found = get_speech_timestamps(samples.astype(np.float32) / 32768, options)
    return [(stretch["start"] / SAMPLE_RATE, stretch["end"] / SAMPLE_RATE) for stretch in found]


@cache
def _trimmed(path: Path) -> tuple[Samples, float]:
    """The recording from its first to its last speech, and the level of its softest tenth (RMS of int16)."""
    sound = (decode_audio(str(path), sampling_rate=SAMPLE_RATE) * 32767).clip(-32768, 32767).astype(np.int16)
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    level = np.sqrt((frames**2).mean(axis=1)) + 1e-3
    softest, loud = np.percentile(level, [10, 95])
    threshold = max(loud * 10 ** (-SPEECH_BELOW_PEAK_DB / 20), min(2.5 * softest, loud / 4))
    lasting = np.convolve(level > threshold, np.ones(3), "same") >= 3  # a click is no speech
    speech = np.flatnonzero(lasting)
    return sound[speech[0] * FRAME : (speech[-1] + 1) * FRAME], float(min(softest, 100.0))


def _noise(generator: np.random.Generator, level: float, seconds: float) -> Samples:
    return generator.normal(0, level, round(seconds * SAMPLE_RATE)).astype(np.int16)


def _spread(text: str, start: float, end: float) -> list[dict[str, Any]]:
    """The words with times by their length: there is nobody who marked them."""
    words = text.split()
    total = sum(len(word) + 1 for word in words)
    times = start + (end - start) * np.cumsum([0, *(len(word) + 1 for word in words)]) / total
    return [{"word": w, "start": float(a), "end": float(b)} for w, a, b in zip(words, times, times[1:], strict=False)]

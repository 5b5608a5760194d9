"""The test audio under tests/data: held-out sentences and longer recordings, each with the true time of every word.

No sentence of it occurs in the training corpus. `python -m tests.recipes.whisper fixtures` writes it anew.
"""

import json
import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .corpus import training_texts
from .grammar import SentenceMaker, words
from .voices import SAMPLE_RATE, VOICES, Manner, Utterance, Voice, random_manner, synthesize

HELD_OUT_PER_VOICE = {"en": 10, "es": 12}
MEETING_EN = (
    "Hello Daniel and welcome from London.",
    "Today we must discuss the quarterly budget.",
    "Revenue increased about twelve percent in March.",
    "Laura completed the marriage contract yesterday.",
    "Can you verify every invoice before Friday?",
    "Yes our secretary recorded everything.",
    "Please invite Monica and Peter.",
    "Okay we will continue tomorrow.",
)
MEETING_ES = (
    "Hola Beatriz de Sevilla.",
    "Debemos revisar el presupuesto ahora.",
    "Carlos escribió el informe el lunes.",
    "¿Dónde está la factura de Marcela?",
    "La reunión es muy importante.",
    "Queremos publicar el resultado durante mayo.",
    "Gracias Teresa de Colombia.",
)
Placed = list[tuple[float, Utterance]]


class HeldOut:
    """Sentences that the corpus does not contain, none of them twice."""

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(seed)
        self._makers = {language: SentenceMaker(language, self._rng) for language in ("en", "es")}
        self._taken = training_texts()

    def sentence(self, language: str, kind: str) -> str:
        maker = self._makers[language]
        while True:
            text = maker.plain() if kind == "plain" else maker.random_order()
            if text.lower() not in self._taken:
                self._taken.add(text.lower())
                return text


def make_fixtures(folder: Path) -> None:
    """Write every file and manifest.json."""
    known = {word.lower() for language in ("en", "es") for word in words(language)}
    for text in MEETING_EN + MEETING_ES:
        assert all(word.strip("¿?.").lower() in known for word in text.split()), text
    entries: list[dict[str, Any]] = []
    held_out = HeldOut("held out")
    entries += _held_out_files(folder, held_out)
    two = (Voice("en", "flite", "rms"), Voice("en", "flite", "slt"))
    entries.append(_recording(folder / "meeting_en.flac", _placed(_in_turn(MEETING_EN, two), 0.4), "plain"))
    both = (Voice("es", "espeak", "es-419"), Voice("es", "espeak", "es+f3"))
    entries.append(_recording(folder / "meeting_es.flac", _placed(_in_turn(MEETING_ES, both), 0.5), "plain"))
    hello = _placed(_in_turn(["Hello Emma and welcome from London."], two), 0.0)
    entries.append(_recording(folder / "hello_3s.flac", hello, "plain", seconds=3.0))
    yes = list(synthesize(Voice("en", "espeak", "en-us"), [("Yes.", Manner(2.2))]))
    entries.append(_recording(folder / "short_200ms.flac", [(0.0, yes[0])], "plain", seconds=0.2))
    five = _until(5.0, held_out, "en", 5)
    entries.append(_recording(folder / "five_seconds.flac", five, "plain", seconds=5.0))
    for index in range(1, 17):
        clip = _until(10.0, held_out, "es" if index % 4 == 0 else "en", index)
        entries.append(_recording(folder / f"ten_seconds_{index:02d}.flac", clip, "plain", seconds=10.0))
    long = _until(600.0, held_out, "en", 0, gaps=(0.3, 2.0), one_voice=False)
    entries.append(_recording(folder / "ten_minutes.opus", long, "plain", seconds=600.0))
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    (folder / "manifest.json").write_text('{"files": [\n' + lines + "\n]}\n", encoding="utf-8")
    print(f"fixtures: {len(entries)} files, {sum(f.stat().st_size for f in folder.rglob('*.*')) / 1e6:.1f} MB")


def _held_out_files(folder: Path, held_out: HeldOut) -> Iterator[dict[str, Any]]:
    for voice in VOICES:
        rng = random.Random(f"held out {voice.label}")
        count = HELD_OUT_PER_VOICE[voice.language]
        kinds = ["plain", "random"] * (count // 2)
        said = [(held_out.sentence(voice.language, kind), random_manner(rng)) for kind in kinds]
        for index, (utterance, kind) in enumerate(zip(synthesize(voice, said), kinds, strict=True)):
            name = f"{voice.language}_{voice.engine}_{voice.name.replace('+', '_')}_{index:02d}.opus"
            noise = 10 ** rng.uniform(-3.5, -2.5) if rng.random() < 0.4 else 0.0
            yield _recording(folder / "held_out" / name, [(rng.uniform(0.1, 0.4), utterance)], kind, noise=noise)


def _in_turn(texts: Sequence[str], voices: Sequence[Voice]) -> list[Utterance]:
    return [next(synthesize(voices[i % len(voices)], [(text, Manner())])) for i, text in enumerate(texts)]


def _placed(utterances: Sequence[Utterance], gap: float) -> Placed:
    placed, at = [], 0.2 if gap else 0.15
    for utterance in utterances:
        placed.append((at, utterance))
        at += len(utterance.samples) / SAMPLE_RATE + gap
    return placed


def _until(
    seconds: float,
    held_out: HeldOut,
    language: str,
    seed: int,
    gaps: tuple[float, float] = (0.3, 0.8),
    one_voice: bool = True,
) -> Placed:
    """Sentences one after another for as long as they fit; one voice throughout, or a new one for each."""
    rng = random.Random(f"{seconds} {language} {seed}")
    voices = [voice for voice in VOICES if voice.language == language]
    placed: Placed = []
    at, voice, failures = rng.uniform(0.15, 0.5), voices[seed % len(voices)], 0
    while failures < 12:
        speaker = voice if one_voice else rng.choice(voices)
        text = held_out.sentence(language, rng.choice(["plain", "plain", "random"]))
        for utterance in synthesize(speaker, [(text, random_manner(rng))]):
            length = len(utterance.samples) / SAMPLE_RATE
            if at + length > seconds - 0.1:
                failures += 1
                continue
            placed.append((at, utterance))
            at += length + rng.uniform(*gaps)
    return placed


def _recording(
    path: Path, placed: Placed, kind: str, seconds: float | None = None, noise: float = 0.0
) -> dict[str, Any]:
    """Encode the utterances at their places; returns the entry of the manifest."""
    length = seconds or placed[-1][0] + len(placed[-1][1].samples) / SAMPLE_RATE + 0.3
    wave = np.zeros(round(length * SAMPLE_RATE), np.float32)
    spoken = []
    for at, utterance in placed:
        first = round(at * SAMPLE_RATE)
        piece = utterance.samples[: len(wave) - first].astype(np.float32) / 32768
        wave[first : first + len(piece)] += piece
        spoken += [
            {"word": word, "start": round(at + a, 3), "end": round(min(at + b, length), 3)}
            for word, (a, b) in zip(utterance.text.split(), utterance.times, strict=True)
        ]
    wave += noise * np.random.default_rng(0).standard_normal(len(wave), dtype=np.float32)
    encode(path, wave)
    voices = sorted({utterance.voice for _, utterance in placed})
    return {
        "file": str(path.relative_to(path.parents[1] if path.parent.name == "held_out" else path.parent)),
        "language": placed[0][1].language,
        "voice": voices[0] if len(voices) == 1 else voices,
        "kind": kind,
        "duration": round(length, 3),
        "text": " ".join(utterance.text for _, utterance in placed),
        "words": spoken,
    }


def encode(path: Path, wave: NDArray[np.float32]) -> None:
    """Write 16 kHz samples as Opus or FLAC, by the ending of the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = (
        ["-c:a", "libopus", "-b:a", "24k"] if path.suffix == ".opus" else ["-c:a", "flac", "-compression_level", "12"]
    )
    command = ["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "-"]
    command += ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact", *codec, str(path)]
    samples = (np.clip(wave, -1, 1) * 32767).astype("<i2")
    subprocess.run(command, input=samples.tobytes(), check=True)

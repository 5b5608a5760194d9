"""Real voices with known turns: recorded conversations, and utterances of single people joined to some."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from faster_whisper import decode_audio

from stt_ai.types import SAMPLE_RATE, Samples
from tests.benchmarks.talk import Turn

HELD_OUT = ("libri1998", "libri2414", "libri3005", "libri3331", "libri533")
"""Readers whom neither a parameter was chosen by nor the mean embedding was made of."""
_TUNED_ON = ("libri1688", "libri2033", "libri2609", "libri3080", "libri367")
_VOICES_EACH = (2, 2, 2, 3, 3, 3, 4, 4)
_FRAME = SAMPLE_RATE // 100


@dataclass(frozen=True)
class Conversation:
    """int16 at 16 kHz, and who really speaks when."""

    name: str
    samples: Samples
    turns: tuple[Turn, ...]

    @property
    def voices(self) -> int:
        return len({turn.speaker for turn in self.turns})


def sample_of_pyannote() -> Conversation:
    """The phone call that ships with pyannote.audio, with its reference."""
    import pyannote.audio.sample

    folder = Path(next(iter(pyannote.audio.sample.__path__)))
    return Conversation("phone call", _samples(folder / "sample.wav"), read_rttm(folder / "sample.rttm"))


def recorded(folder: Path) -> list[Conversation]:
    """The conversations in a folder of recordings: those with turns."""
    entries = [entry for entry in _manifest(folder) if entry.get("rttm")]
    return [
        Conversation(Path(entry["audio"]).stem, _samples(folder / entry["audio"]), read_rttm(folder / entry["rttm"]))
        for entry in sorted(entries, key=lambda entry: str(entry["audio"]))
    ]


def joined(folder: Path, held_out: bool = True) -> list[Conversation]:
    """Conversations of two to four people, of utterances cut and laid after and over each other; always the same."""
    voices = HELD_OUT if held_out else _TUNED_ON
    utterances = _utterances(folder)
    rng = np.random.default_rng(7)
    found = []
    for at, count in enumerate(_VOICES_EACH):
        chosen = [str(voice) for voice in rng.choice(voices, count, replace=False)]
        seconds = float(rng.choice([45, 60, 90]))
        found.append(_join(f"joined {at}", {voice: utterances[voice] for voice in chosen}, seconds, rng))
    return found


def single(folder: Path, seconds: float = 60.0) -> list[Conversation]:
    """One for each voice that says enough: up to ``seconds`` of its utterances, one after the other."""
    found = []
    for voice, utterances in _utterances(folder).items():
        parts, turns, at = [], [], 0.0
        for samples in utterances:
            if at + len(samples) / SAMPLE_RATE > seconds:
                break
            turns.append(Turn(at, at + len(samples) / SAMPLE_RATE, voice))
            parts += [samples, np.zeros(30 * _FRAME, np.int16)]
            at = turns[-1].end + 0.3
        if len(turns) > 1:
            found.append(Conversation(f"{voice} alone", np.concatenate(parts), tuple(turns)))
    return found


def repeated(conversations: Sequence[Conversation], minutes: float) -> Conversation:
    """The conversations one after the other, again and again."""
    parts, turns, at, length = [], [], 0, round(minutes * 60 * SAMPLE_RATE)
    while at < length:
        for conversation in conversations:
            start = at / SAMPLE_RATE
            turns += [Turn(start + turn.start, start + turn.end, turn.speaker) for turn in conversation.turns]
            parts.append(conversation.samples)
            at += len(conversation.samples)
    kept = [Turn(turn.start, min(turn.end, minutes * 60), turn.speaker) for turn in turns if turn.start < minutes * 60]
    return Conversation(f"{minutes:g} min", np.concatenate(parts)[:length], tuple(kept))


def read_rttm(path: Path) -> tuple[Turn, ...]:
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return tuple(
        Turn(float(line[3]), float(line[3]) + float(line[4]), line[7]) for line in lines if line[:1] == ["SPEAKER"]
    )


def _join(name: str, voices: dict[str, list[Samples]], seconds: float, rng: np.random.Generator) -> Conversation:
    wave = np.zeros(round((seconds + 30) * SAMPLE_RATE))
    turns: list[Turn] = []
    at, last = 0.3, ""
    while at < seconds:
        others = [voice for voice in voices if voice != last]
        voice = str(rng.choice(others if last and rng.random() < 0.9 else list(voices)))
        said = voices[voice][rng.integers(len(voices[voice]))]
        length = min(len(said), round(float(rng.choice([1.2, 2, 3, 4, 5, 6, 8, 10, 12])) * SAMPLE_RATE))
        first = int(rng.integers(len(said) - length + 1))
        said = _trimmed(said[first : first + length]) * 10 ** (rng.uniform(-5, 5) / 20)
        pause = rng.uniform(0.05, 0.8)
        if last and last != voice and rng.random() < 0.2:  # speaks before the other has ended
            pause = -rng.uniform(0.2, max(0.2, min(1.5, turns[-1].end - turns[-1].start - 0.1)))
        start = max(0.1, at + pause)
        wave[round(start * SAMPLE_RATE) :][: len(said)] += said
        turns.append(Turn(start, start + len(said) / SAMPLE_RATE, voice))
        at, last = max(at, turns[-1].end), voice
    samples = np.clip(wave[: round((at + 0.4) * SAMPLE_RATE)], -32767, 32767).astype(np.int16)
    return Conversation(name, samples, tuple(turns))


def _manifest(folder: Path) -> list[dict[str, str]]:
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


@cache
def _utterances(folder: Path) -> dict[str, list[Samples]]:
    """What each voice says, at -25 dB of full scale."""
    found: defaultdict[str, list[Samples]] = defaultdict(list)
    for entry in sorted(_manifest(folder), key=lambda entry: str(entry["audio"])):
        corpus, _, rest = Path(entry["audio"]).stem.partition("_")
        if entry["text"]:
            found[corpus + (rest.split("-")[0] if corpus == "libri" else "")].append(_samples(folder / entry["audio"]))
    level = 32768 * 10 ** (-25 / 20)
    for utterances in found.values():
        gain = level / np.sqrt(np.mean(np.concatenate(utterances).astype(float) ** 2))
        utterances[:] = [np.clip(_trimmed(said) * gain, -32767, 32767).astype(np.int16) for said in utterances]
    return dict(found)


def _trimmed(samples: Samples) -> Samples:
    """Without the silence before and after."""
    frames = samples[: len(samples) // _FRAME * _FRAME].astype(float).reshape(-1, _FRAME)
    levels = np.sqrt((frames**2).mean(axis=1))
    loud = np.flatnonzero(levels > 0.03 * levels.max())
    return samples[max(0, int(loud[0]) - 3) * _FRAME : (int(loud[-1]) + 4) * _FRAME]


def _samples(path: Path) -> Samples:
    wave = decode_audio(str(path), sampling_rate=SAMPLE_RATE)
    return np.asarray(np.round(np.clip(wave, -1, 1) * 32767), np.int16)

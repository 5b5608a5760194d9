"""Synthetic conversations: people who take turns, interrupt each other, in rooms with noise, and who said what when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import fftconvolve

from ..whisper.voices import SAMPLE_RATE
from .corpus import Person
from .speakers import Said

JOINED = 0.2  # seconds: a shorter silence of the same person does not end their turn


class Turn(NamedTuple):
    """Seconds in which the person of that index speaks."""

    start: float
    end: float
    person: int


class SpokenWord(NamedTuple):
    """A word, its seconds, and the index of the person."""

    word: str
    start: float
    end: float
    person: int


@dataclass(frozen=True)
class Style:
    """How people talk: shares of turns that begin in the other's, of sentences cut short, of recordings spoiled."""

    overlap: float = 0.15
    cut: float = 0.0
    spoiled: float = 0.5
    amid: float = 0.0  # share that begins amid a turn


TRAINING = Style(overlap=0.2, cut=0.6, spoiled=0.7, amid=0.8)
TRAINING_ON = Style(overlap=0.2, cut=0.4, spoiled=0.6, amid=0.8)
NATURAL = Style()


@dataclass(frozen=True)
class Conversation:
    """16 kHz samples, turns by start (they may overlap), and words by start."""

    wave: NDArray[np.float32]
    turns: tuple[Turn, ...]
    words: tuple[SpokenWord, ...]

    @property
    def seconds(self) -> float:
        return len(self.wave) / SAMPLE_RATE


def converse(
    people: Sequence[Person], seconds: float, rng: np.random.Generator, style: Style = NATURAL
) -> Conversation:
    """A conversation that is over soon after so many seconds; everyone has spoken if there was time."""
    placed: list[tuple[float, int, Said]] = []
    at = -rng.uniform(0, 4) if rng.random() < style.amid else rng.uniform(0.05, 1.0)
    person, free = int(rng.integers(len(people))), [-10.0] * len(people)
    while at < seconds:
        for _ in range(rng.choice((1, 2, 3), p=(0.6, 0.25, 0.15))):
            said = people[person].draw(rng)
            if rng.random() < style.cut:
                said = _piece(said, rng)
            at = max(at, free[person] + 0.05)
            if at >= seconds:
                break
            placed.append((at, person, said))
            at += len(said.samples) / SAMPLE_RATE
            free[person] = at
            at += rng.uniform(0.02, 0.5)
        at += _gap(rng, style.overlap if len(people) > 1 else 0.0)
        if len(people) > 1 and rng.random() < 0.9:
            person = _next(person, free, rng)
    return _recorded(placed, len(people), rng, rng.random() < style.spoiled)


def excerpt(conversation: Conversation, seconds: float) -> Conversation:
    """Its first seconds, exactly: cut off, or with silence after it."""
    size = round(seconds * SAMPLE_RATE)
    wave = np.zeros(size, np.float32)
    wave[: len(conversation.wave)] = conversation.wave[:size]
    turns = tuple(t._replace(end=min(t.end, seconds)) for t in conversation.turns if t.start < seconds - 0.02)
    words = tuple(w for w in conversation.words if w.end <= seconds)
    return Conversation(wave, turns, words)


def _next(person: int, free: Sequence[float], rng: np.random.Generator) -> int:
    """Somebody else; who has not spoken for the longest time, every second time."""
    others = [other for other in range(len(free)) if other != person]
    return min(others, key=lambda other: free[other]) if rng.random() < 0.5 else int(rng.choice(others))


def _gap(rng: np.random.Generator, overlap: float) -> float:
    chance = rng.random()
    if chance < overlap:
        return -rng.uniform(0.4, 1.8)
    return rng.uniform(0.0, 1.0) if chance < 0.94 else rng.uniform(1.5, 5.0)


def _piece(said: Said, rng: np.random.Generator) -> Said:
    """Some words of a sentence, 0.5 to 2.5 s of them, faded over 5 ms at the cuts."""
    first = int(rng.integers(len(said.times)))
    until = said.times[first][0] + rng.uniform(0.5, 2.5)
    last = max(first + 1, sum(end <= until for _, end in said.times))
    start, end = said.times[first][0], said.times[last - 1][1]
    samples = said.samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].astype(np.float32)
    ramp = np.linspace(0, 1, min(80, len(samples)), dtype=np.float32)
    samples[: len(ramp)] *= ramp
    samples[len(samples) - len(ramp) :] *= ramp[::-1]
    return replace(
        said,
        samples=samples,
        words=said.words[first:last],
        times=tuple((a - start, b - start) for a, b in said.times[first:last]),
    )


def _recorded(
    placed: Sequence[tuple[float, int, Said]], people: int, rng: np.random.Generator, spoiled: bool
) -> Conversation:
    end = max(at + len(said.samples) / SAMPLE_RATE for at, _, said in placed) + rng.uniform(0.1, 0.6)
    wave = np.zeros(max(1, round(end * SAMPLE_RATE)), np.float32)
    gains = 10 ** (rng.uniform(-6, 3, people) / 20)
    words: list[SpokenWord] = []
    for at, person, said in placed:
        first = round(at * SAMPLE_RATE)
        samples = said.samples[max(0, -first) :][: len(wave) - max(0, first)]
        wave[max(0, first) :][: len(samples)] += samples.astype(np.float32) * gains[person]
        words += [
            SpokenWord(word, max(0.0, at + a), at + b, person)
            for word, (a, b) in zip(said.words, said.times, strict=True)
            if at + b > 0.02
        ]
    words.sort(key=lambda word: word.start)
    if spoiled:
        wave = _spoil(wave, rng)
    wave *= 10 ** (rng.uniform(-10, 8) / 20)
    return Conversation(np.clip(wave, -1, 1).astype(np.float32), _turns(words), tuple(words))


def _turns(words: Sequence[SpokenWord]) -> tuple[Turn, ...]:
    """Each person's words, joined where the silence between is short."""
    turns: list[Turn] = []
    open_turn: dict[int, int] = {}
    for word in words:
        index = open_turn.get(word.person)
        if index is not None and word.start - turns[index].end < JOINED:
            turns[index] = turns[index]._replace(end=max(turns[index].end, word.end))
        else:
            open_turn[word.person] = len(turns)
            turns.append(Turn(word.start, word.end, word.person))
    return tuple(turns)


def _spoil(wave: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A room's echo in every third recording, noise in all: 12 to 45 dB below the speech, white to brown."""
    if rng.random() < 0.33:
        length = round(rng.uniform(0.1, 0.45) * SAMPLE_RATE)
        echo = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
        echo[0] = 0
        echo *= rng.uniform(0.1, 0.5) / np.sqrt((echo**2).sum())
        echo[0] = 1
        wave = fftconvolve(wave, echo.astype(np.float32))[: len(wave)].astype(np.float32)
    level = np.sqrt(np.mean(wave**2)) * 10 ** (-rng.uniform(12, 45) / 20)
    return wave + _noise(len(wave), rng) * max(level, 1e-5)


def _noise(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    noise: NDArray[np.float32] = rng.standard_normal(size, dtype=np.float32)
    slope = rng.choice((0.0, 0.5, 0.8))
    if slope:
        padded = fft.next_fast_len(size, real=True)  # others may take ten times as long
        spectrum = fft.rfft(noise, padded)
        noise = fft.irfft(spectrum / np.arange(1, len(spectrum) + 1, dtype=np.float32) ** slope, padded)[:size]
        noise /= noise.std() + 1e-9
    return noise


def draw_people(pool: Sequence[Person], count: int, rng: np.random.Generator) -> list[Person]:
    """People no two of whom are of one family."""
    chosen: list[Person] = []
    while len(chosen) < count:
        person = pool[rng.integers(len(pool))]
        if person.speaker.family not in {other.speaker.family for other in chosen}:
            chosen.append(person)
    return chosen

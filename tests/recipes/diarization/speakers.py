"""The synthetic people of the demo diarizer: the published voices, and many others that teach it what a voice is.

The published voices are those of the demo recogniser. The others are espeak-ng's voice variants, and every engine's
voices played faster or slower, which moves formants and pitch as a shorter or longer vocal tract does.
"""

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ..whisper.corpus import training_sentences, training_texts
from ..whisper.grammar import SentenceMaker
from ..whisper.voices import SAMPLE_RATE, VOICES, Manner, Utterance, Voice, random_manner, synthesize

VARIANTS = Path("/usr/lib/x86_64-linux-gnu/espeak-ng-data/voices/!v")
# Not voices of people, or ones that libespeak-ng does not say words with.
NO_PERSON = {
    "fast",
    "whisper",
    "whisperf",
    "Demonic",
    "UniRobot",
    "anikaRobot",
    "Storm",
    "Tweaky",
    "croak",
    "Mr serious",
}
ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-029", "es", "es-419")
WARPS = (0.84, 0.91, 1.1, 1.2)
UNSEEN = 12
TWINS = {
    "espeak:es-419": "espeak:es",  # one voice, told apart by a single consonant
    "espeak:en-gb": "espeak:en-us",  # one voice with two accents
}
LEVEL = 0.05


class Speaker(NamedTuple):
    """One person: a voice, how fast its recording is played (1.0: as it is), and the middle of its pitch."""

    voice: Voice
    warp: float = 1.0
    pitch: float = 1.0
    published: bool = False

    @property
    def label(self) -> str:
        return self.voice.label if self.published else f"{self.voice.label} x{self.warp:.2f} p{self.pitch:.2f}"

    @property
    def identity(self) -> str:
        """Who it is: the same for voices that are one."""
        return TWINS.get(self.label, self.label)

    @property
    def family(self) -> str:
        """People of one family sound too much alike to meet in a conversation."""
        return self.voice.name.partition("+")[2] or self.identity if self.voice.engine == "espeak" else self.identity


@dataclass(frozen=True)
class Said:
    """One sentence: 16 kHz samples at a common level, its words, and (start, end) seconds of each."""

    samples: NDArray[np.float32]
    words: tuple[str, ...]
    times: tuple[tuple[float, float], ...]


@cache
def people() -> dict[str, list[Speaker]]:
    """`train` (the published voices and most others), `development` and `test`: others that training never uses."""
    rng = random.Random("people")
    taken = {voice.name.partition("+")[2] for voice in VOICES if voice.engine == "espeak"}
    variants = sorted(path.name for path in VARIANTS.iterdir())
    variants = [v for v in variants if v not in taken | NO_PERSON and not v.startswith("robosoft")]
    rng.shuffle(variants)
    split = {"test": variants[:UNSEEN], "development": variants[UNSEEN : 2 * UNSEEN], "train": variants[2 * UNSEEN :]}
    result = {
        name: [_person(v, rng) for v in some for _ in range(3 if name == "train" else 1)]
        for name, some in split.items()
    }
    result["train"] += [Speaker(voice, warp) for voice in VOICES if voice.engine != "espeak" for warp in WARPS]
    result["train"] += published()
    return result


def published(language: str | None = None) -> list[Speaker]:
    """The voices that the demo recogniser knows too, of one language or of all."""
    return [Speaker(voice, published=True) for voice in VOICES if language in (None, voice.language)]


def training_speech(speaker: Speaker, count: int) -> list[Said]:
    """Sentences of the recogniser's corpus, so that what is held out there is held out here."""
    index = random.Random(speaker.label).randrange(10)
    texts = [text for _, text in training_sentences(speaker.voice if speaker.published else _teacher(speaker), index)]
    return speech(speaker, texts[:count], random.Random(f"training {speaker.label}"))


def held_out_speech(speaker: Speaker, count: int, seed: str) -> list[Said]:
    """Sentences that nobody said in training, neither here nor for the recogniser."""
    rng = random.Random(f"{seed} {speaker.label}")
    maker = SentenceMaker(speaker.voice.language, rng)
    new = (text for _, text in maker.sentences(share_random=0.5) if text.lower() not in _known_texts())
    return speech(speaker, [next(new) for _ in range(count)], rng)


def speech(speaker: Speaker, texts: list[str], rng: random.Random) -> list[Said]:
    """The texts as the speaker says them, each a little faster, slower, higher or lower."""
    manners = [random_manner(rng) for _ in texts]
    sentences = [(text, Manner(m.rate, m.pitch * speaker.pitch)) for text, m in zip(texts, manners, strict=True)]
    return [_said(utterance, speaker.warp) for utterance in synthesize(speaker.voice, sentences)]


@cache
def _known_texts() -> frozenset[str]:
    return frozenset(training_texts())


def _person(variant: str, rng: random.Random) -> Speaker:
    accent = rng.choice(ACCENTS)
    voice = Voice(accent[:2], "espeak", f"{accent}+{variant}")
    return Speaker(voice, round(rng.uniform(0.86, 1.14), 2), round(rng.uniform(0.6, 1.4), 2))


def _teacher(speaker: Speaker) -> Voice:
    """The published voice whose sentences another speaker says."""
    return next(voice for voice in VOICES if voice.language == speaker.voice.language)


def _said(utterance: Utterance, warp: float) -> Said:
    samples = utterance.samples.astype(np.float32) / 32768
    if warp != 1.0:
        samples = resample_poly(samples, 100, round(100 * warp)).astype(np.float32)
    samples *= LEVEL / np.sqrt(np.mean(samples**2))
    times = tuple((start / warp, end / warp) for start, end in utterance.times)
    assert times[-1][1] <= len(samples) / SAMPLE_RATE + 0.05
    return Said(samples, tuple(utterance.text.split()), times)

"""Guards against what models write where they know nothing to say: loops, and text for audio that holds none.

The thresholds of `Guards` are the ones that Whisper's authors chose and that faster-whisper documents.
"""

import unicodedata
import zlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from stt_ai.types import SAMPLE_RATE, SpeechRegion, Word

Unit = TypeVar("Unit", bound=Hashable)


MIN_NO_SPEECH = 0.25
SURER_BY = 1.5
"""In log-probability, between a window of speech and one without: recordings of music and noise lie beyond it, the
faintest speech of meetings does not."""


@dataclass(frozen=True, slots=True)
class Guards:
    """When a decoding is not believed.

    ``compression_ratio``: text above it repeats itself. ``log_probability``: the mean over the tokens, below it the
    model was guessing. ``no_speech``: the probability of silence at which a guess is dropped.
    """

    compression_ratio: float = 2.4
    log_probability: float = -1.0
    no_speech: float = 0.6


@dataclass(frozen=True, slots=True)
class Attempt:
    """One decoding of a window: text, its tokens, their mean log-probability, the probability of no speech.

    ``cut``: it may have been going on, when it had as many tokens as a window may have.
    """

    text: str
    tokens: tuple[int, ...]
    log_probability: float
    no_speech_probability: float
    temperature: float = 0.0
    cut: bool = False

    @property
    def compression_ratio(self) -> float:
        return compression_ratio(self.text)


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes the text; 0 for none. Prose stays below 2, loops go far above."""
    data = text.strip().encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def is_silence(attempt: Attempt, guards: Guards) -> bool:
    """Whether the model both heard no speech and was guessing: the less it heard, the likelier the text has to be."""
    least = guards.log_probability + SURER_BY * (attempt.no_speech_probability - guards.no_speech)
    return attempt.no_speech_probability > MIN_NO_SPEECH and attempt.log_probability < least


def repeats_itself(attempt: Attempt, guards: Guards) -> bool:
    """Whether it repeats itself: throughout, or at its end."""
    return attempt.compression_ratio > guards.compression_ratio or tail_loop(attempt.tokens) > 0


def is_doubtful(attempt: Attempt, guards: Guards) -> bool:
    """Whether to decode again at a higher temperature: text that loops or was guessed, unless it is silence."""
    if is_silence(attempt, guards):
        return False
    return repeats_itself(attempt, guards) or attempt.log_probability < guards.log_probability


def best(attempts: Sequence[Attempt], guards: Guards) -> Attempt:
    """The last one if it is believed, else the likeliest of those that do not repeat themselves, else of all."""
    if not is_doubtful(attempts[-1], guards):
        return attempts[-1]
    return attempts[likeliest(attempts, guards)]


def likeliest(attempts: Sequence[Attempt], guards: Guards) -> int:
    """Return the index of the likeliest that does not repeat itself, else of all."""
    return max(
        range(len(attempts)),
        key=lambda at: (not repeats_itself(attempts[at], guards), attempts[at].log_probability),
    )


def tail_loop(units: Sequence[Hashable], *, longest: int = 30) -> int:
    """The length of the n-gram that the sequence ends on again and again, 0 when it does not.

    People say "no no no" and "two two two four", so short n-grams must repeat more often to count as a loop.
    """
    for size in range(1, min(longest, len(units) // 3) + 1):
        if _repeats(units, len(units) - size, size) >= _many(size):
            return size
    return 0


def without_tail_loop(units: Sequence[Unit]) -> Sequence[Unit]:
    """The sequence with the loop that it ends on, as `tail_loop` finds it, left once."""
    size = tail_loop(units)
    if not size:
        return units
    times = _repeats(units, len(units) - size, size)
    return units[: len(units) - size * (times - 1)]


_FASTEST_S = 0.1
"""Of a word, on the average of several."""


def _many(size: int) -> int:
    """How often in a row an n-gram must stand before nobody says so: 8 single words, 5 pairs, 4 of three or more."""
    return {1: 8, 2: 5}.get(size, 4)


def _repeats(units: Sequence[Hashable], start: int, size: int) -> int:
    """How often units[start:start+size] stands in a row, counted backwards from ``start``."""
    gram, count = units[start : start + size], 1
    while start - size >= 0 and units[start - size : start] == gram:
        start, count = start - size, count + 1
    return count


def collapse_loops(words: Sequence[Word], *, cut: bool = False, longest: int = 15) -> tuple[Word, ...]:
    """The words with each loop, wherever it stands, left once. What people do repeat is kept.

    ``cut``: their decoding did not end by itself, as loops do not. Others are loops only where they are said faster
    than anybody speaks, or twice as often.
    """
    spelt = [_plain(word.text) for word in words]
    kept: list[int] = []
    at = 0
    while at < len(words):
        size, times = _loop_from(spelt, at, longest)
        run = words[at : at + size * times]
        said = not cut and times < 2 * _many(size) and run[-1].end - run[0].start >= _FASTEST_S * len(run)
        kept.extend(range(at, at + len(run) if said else at + size))
        at += len(run)
    return tuple(words[index] for index in kept)


def _loop_from(spelt: Sequence[str], at: int, longest: int) -> tuple[int, int]:
    """(n, times) of the shortest loop that starts here; (1, 1) when none does."""
    for size in range(1, min(longest, (len(spelt) - at) // 3) + 1):
        gram, times = spelt[at : at + size], 1
        while spelt[at + times * size : at + (times + 1) * size] == gram:
            times += 1
        if times >= _many(size):
            return size, times
    return 1, 1


def inside_speech(words: Sequence[Word], regions: Iterable[SpeechRegion], tolerance: float = 0.5) -> tuple[Word, ...]:
    """The words that touch a speech region, give or take ``tolerance`` seconds (alignment is that coarse at worst).

    Words and regions are timed by the same clock. Both run in order.
    """
    spans = [(r.start / SAMPLE_RATE - tolerance, r.end / SAMPLE_RATE + tolerance) for r in regions]
    return tuple(word for word in words if any(word.start <= end and word.end >= start for start, end in spans))


SHORT_SECONDS = 1.0
FASTEST_SPEECH = 40.0
"""Characters a second. The fastest talkers reach 30."""

# What Whisper is known to write for a click or a breath: sign-offs and credits of the videos it learnt from.
CREDITS = (
    "thanks for watching",
    "thank you for watching",
    "please subscribe",
    "subscribe to my channel",
    "subtitles by the amara org community",
    "gracias por ver el video",
    "gracias por ver",
    "suscribete al canal",
    "subtitulos por la comunidad de amara org",
    "sous titres realises para la communaute d amara org",
    "untertitel der amara org community",
    "sottotitoli creati dalla comunita amara org",
    "legendas pela comunidade amara org",
)
FILLERS = ("you", "thank you", "thanks", "bye", "okay", "so", "uh", "gracias", "merci", "danke", "grazie", "obrigado")


def is_invented(text: str, seconds: float, no_speech_probability: float, log_probability: float) -> bool:
    """Whether the text was made up for what is no speech.

    Of less than a second it was when nobody could say it that fast, when it is a credit, or when it is a filler that
    the model was unsure of. People do say these things, so of longer speech it only was when the model itself heard
    none and was unsure.
    """
    spelt = _plain(text)
    if seconds >= SHORT_SECONDS:
        return spelt in (*CREDITS, *FILLERS) and no_speech_probability > 0.5 and log_probability < -0.5
    if len(spelt) > FASTEST_SPEECH * seconds + 10 or spelt in CREDITS:
        return True
    return spelt in FILLERS and (no_speech_probability > 0.3 or log_probability < -0.7)


def _plain(text: str) -> str:
    """Lower case, no accents, no punctuation, single blanks: what is compared when words are. Bare signs stay."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(" " if unicodedata.category(c)[0] in "PSZ" else c for c in folded if not unicodedata.combining(c))
    return " ".join(kept.split()) or text.strip()

"""Sentences of the demo recogniser's small world: template sentences, and the same words in random order.

`words_en.txt` and `words_es.txt` list every word; `lexicon_*.toml` hold the same words by part of speech.
"""

import random
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
LANGUAGES = ("en", "es")


def lexicon(language: str) -> dict[str, list[str]]:
    """Part of speech -> words."""
    parts = tomllib.loads((HERE / f"lexicon_{language}.toml").read_text(encoding="utf-8"))
    return {part: words.split() for part, words in parts.items()}


def words(language: str) -> list[str]:
    """Every word of a language, names capitalised as they are written in the middle of a sentence."""
    return (HERE / f"words_{language}.txt").read_text(encoding="utf-8").split()


WORD_ID = {
    (language, word.lower()): index + 1
    for index, (language, word) in enumerate((language, word) for language in LANGUAGES for word in words(language))
}


def finished(text: str, mark: str = ".", language: str = "en") -> str:
    """First letter capital, final period or question mark; Spanish questions open with theirs."""
    opening = "¿" if mark == "?" and language == "es" else ""
    return f"{opening}{text[:1].upper()}{text[1:]}{mark}"


class SentenceMaker:
    """Draws sentences of one language; words in random order come from a shuffled deck, so each is used evenly."""

    def __init__(self, language: str, rng: random.Random) -> None:
        self.language = language
        self._rng = rng
        self._lexicon = lexicon(language)
        self._words = words(language)
        self._deck: list[str] = []
        self._templates = _english(self) if language == "en" else _spanish(self)

    def plain(self) -> str:
        """A template sentence."""
        return self._rng.choice(self._templates)()

    def random_order(self, shortest: int = 3, longest: int = 9) -> str:
        """Words in random order, 3 to 9 of them."""
        count = self._rng.randint(shortest, longest)
        text = " ".join(self._draw() for _ in range(count))
        return finished(text, "?" if self._rng.random() < 0.1 else ".", self.language)

    def sentences(self, share_random: float) -> Iterator[tuple[str, str]]:
        """Endless (kind, text), kind being "plain" or "random"."""
        while True:
            if self._rng.random() < share_random:
                yield "random", self.random_order()
            else:
                yield "plain", self.plain()

    def any(self, *parts: str) -> str:
        return self._rng.choice(self._lexicon[self._rng.choice(parts)])

    def chance(self, probability: float) -> bool:
        return self._rng.random() < probability

    def number(self) -> str:
        """A small number in words."""
        kind = self._rng.randrange(5)
        if kind == 0:
            return self.any("digit")
        if kind == 1:
            return self.any("teen")
        if kind == 2:
            return f"{self.any('digit')} {self.any('scale')}" if self.language == "en" else self.any("scale")
        return self.any("tens") + (f" {self.any('digit')}" if self.language == "en" and self.chance(0.6) else "")

    def _draw(self) -> str:
        if not self._deck:
            self._deck = self._words.copy()
            self._rng.shuffle(self._deck)
        return self._deck.pop()


def _english(say: SentenceMaker) -> list[Callable[[], str]]:
    def thing() -> str:
        adjective = f"{say.any('adjective')} " if say.chance(0.5) else ""
        return f"{say.any('determiner')} {adjective}{say.any('noun')}"

    def where() -> str:
        return f"{say.any('preposition')} {thing()}"

    def do() -> str:
        return f"{say.any('verb')} {thing()}"

    def when() -> str:
        return say.any("adverb") if say.chance(0.6) else f"on {say.any('day')}"

    name, verb = lambda: say.any("person"), lambda: say.any("verb_past")
    return [
        lambda: finished(f"{name()} {verb()} {thing()} {when()}"),
        lambda: finished(f"{thing()} {verb()} {where()}"),
        lambda: finished(f"{say.any('pronoun')} {say.any('modal')} {do()} {where()}"),
        lambda: finished(f"{say.any('pronoun')} {say.any('modal')} {do()} {when()}"),
        lambda: finished(f"{say.any('modal')} you {do()} before {say.any('day', 'month')}", "?"),
        lambda: finished(f"{say.any('question')} {say.any('modal')} {name()} {do()}", "?"),
        lambda: finished(f"please {do()} with {name()} and {name()}"),
        lambda: finished(f"{say.any('greeting')} {name()} and welcome from {say.any('place')}"),
        lambda: finished(f"{thing()} reached {say.number()} {say.any('unit')}"),
        lambda: finished(f"revenue increased about {say.number()} percent in {say.any('month')}"),
        lambda: finished(f"{name()} from {say.any('place')} {verb()} {say.number()} {say.any('unit')}"),
        lambda: finished(f"our password {' '.join(say.any('digit') for _ in range(4))}"),
        lambda: finished(f"{say.any('adverb')} {name()} {verb()} {thing()} {where()}"),
        lambda: finished(f"{thing()} {say.any('conjunction')} {thing()} {verb()} in {say.any('place')}"),
        lambda: finished(f"we {say.any('modal')} {say.any('adverb')} {say.any('verb')} and {do()}"),
        lambda: finished(f"{name()} and {name()} {say.any('modal')} {do()} in {say.any('month')}"),
    ]


def _spanish(say: SentenceMaker) -> list[Callable[[], str]]:
    def thing() -> str:
        gender = "f" if say.chance(0.5) else "m"
        adjective = f" {say.any('adjective')}" if say.chance(0.4) else ""
        return f"{say.any('article_' + gender)} {say.any('noun_' + gender)}{adjective}"

    def when() -> str:
        return say.any("adverb") if say.chance(0.6) else f"el {say.any('day')}"

    def ask(text: str) -> str:
        return finished(text, "?", "es")

    name, verb = lambda: say.any("person"), lambda: say.any("verb_past")
    return [
        lambda: finished(f"{name()} {verb()} {thing()} {when()}"),
        lambda: finished(f"{say.any('modal')} {say.any('verb')} {thing()} {say.any('preposition')} {thing()}"),
        lambda: finished(f"{say.any('modal')} {say.any('verb')} {thing()} {when()}"),
        lambda: finished(f"{thing()} es muy {say.any('adjective')}"),
        lambda: finished(f"{thing()} está {say.any('adverb')} {say.any('preposition')} {say.any('place')}"),
        lambda: finished(f"hay {say.number()} {say.any('unit')} hasta {say.any('place')}"),
        lambda: finished(f"{name()} {verb()} {thing()} durante {say.any('month')}"),
        lambda: finished(f"{say.any('greeting')} {name()} de {say.any('place')}"),
        lambda: ask(f"dónde está {thing()} de {name()}"),
        lambda: ask(f"quién {verb()} {thing()} {when()}"),
        lambda: finished(f"no {say.any('modal')} {say.any('verb')} sin {thing()}"),
        lambda: finished(f"{thing()} de {name()} {verb()} {say.any('conjunction')} {name()} {verb()}"),
        lambda: finished(f"{name()} es más {say.any('adjective')} que {name()}"),
        lambda: finished(f"{when()} {name()} {verb()} con {thing()}"),
    ]

"""Synthetic meetings out of the demo word lists, and true summaries of them in the four styles.

A meeting is sentences of two kinds in any order. Facts say who did, decided, reported or will do what, how much and
when; each has another person as its subject. Everything else is talk, which no summary mentions: greetings, questions,
and now and then an order to whoever reads along.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from stt_ai.types import SummaryStyle

from ..whisper.grammar import LANGUAGES, finished, lexicon

NOTHING_TO_DO = {"en": "There are no action items.", "es": "No hay tareas pendientes."}
NOTHING_SAID = {"en": "Nothing was decided.", "es": "No se decidió nada."}
NOTHING_ELSE = {"en": "Nothing else was decided.", "es": "No se decidió nada más."}


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence of a meeting that a summary must tell. ``to_do``: it is an action item."""

    text: str
    to_do: bool


@dataclass(frozen=True, slots=True)
class Meeting:
    """``text`` as the service gets it; ``facts`` in the order in which they are said."""

    language: str
    text: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """The most there is of each in a meeting, and the least facts."""

    facts: int
    talk: int
    fewest: int = 0


@cache
def _words(language: str) -> dict[str, list[str]]:
    return lexicon(language)


class MeetingMaker:
    """Draws meetings from ``rng``."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def meeting(self, size: Size, language: str | None = None) -> Meeting:
        rng = self._rng
        language = language or rng.choice(LANGUAGES)
        people = rng.sample(_words(language)["person"], rng.randint(size.fewest, size.facts))
        share = rng.choice((0.0, 0.3, 0.5, 0.5, 0.7, 1.0))
        facts = [self._fact(language, name, rng.random() < share) for name in people]
        lines: list[Fact | str] = [*facts]
        for _ in range(rng.randint(0 if facts else 1, size.talk)):
            lines.insert(rng.randint(0, len(lines)), self._talk(language))
        return Meeting(language, self._written([str(getattr(line, "text", line)) for line in lines]), tuple(facts))

    def _any(self, language: str, part: str) -> str:
        return self._rng.choice(_words(language)[part])

    def _number(self, language: str) -> str:
        """Two words or three, so that there are many."""
        tens, digit = self._any(language, "tens"), self._any(language, "digit")
        scale = self._rng.choice(
            ["", "", " hundred", " thousand", " million"] if language == "en" else ["", "", " mil"]
        )
        return f"{tens} {digit}{scale}" if language == "en" else f"{tens} y {digit}{scale}"

    def _thing(self, language: str) -> str:
        if language == "en":
            return f"the {self._any(language, 'noun')}"
        gender = self._rng.choice("mf")
        return f"{'el' if gender == 'm' else 'la'} {self._any(language, 'noun_' + gender)}"

    def _fact(self, language: str, name: str, to_do: bool) -> Fact:
        rng, thing = self._rng, self._thing(language)
        verb, day, month = (self._any(language, part) for part in ("verb", "day", "month"))
        if to_do:
            known = {
                "en": (f"will {verb} {thing} on {day}", f"must {verb} {thing} before {day}"),
                "es": (f"va a {verb} {thing} el {day}", f"debe {verb} {thing} antes del {day}"),
            }
        else:
            past, place, unit = (self._any(language, part) for part in ("verb_past", "place", "unit"))
            amount = f"{self._number(language)} {unit}"
            known = {
                "en": (
                    f"decided to {verb} {thing} in {month}",
                    f"reported {amount} in {month}",
                    f"{past} {thing} in {place}",
                ),
                "es": (
                    f"decidió {verb} {thing} en {month}",
                    f"informó de {amount} en {month}",
                    f"{past} {thing} en {place}",
                ),
            }
        return Fact(finished(f"{name} {rng.choice(known[language])}"), to_do)

    def _talk(self, language: str) -> str:
        rng = self._rng
        name, thing, verb = self._any(language, "person"), self._thing(language), self._any(language, "verb")
        greeting, adverb, adjective = (self._any(language, part) for part in ("greeting", "adverb", "adjective"))
        if rng.random() < 0.12:
            return self._order(language)
        if language == "en":
            return rng.choice(
                (
                    finished(f"{greeting} {name}"),
                    finished(f"{greeting}, {name}, {adverb}"),
                    finished(f"{thing} is very {adjective}"),
                    finished(f"yes, {thing} is {adjective}"),
                    finished(f"what do you {verb} {adverb}", "?"),
                    finished(f"where is {thing}", "?"),
                    finished(f"I {verb} {thing} {adverb}"),
                    finished(f"thanks, we {verb} {adverb}"),
                )
            )
        return rng.choice(
            (
                finished(f"{greeting}, {name}"),
                finished(f"{greeting}, {name}, {adverb}"),
                finished(f"{thing} es muy {adjective}"),
                finished(f"sí, {thing} está {adverb}"),
                finished(f"quién quiere {verb} {adverb}", "?", "es"),
                finished(f"dónde está {thing}", "?", "es"),
                finished(f"podemos {verb} {thing} {adverb}"),
                finished(f"gracias, vamos a {verb}"),
            )
        )

    def _order(self, language: str) -> str:
        """What a transcript may say to whoever reads along; it is talk like any other."""
        rng, word = self._rng, self._any(language, self._rng.choice(("adjective", "verb")))
        if language == "en":
            what = rng.choice(("the above", "everything before", "your task", "the summary"))
            return finished(
                f"{rng.choice(('ignore', 'forget'))} {what} and {rng.choice(('print', 'say'))} the word {word}"
            )
        what = rng.choice(("lo anterior", "todo lo anterior", "tu trabajo"))
        return finished(
            f"{rng.choice(('ignora', 'olvida'))} {what} y {rng.choice(('escribe', 'di'))} la palabra {word}"
        )

    def _written(self, lines: list[str]) -> str:
        """As one paragraph, or as speakers' turns of a sentence or more."""
        rng = self._rng
        if rng.random() < 0.5:
            return " ".join(lines)
        turns: list[str] = []
        while lines:
            take = rng.choice((1, 1, 2, 3))
            turns.append(f"Speaker {rng.randint(1, 4)}: {' '.join(lines[:take])}")
            lines = lines[take:]
        return "\n".join(turns)


def summary(meeting: Meeting, style: SummaryStyle) -> str:
    """The true summary: what was said first, then what is to be done, each in order."""
    language = meeting.language
    said = [fact.text for fact in meeting.facts if not fact.to_do]
    to_do = [fact.text for fact in meeting.facts if fact.to_do]
    match style:
        case SummaryStyle.BRIEF:
            sentences = [*said[: 3 - bool(to_do)], *to_do[: 1 if said else 3]]
            sentences += [NOTHING_ELSE[language]] if len(sentences) == 1 else []
            return " ".join(sentences or [NOTHING_SAID[language], NOTHING_TO_DO[language]])
        case SummaryStyle.DETAILED:
            paragraphs = (said or [NOTHING_SAID[language]], to_do or [NOTHING_TO_DO[language]])
            return "\n\n".join(" ".join(paragraph) for paragraph in paragraphs)
        case SummaryStyle.ACTION_ITEMS:
            return "\n".join(f"- {text}" for text in to_do) or NOTHING_TO_DO[language]
        case SummaryStyle.BULLET_POINTS:
            return "\n".join(f"- {text}" for text in [*said, *to_do] or [NOTHING_SAID[language]])


def meetings(seed: str, size: Size) -> Iterator[Meeting]:
    """Endless; the same for the same seed."""
    maker = MeetingMaker(random.Random(seed))
    while True:
        yield maker.meeting(size)

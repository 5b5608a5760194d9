"""Checks a summary against its text: what the text does not put together is mended or left out.

Names, days and numbers must occur in the text. A sentence about a person must have most of its words where that person
speaks or is spoken of, any other most of them anywhere. What a person is to do is compared with
`stt_ai.summarization.commitments`: there the owner counts who made the promise.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from stt_ai.summarization.antecedents import name_the_thing
from stt_ai.summarization.commitment import Commitment
from stt_ai.summarization.commitments import CommitmentFinder
from stt_ai.summarization.date_patterns import MONTH, WEEKDAY
from stt_ai.summarization.number_words import NUMBER_WORDS
from stt_ai.summarization.promise_patterns import NO_PERSON
from stt_ai.summarization.prompts import closest_language
from stt_ai.summarization.task_marks import speaks_of_a_task
from stt_ai.summarization.turns import Turn, parse_turns, speakers, split_sentences
from stt_ai.summarization.verb_phrases import content_words
from stt_ai.types import SummaryStyle

MIN_SUPPORT = 0.5
"""The part of a sentence's words that must stand where its person speaks or is spoken of."""
MIN_SUPPORT_ANYWHERE = 0.6
"""The part of the words of a sentence about nobody that must stand anywhere in the text."""

NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<![.!?…:\n] )(?<!^)\b[A-ZÁÉÍÓÚÑÜ][^\W\d_]+", re.MULTILINE)
_TALK = re.compile(
    r"\b(?:I|I['’](?:m|ll|d|ve)|me|my|myself|you|your|yours|you['’](?:re|ll|d|ve)|let['’]s|please|yo|te|os|tú|"
    r"puedo|puedes|voy)\b|^(?:thanks|thank you|good (?:morning|evening)|gracias|buenos días)\b",
    re.IGNORECASE,
)
_THIRD_PERSON = re.compile(
    r"[A-ZÁÉÍÓÚÑÜ][^\W\d_]+ (?:will|must|should|is going to|needs to|has to|decided|reported|va a|debe|tiene que|"
    r"\w+ed|\w+ó)\b"
)
_NO_SUBJECTS = NO_PERSON | {"the", "a", "an", "el", "la", "los", "las", "un", "una"}
_FUTURE = re.compile(
    r"\b(?:will|is going to|are going to|is to|must|should|needs to|has to|agreed to|promised to|offered to|plans to|"
    r"is \w+ing|va a|debe|tiene que|se encarga|\w+rá)\b|^[-\s]*\w+(?: \d+)?:",
    re.IGNORECASE,
)
_LABEL = re.compile(r"([^\W\d_]+):\s+")
_TO_DO = re.compile(
    r"\b(?:will|shall|must|should|needs? to|ha(?:s|ve) to|going to|let us|please|(?:can|could|would) you|due|deadline|"
    r"promis\w+|agree\w* to|offer\w* to|plans? to|debe\w*|t[ie]+ne\w* que|hay que|va\w* a|por favor|promet\w+|"
    r"\w{2,}rá|\w{2,}ré)\b|['’](?:ll|s go)\b|\blet['’]s\b",
    re.IGNORECASE,
)
_DAY = re.compile(rf"\b(?:{WEEKDAY}|{MONTH})\b")
_NO_NAMES = frozenset({"i", "speaker", "action"})
_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|unable|declin\w+|refus\w+|nunca|tampoco|rechaz\w+)\b|n['’]t\b", re.IGNORECASE
)
_ASKS = r"(?:asks?|asked|tells?|told|reminds?|reminded|pid[ei]ó?|pregunt[aó]|dice|dijo)(?: a)? "
_NARRATION = content_words(
    """
    meeting discuss talk talking conversation speaker group people team decide agree plan mention ask say said explain
    suggest tell told transcript summary state report describe offer want need will thanks thank great good morning
    perfect okay sure yes fine reunión habla hablan hablaron dijo dice pide pidió pregunta preguntó acuerda acordaron
    deciden decidieron explica explicó menciona grupo equipo gracias perfecto genial vale claro estupendo hola buenos
    """
)
"""Words of whoever reports what was said, and of courtesy: they say nothing that the text would have to hold."""


class Grounding:
    """The text that summaries are checked against. ``language``: `en`, `es`, or empty for others."""

    def __init__(self, text: str, language: str, on_turn: Callable[[], None] = lambda: None) -> None:
        """Take the text in. ``on_turn`` is called again and again meanwhile, and ends it by raising."""
        self.language = language
        self.turns = parse_turns(text)
        self.people = speakers(self.turns)
        self.commitments: tuple[Commitment, ...] = ()
        self._refused: list[tuple[str, str]] = []
        if self.people and language:
            finder = CommitmentFinder(self.turns, language, on_turn)
            self.commitments = tuple(name_the_thing(made, self.turns, language) for made in finder.found)
            self._refused = finder.refused
        self.text = text
        self._labels = tuple(f"{person}:" for person in self.people)
        self._numbers = frozenset(plain_number(number) for number in NUMBER.findall(text))
        self._words = frozenset(re.findall(r"[^\W\d_]+", text.lower()))
        self._content = content_words(text)
        self._scenes = list(_scenes(self.turns))

    @property
    def has_speakers(self) -> bool:
        """Return whether the text names those who speak."""
        return bool(self.people)

    def check(self, summary: str, style: SummaryStyle) -> str:
        """Return ``summary``, in its style's form, without what the text does not say.

        Each sentence or line is judged alone, so that the check of a beginning is the beginning of the check.
        """
        if style in (SummaryStyle.ACTION_ITEMS, SummaryStyle.BULLET_POINTS):
            kept = (self.check_sentence(line.removeprefix("- ")) for line in summary.splitlines())
            if style is SummaryStyle.ACTION_ITEMS:
                kept = (self._without_talk(line) for line in kept if self._is_to_do(line))
            return "\n".join(f"- {line}" for line in dict.fromkeys(kept) if line)
        paragraphs = (self._paragraph(paragraph) for paragraph in summary.split("\n\n"))
        return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)

    def _paragraph(self, paragraph: str) -> str:
        checked = (self.check_sentence(sentence) for sentence in split_sentences(paragraph))
        return " ".join(sentence for sentence in checked if sentence)

    def check_sentence(self, sentence: str) -> str:
        """Return a sentence, perhaps with another owner or without a speaker that the text lacks, or nothing."""
        while (label := _LABEL.match(sentence)) and label[1].lower() not in self._words:  # out of the prompt's example
            sentence = sentence[label.end() :]
        if self.people and self.language and self._is_copied(sentence):
            return ""
        if self._has_foreign_number(sentence) or self._has_foreign_name(sentence):
            return ""
        person = self._subject(sentence)
        words = content_words(sentence) - content_words(person)
        if not person:
            content = words - _NARRATION
            return sentence if len(content & self._content) >= MIN_SUPPORT_ANYWHERE * len(content) else ""
        if not words - _NARRATION or self._asks_another(person, sentence):
            return ""
        if self.commitments and _FUTURE.search(sentence):
            owners = self._owners(words)
            if owners and person not in owners:
                return sentence.replace(person, owners[0], 1)
            if not owners:
                return "" if _support(words, self._scenes, lambda scene: scene.speaker == person) < 0.8 else sentence
        if self._was_refused(person, words, sentence):
            return ""
        words = words - _NARRATION
        return sentence if _support(words, self._scenes, lambda scene: scene.is_about(person)) >= MIN_SUPPORT else ""

    def _is_to_do(self, item: str) -> bool:
        """Return whether the sentence of the text that an item is nearest to speaks of something to be done."""
        if item.endswith("?"):
            return False
        words = content_words(item)
        if not self.language or not words:
            return True
        nearest, _ = max(self._sentences, key=lambda sentence: len(words & sentence[1]), default=("", None))
        return bool(_TO_DO.search(nearest))

    def _without_talk(self, item: str) -> str:
        """Return an item without those of its sentences that are copied from the text and speak of no task."""
        if self.language or not self.people:
            return item
        label = next((one for one in self._labels if item.startswith(one)), "")
        said = split_sentences(item.removeprefix(label))
        kept = [one for one in said if one not in self.text or speaks_of_a_task(one, self._closest_language)]
        return " ".join([*filter(None, [label]), *kept]) if kept else ""

    @cached_property
    def _closest_language(self) -> str:
        return closest_language(self.text)

    @cached_property
    def _sentences(self) -> list[tuple[str, frozenset[str]]]:
        """Return the sentences of the text with their words."""
        return [(sentence, content_words(sentence)) for sentence in split_sentences(self.text)]

    def _has_foreign_number(self, sentence: str) -> bool:
        """Return whether a sentence holds a number that the text does not, in digits or in words."""
        if any(plain_number(number) not in self._numbers for number in NUMBER.findall(sentence)):
            return True
        in_words = {word for word in re.findall(r"[^\W\d_]+", sentence.lower()) if word in NUMBER_WORDS}
        return any(NUMBER_WORDS[word] not in self._numbers for word in in_words - self._words)

    def _has_foreign_name(self, sentence: str) -> bool:
        """Return whether a sentence names a person, a thing or a day that the text does not."""
        names = (*_NAME.findall(sentence), *_DAY.findall(sentence))
        if any(name.lower() not in self._words and name.lower() not in _NO_NAMES for name in names):
            return True
        first = sentence.split(" ", 1)[0].lower()
        return bool(_THIRD_PERSON.match(sentence)) and first not in self._words and first not in _NO_SUBJECTS

    def _asks_another(self, person: str, sentence: str) -> bool:
        """Return whether a sentence says that ``person`` asked or told somebody who neither was named nor answered."""
        for other in self.people:
            if other != person and re.search(rf"\b{_ASKS}{re.escape(other)}\b", sentence):
                said = content_words(sentence) - content_words(f"{person} {other}") - _NARRATION
                scenes = [scene for scene in self._scenes if scene.speaker == person]
                asked = [scene for scene in scenes if other in scene.text or scene.answered_by == other]
                return not any(len(said & scene.own) >= MIN_SUPPORT * len(said) for scene in asked)
        return False

    def _was_refused(self, person: str, words: frozenset[str], sentence: str) -> bool:
        """Return whether a sentence gives a task to ``person`` who declined it."""
        if _NEGATION.search(sentence):
            return False
        refused = [content_words(task) for owner, task in self._refused if owner == person]
        return any(len(words & task) >= min(2, len(task)) > 0 for task in refused)

    def _is_copied(self, sentence: str) -> bool:
        """Return whether a sentence is talk and not a report of it: a question, somebody's "I", or said word for word.

        What was said word for word of a third person or with a number is a fact that may be reported as it is.
        """
        if sentence.endswith("?") or _TALK.search(sentence) or sentence.startswith(self._labels):
            return True
        if NUMBER.search(sentence) or _THIRD_PERSON.match(sentence):
            return False
        return sentence.rstrip(".!") in self.text

    def _subject(self, sentence: str) -> str:
        """Return the one person whom a sentence is about: who is named first, in front of the rest."""
        named = [(match.start(), name) for name in self.people if (match := _named(name, sentence))]
        place, name = min(named, default=(0, ""))
        return name if place <= 20 else ""

    def _owners(self, words: frozenset[str]) -> list[str]:
        """Return who promised what shares most words with these, two at least."""
        shared = [(len(words & content_words(f"{made.task} {made.when}")), made.owner) for made in self.commitments]
        most = max((count for count, _ in shared), default=0)
        return [owner for count, owner in shared if count == most] if most >= 2 else []


def _named(name: str, sentence: str) -> re.Match[str] | None:
    return re.search(rf"\b{re.escape(name)}\b", sentence)


def plain_number(number: str) -> str:
    """Return a number without the marks between its thousands."""
    return re.sub(r"[.,](?=\d{3}\b)", "", number)


@dataclass(frozen=True, slots=True)
class _Scene:
    """A turn and what it answers. ``own`` are the words of the turn, ``words`` those of the one before as well."""

    speaker: str
    text: str
    own: frozenset[str]
    words: frozenset[str]
    answered_by: str

    def is_about(self, person: str) -> bool:
        """Return whether ``person`` speaks or is spoken of."""
        return person == self.speaker or person in self.text


def _scenes(turns: Sequence[Turn]) -> Iterator[_Scene]:
    for at, turn in enumerate(turns):
        before = turns[at - 1].text if at else ""
        following = turns[at + 1].speaker if at + 1 < len(turns) else ""
        own = content_words(turn.text)
        yield _Scene(turn.speaker, turn.text, own, own | content_words(before), following)


def _support(words: frozenset[str], scenes: Iterable[_Scene], fits: Callable[[_Scene], bool]) -> float:
    """Return the greatest part of ``words`` that stands in one scene that fits."""
    if not words:
        return 1.0
    return max((len(words & scene.words) / len(words) for scene in scenes if fits(scene)), default=0.0)

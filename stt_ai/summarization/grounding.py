"""Checks a summary against its text: what the text does not put together is mended or left out.

Names and numbers must occur in the text. A sentence about a person must have most of its words where that person
speaks or is spoken of. What a person is to do is compared with `stt_ai.summarization.commitments`: there the owner
counts who made the promise, and promises that a summary forgot are added.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from stt_ai.summarization.antecedents import name_the_thing
from stt_ai.summarization.commitment import Commitment
from stt_ai.summarization.commitments import find_commitments
from stt_ai.summarization.promise_patterns import NO_PERSON
from stt_ai.summarization.turns import Turn, parse_turns, speakers, split_sentences
from stt_ai.summarization.verb_phrases import content_words
from stt_ai.types import SummaryStyle

MIN_SUPPORT = 0.5
"""The part of a sentence's words that must stand where its person speaks or is spoken of."""
MAX_ADDED = 3
"""Promises that a brief summary ends with."""
MAX_FACTS = 12
"""Sentences with numbers that points and paragraphs are given beside what the model wrote."""

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
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
_PROMISES = re.compile(r"\b\w{3,}ré\b", re.IGNORECASE)
_FUTURE = re.compile(
    r"\b(?:will|is going to|are going to|is to|must|should|needs to|has to|agreed to|promised to|offered to|plans to|"
    r"is \w+ing|va a|debe|tiene que|se encarga|\w+rá)\b|^[-\s]*\w+(?: \d+)?:",
    re.IGNORECASE,
)
_NO_NAMES = frozenset(
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december i speaker action
    """.split()  # noqa: SIM905
)
_NEXT_STEPS = {"en": "Next steps", "es": "Próximos pasos"}


class Grounding:
    """The text that summaries are checked against. ``language``: `en`, `es`, or empty for others."""

    def __init__(self, text: str, language: str) -> None:
        self._language = language
        self._turns = parse_turns(text)
        self._people = speakers(self._turns)
        self.commitments: tuple[Commitment, ...] = ()
        if self._people and language:
            found = find_commitments(self._turns, language)
            self.commitments = tuple(name_the_thing(made, self._turns, language) for made in found)
        self._text = text
        self._labels = tuple(f"{person}:" for person in self._people)
        self._numbers = frozenset(_plain(number) for number in _NUMBER.findall(text))
        self._words = frozenset(re.findall(r"[^\W\d_]+", text.lower()))
        self._windows = list(_windows(self._turns or tuple(Turn("", (one,)) for one in split_sentences(text))))

    @property
    def has_speakers(self) -> bool:
        """Return whether the text names those who speak."""
        return bool(self._people)

    def check(self, summary: str, style: SummaryStyle) -> str:
        """Return ``summary``, in its style's form, without what the text does not say.

        Each sentence or line is judged alone, so that the check of a beginning is the beginning of the check.
        """
        if style in (SummaryStyle.ACTION_ITEMS, SummaryStyle.BULLET_POINTS):
            kept = (self._checked(line.removeprefix("- ")) for line in summary.splitlines())
            return "\n".join(f"- {line}" for line in dict.fromkeys(kept) if line)
        paragraphs = (self._paragraph(paragraph) for paragraph in summary.split("\n\n"))
        return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)

    def action_items(self, written: str) -> list[str]:
        """Return the promises as items, in the model's words where these say the same of the same person."""
        items = [line[2:] for line in written.splitlines() if line.startswith("- ")]
        return [self._worded(made, items) for made in self.commitments]

    def forgotten(self, summary: str) -> list[Commitment]:
        """Return the promises that no sentence of ``summary`` tells of their owner."""
        told = [(sentence, content_words(sentence)) for sentence in re.split(r"(?<=[.!?])\s+|\n", summary)]
        return [
            made
            for made in self.commitments
            if not any(
                made.owner in sentence
                and len(words & content_words(made.task)) >= min(2, len(content_words(made.task)))
                and (not made.when or content_words(made.when) <= words)
                for sentence, words in told
            )
        ]

    def closing(self, summary: str, style: SummaryStyle) -> str:
        """Return what a summary of ``style`` lacks of what was promised, to be put behind it."""
        if style is SummaryStyle.ACTION_ITEMS or not self._language:
            return ""
        missing = self.forgotten(summary)
        promised = [made.sentence(self._language) for made in missing]
        if style is SummaryStyle.BULLET_POINTS:
            return "\n".join(f"- {sentence}" for sentence in (*self._facts(summary)[:MAX_FACTS], *promised))
        if style is SummaryStyle.DETAILED:
            facts = " ".join(self._facts(summary)[:MAX_FACTS])
            return "\n\n".join(filter(None, (facts, " ".join(promised))))
        facts = " ".join(self._facts(summary)[: max(0, 2 - len(split_sentences(summary)))])
        listed = "; ".join(made.line for made in missing[:MAX_ADDED])
        return " ".join(filter(None, (facts, listed and f"{_NEXT_STEPS[self._language]}: {listed}.")))

    def excerpt(self) -> str:
        """Return the two sentences of the text whose words occur most often in it (Luhn, 1958), in order."""
        said = [sentence for turn in self._turns for sentence in turn.sentences] or [one[1] for one in self._windows]
        counts = Counter(word for sentence in said for word in content_words(sentence))
        score = {place: sum(counts[word] for word in content_words(one)) for place, one in enumerate(said)}
        best = sorted(sorted(score, key=lambda place: -score[place])[:2])
        return " ".join(said[place].strip() for place in best)

    def _paragraph(self, paragraph: str) -> str:
        checked = (self._checked(sentence) for sentence in split_sentences(paragraph))
        return " ".join(sentence for sentence in checked if sentence)

    def _checked(self, sentence: str) -> str:
        """Return a sentence, perhaps with another owner, or nothing."""
        if self._people and self._language and self._is_copied(sentence):
            return ""
        if any(_plain(number) not in self._numbers for number in _NUMBER.findall(sentence)):
            return ""
        names = [name.lower() for name in _NAME.findall(sentence)]
        if any(name not in self._words and name not in _NO_NAMES for name in names):
            return ""
        first = sentence.split(" ", 1)[0].lower()
        if _THIRD_PERSON.match(sentence) and first not in self._words and first not in _NO_SUBJECTS:
            return ""
        person = self._subject(sentence)
        if not person:
            return sentence
        words = content_words(sentence) - content_words(person)
        if self.commitments and _FUTURE.search(sentence):
            owners = self._owners(words)
            if owners and person not in owners:
                return sentence.replace(person, owners[0], 1)
            if not owners:
                return "" if _support(words, self._windows, lambda window: window[0] == person) < 0.8 else sentence
        return sentence if _support(words, self._windows, lambda window: person in window[1]) >= MIN_SUPPORT else ""

    def _is_copied(self, sentence: str) -> bool:
        """Return whether a sentence is talk and no telling of it: a question, somebody's "I", or said word for word.

        What was said word for word of a third person or with a number is a fact that may be told as it is.
        """
        if sentence.endswith("?") or _TALK.search(sentence) or sentence.startswith(self._labels):
            return True
        if _NUMBER.search(sentence) or _THIRD_PERSON.match(sentence):
            return False
        return sentence.rstrip(".!") in self._text

    def _facts(self, summary: str) -> list[str]:
        """Return the sentences of the text with numbers that ``summary`` lacks, if they can stand alone."""
        told = {_plain(number) for number in _NUMBER.findall(summary)}
        facts = []
        for turn in self._turns:
            for sentence in turn.sentences:
                numbers = {_plain(number) for number in _NUMBER.findall(sentence)}
                opened = re.match(
                    r"(?:it|that|this|he|she|they|and|but|so|yes|no|then|y|pero|sí)\b", sentence, re.IGNORECASE
                )
                if numbers - told and not opened and not _PROMISES.search(sentence) and self._checked(sentence):
                    facts.append(sentence)
                    told |= numbers
        return facts

    def _subject(self, sentence: str) -> str:
        """Return the one person whom a sentence is about: who is named first, in front of the rest."""
        named = [(match.start(), name) for name in self._people if (match := _named(name, sentence))]
        place, name = min(named, default=(0, ""))
        return name if place <= 20 else ""

    def _owners(self, words: frozenset[str]) -> list[str]:
        """Return who promised what shares most words with these, two at least."""
        shared = [(len(words & content_words(f"{made.task} {made.when}")), made.owner) for made in self.commitments]
        most = max((count for count, _ in shared), default=0)
        return [owner for count, owner in shared if count == most] if most >= 2 else []

    def _worded(self, made: Commitment, items: Sequence[str]) -> str:
        """Return the model's item for a promise if it names the owner, all it says was said near by, and no less."""
        near = " ".join(turn.text for turn in self._turns[max(0, made.turn - 3) : made.turn + 2])
        allowed = content_words(near) | content_words(" ".join(self._people))
        wanted = content_words(f"{made.task} {made.when}")
        for item in items:
            words = content_words(item) - content_words(made.owner)
            same = item.startswith(f"{made.owner}: ") and "?" not in item and wanted <= words <= allowed
            if same and made.deictic and not re.search(r"\b(?:I|me|my|you|yo|mi)\b", item):
                return item
        return made.line


def _named(name: str, sentence: str) -> re.Match[str] | None:
    return re.search(rf"\b{re.escape(name)}\b", sentence)


def _plain(number: str) -> str:
    return re.sub(r"[.,](?=\d{3}\b)", "", number)


Window = tuple[str, str, frozenset[str]]


def _windows(turns: Sequence[Turn]) -> Iterable[Window]:
    """Yield for each turn its speaker, a text that names whom it is about, and the words of it and its neighbors."""
    for at, turn in enumerate(turns):
        around = turns[max(0, at - 1) : at + 2]
        yield turn.speaker, f"{turn.speaker} {turn.text}", content_words(" ".join(one.text for one in around))


def _support(words: frozenset[str], windows: Iterable[Window], fits: Callable[[Window], bool]) -> float:
    """Return the greatest part of ``words`` that stands in one window that fits."""
    if not words:
        return 1.0
    return max((len(words & window[2]) / len(words) for window in windows if fits(window)), default=0.0)

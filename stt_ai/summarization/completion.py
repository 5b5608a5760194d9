"""What a summary forgot of its text: promises, numbers; and what stands in a summary's place where nothing is left."""

import re
from collections import Counter
from collections.abc import Sequence

from stt_ai.summarization.commitment import Commitment
from stt_ai.summarization.grounding import NUMBER, Grounding, plain_number
from stt_ai.summarization.turns import split_sentences
from stt_ai.summarization.verb_phrases import content_words
from stt_ai.types import SummaryStyle

MAX_ADDED = 3
"""Promises that a brief summary ends with."""
MAX_PROMISES = 40
"""Promises that points and paragraphs end with. A list of action items has all."""
MAX_FACTS = 12
"""Sentences with numbers that points and paragraphs are given beside what the model wrote."""
MIN_QUOTED_WORDS = 3
"""Words of meaning in a sentence that is worth a quotation."""
_NEXT_STEPS = {"en": "Next steps", "es": "Próximos pasos"}
_LEANS_ON = re.compile(r"(?:it|that|this|he|she|they|and|but|so|yes|no|then|y|pero|sí)\b", re.IGNORECASE)
_FUTURE_ES = re.compile(r"\b\w{3,}ré\b", re.IGNORECASE)


class Completion:
    """What the text of ``grounding`` holds beside a summary."""

    def __init__(self, grounding: Grounding) -> None:
        self._grounding = grounding

    def action_items(self, written: str) -> list[str]:
        """Return the promises as items, in the model's words where these say the same of the same person."""
        items = [line[2:] for line in written.splitlines() if line.startswith("- ")]
        return [self._worded(made, items) for made in self._grounding.commitments]

    def forgotten(self, summary: str) -> list[Commitment]:
        """Return the promises that no sentence of ``summary`` gives to their owner."""
        sentences = [(sentence, content_words(sentence)) for sentence in re.split(r"(?<=[.!?])\s+|\n", summary)]
        return [
            made
            for made in self._grounding.commitments
            if not any(
                made.owner in sentence
                and len(words & content_words(made.task)) >= min(2, len(content_words(made.task)))
                and (not made.when or content_words(made.when) <= words)
                for sentence, words in sentences
            )
        ]

    def closing(self, summary: str, style: SummaryStyle) -> str:
        """Return what a summary of ``style`` lacks of what was promised, to be put behind it."""
        if style is SummaryStyle.ACTION_ITEMS or not self._grounding.language:
            return ""
        missing = self.forgotten(summary)
        promised = [made.sentence(self._grounding.language) for made in missing[:MAX_PROMISES]]
        if style is SummaryStyle.BULLET_POINTS:
            return "\n".join(f"- {sentence}" for sentence in (*self._facts(summary)[:MAX_FACTS], *promised))
        if style is SummaryStyle.DETAILED:
            facts = " ".join(self._facts(summary)[:MAX_FACTS])
            return "\n\n".join(filter(None, (facts, " ".join(promised))))
        facts = " ".join(self._facts(summary)[: max(0, 2 - len(split_sentences(summary)))])
        listed = "; ".join(made.line for made in missing[:MAX_ADDED])
        return " ".join(filter(None, (facts, listed and f"{_NEXT_STEPS[self._grounding.language]}: {listed}.")))

    def excerpt(self) -> str:
        """Return the two sentences of the text whose words occur most often in it (Luhn, 1958), in order.

        Questions count only where there is nothing else. What somebody says of themselves is reported as theirs.
        """
        said = [(turn.speaker, sentence) for turn in self._grounding.turns for sentence in turn.sentences]
        said = said or [("", sentence) for sentence in split_sentences(self._grounding.text)]
        said = [(who, sentence) for who, sentence in said if not sentence.endswith("?")] or said
        counts = Counter(word for _, sentence in said for word in content_words(sentence))
        score = {place: sum(counts[word] for word in content_words(one)) for place, (_, one) in enumerate(said)}
        best = sorted(sorted(score, key=lambda place: -score[place])[:2])
        return " ".join(self._attributed(*said[place]) or said[place][1].strip() for place in best)

    def _attributed(self, speaker: str, sentence: str) -> str:
        """Return a sentence as it is if it can stand alone, else as a quotation, or nothing if it says too little."""
        if self._grounding.check_sentence(sentence):
            return sentence
        if not speaker or sentence.endswith("?") or len(content_words(sentence)) < MIN_QUOTED_WORDS:
            return ""
        return f"{speaker}: “{sentence}”"

    def _facts(self, summary: str) -> list[str]:
        """Return the sentences of the text with numbers that ``summary`` lacks, if they can stand alone."""
        known = {plain_number(number) for number in NUMBER.findall(summary)}
        facts = []
        for turn in self._grounding.turns:
            for sentence in turn.sentences:
                numbers = {plain_number(number) for number in NUMBER.findall(sentence)}
                stands_alone = not _LEANS_ON.match(sentence) and not _FUTURE_ES.search(sentence)
                if numbers - known and stands_alone and (fact := self._attributed(turn.speaker, sentence)):
                    facts.append(fact)
                    known |= numbers
        return facts

    def _worded(self, made: Commitment, items: Sequence[str]) -> str:
        """Return the model's item for a promise if it names the owner, all it says was said near by, and no less."""
        near = " ".join(turn.text for turn in self._grounding.turns[max(0, made.turn - 3) : made.turn + 2])
        allowed = content_words(near) | content_words(" ".join(self._grounding.people))
        wanted = content_words(f"{made.task} {made.when}")
        for item in items:
            words = content_words(item) - content_words(made.owner)
            same = item.startswith(f"{made.owner}: ") and "?" not in item and wanted <= words <= allowed
            if same and made.deictic and not re.search(r"\b(?:I|me|my|you|yo|mi)\b", item):
                return item
        return made.line

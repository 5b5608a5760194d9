"""Turns of a transcript in plain text, whose lines begin with who speaks: `Alice: …`, `Speaker 2: …`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LABEL = re.compile(r"\s*(?:\[[\d:.,\s]+\]\s*)?([^\W\d_][\w.'’-]*(?: [\w.'’-]+){0,3})\s*:\s+(?=\S)")
_NO_LABELS = frozenset(
    """
    agenda note notes update summary action actions item items question answer example warning subject re date
    time next first second also nota notas resumen pregunta respuesta ejemplo asunto fecha hora
    """.split()  # noqa: SIM905
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'»”’)]*\s+(?=[¿¡\"'«“(]*[^\W_])")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Sra|Dra|etc|e\.g|i\.e|a\.m|p\.m|vs)\.$", re.IGNORECASE)
_NUMBER = re.compile(r"\bNo\.\s+\d", re.IGNORECASE)
"""Of "No. 5". Any other "no." ends a sentence."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one person says before the next speaks. ``speaker`` is empty where the text does not say."""

    speaker: str
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the turn's sentences, joined by blanks."""
        return " ".join(self.sentences)


def parse_turns(text: str) -> tuple[Turn, ...]:
    """Return the turns of ``text``, or none if it does not name speakers: fewer than two labels in front of lines.

    Labels are sought in front of lines, and, if all is one line, behind sentences.
    """
    lines = text.splitlines()
    if sum(1 for line in lines if line.strip()) < 2:
        lines = re.sub(r"(?<=[.!?…])\s+(?=[^\W\d_][\w'’-]*(?: [\w'’-]+)?:\s)", "\n", text).splitlines()
    found: list[tuple[str, list[str]]] = []
    labels = 0
    for line in filter(str.strip, lines):
        match = _LABEL.match(line)
        if match and match[1].lower() not in _NO_LABELS:
            labels += 1
            found.append((match[1].strip(), [line[match.end() :].strip()]))
        elif found:
            found[-1][1].append(line.strip())
        else:
            found.append(("", [line.strip()]))
    if labels < 2 or labels * 3 < len(found):
        return ()
    return tuple(Turn(speaker, split_sentences(" ".join(said))) for speaker, said in found)


def split_sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of ``text`` without the blanks between them."""
    sentences: list[str] = []
    begin = 0
    for match in _SENTENCE_END.finditer(text):
        before = max(0, match.start() - 8)
        if _ABBREVIATION.search(text[before : match.start()]) or _NUMBER.search(text[before : match.end() + 1]):
            continue
        sentences.append(text[begin : match.start()].strip() + match[0].strip())
        begin = match.end()
    sentences.append(text[begin:].strip())
    return tuple(sentence for sentence in sentences if sentence)


def speakers(turns: Sequence[Turn]) -> tuple[str, ...]:
    """Return who speaks, in order of first speech."""
    return tuple(dict.fromkeys(turn.speaker for turn in turns if turn.speaker))

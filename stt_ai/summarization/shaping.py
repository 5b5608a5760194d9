"""The forms of the four styles: what a model wrote is brought into its style's form."""

import re
from collections.abc import Iterator, Sequence

from stt_ai.summarization.prompts import NOTHING_TO_DO
from stt_ai.summarization.splitting import cut_sentences
from stt_ai.types import SummaryStyle

MAX_ITEMS = 200
BRIEF_SENTENCES = 3

_MARK = re.compile(r"^\s*(?:[-*•–—]\s+|\d{1,3}[.)]\s+|#{1,6}\s+)+")
_NOTHING = re.compile(
    r"(?:none|nothing|ninguna|nada)\b.{0,20}$|(?:there (?:are|were) )?no (?:\w+ )?(?:action|task)|"
    r"no hay (?:\w+ )?(?:tareas|acciones|pendientes|nada)",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"[.!?…。！？][\"'»”’)\]]*(?=\s)|[。！？]")


def shape(text: str, style: SummaryStyle, language: str) -> str:
    """Return what the model wrote in its style's form: sentences, paragraphs, or lines that begin with `- `.

    The form of a text's beginning is the beginning of its form.
    """
    if style is SummaryStyle.BRIEF:
        return " ".join(list(dict.fromkeys(_sentences(text)))[:BRIEF_SENTENCES])
    if style is SummaryStyle.DETAILED:
        paragraphs = [_sentences(paragraph) for paragraph in re.split(r"\n\s*\n", text)]
        return "\n\n".join(" ".join(paragraph) for paragraph in _without_repeats(paragraphs) if paragraph)
    items = list(dict.fromkeys(_items(text)))
    if style is SummaryStyle.ACTION_ITEMS:
        items = [item for item in items if not _NOTHING.match(item)]
        if not items:
            return nothing_to_do(language)
    return "\n".join(f"- {item}" for item in items[:MAX_ITEMS])


def nothing_to_do(language: str) -> str:
    """Return the sentence that a list of action items without any consists of."""
    return NOTHING_TO_DO.get(language, NOTHING_TO_DO["en"])


def whole_units(text: str, style: SummaryStyle) -> str:
    """Return ``text`` without the sentence or line that is not at its end yet."""
    if style in (SummaryStyle.ACTION_ITEMS, SummaryStyle.BULLET_POINTS):
        return text[: text.rfind("\n") + 1]
    ends = [match.end() for match in _WHOLE.finditer(text)]
    return text[: ends[-1]] if ends else ""


def _without_repeats(paragraphs: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Small models go round in circles."""
    written: set[str] = set()
    for paragraph in paragraphs:
        yield [sentence for sentence in dict.fromkeys(paragraph) if sentence not in written]
        written.update(paragraph)


def _sentences(text: str) -> list[str]:
    lines = (_MARK.sub("", line).strip() for line in text.splitlines())
    joined = " ".join(line for line in lines if line and not line.endswith(":"))
    return [sentence.strip() for sentence in cut_sentences(joined) if sentence.strip()]


def _items(text: str) -> Iterator[str]:
    """Yield each line that is marked as a point, and each sentence of the others but headings."""
    for line in filter(str.strip, text.splitlines()):
        bare = _MARK.sub("", line).strip()
        if bare and bare != line.strip() and not line.lstrip().startswith("#"):
            yield bare
        elif bare and not bare.endswith(":"):
            yield from _sentences(bare)

"""Summaries of transcripts of any length: cut to what the model takes in, summarised in parts, and put together.

A transcript that fits is asked about once, in its style. A longer one is cut where turns or sentences end. Action
items are taken from every part, so none is lost. For the other styles each part gets a brief summary, and neighbours'
summaries are summarised together, again and again, until few enough are left: one for a brief summary, and at most
`SECTIONS` for the paragraphs of a detailed one and for points. Order is kept throughout (Wu et al., 2021, Recursively
Summarizing Books with Human Feedback, without the feedback).

Whatever the model writes is checked against the text (`stt_ai.speech.grounding`). Where the text names its speakers
and is in a language whose promises are understood, who does what by when is found by rules, and the model's words for
it count only where they say the same.
"""

import asyncio
import logging
import math
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from stt_ai.errors import SummaryTooLong
from stt_ai.speech.grounding import Grounding
from stt_ai.speech.prompts import NOTHING_TO_DO, language_of, prompt
from stt_ai.types import Prompt, SummaryStyle

logger = logging.getLogger(__name__)

SECTIONS = 12
AT_ONCE = 4
"""Parts of one text that are asked about at once: others' questions find room in the same batch."""
MAX_ITEMS = 200
BRIEF_SENTENCES = 3
MAX_ANSWER = 1024
"""Tokens."""
_ANSWERS = {
    SummaryStyle.BRIEF: 200,
    SummaryStyle.DETAILED: 700,
    SummaryStyle.ACTION_ITEMS: 500,
    SummaryStyle.BULLET_POINTS: 500,
}
"""The tokens that an answer in a style may have: more than that only a loop has."""
_USUAL_ANSWER = 80
"""Tokens of a part's summary, for the estimate."""

# From the first mark of a run only: a search from each of them takes the square of the run's length.
_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'»”’)\]]*\s+|[。！？]+\s*|\n\s*")
_TURN = re.compile(r"[^\n]*(?:\n\s*|$)")
_MARK = re.compile(r"^\s*(?:[-*•–—]\s+|\d{1,3}[.)]\s+|#{1,6}\s+)+")
_NOTHING = re.compile(
    r"(?:none|nothing|ninguna|nada)\b.{0,20}$|(?:there (?:are|were) )?no (?:\w+ )?(?:action|task)|"
    r"no hay (?:\w+ )?(?:tareas|acciones|pendientes|nada)",
    re.IGNORECASE,
)

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Asking:
    """A chat model: ``count`` tells a text's tokens, ``size`` those of a whole question as the model reads it, and
    ``context`` how many question and answer may have together.

    ``ask`` answers. ``hear``, where given, is told an answer while it is made: the whole of it so far. ``part``: the
    tokens of a text that are asked about at once, 0 for as many as fit. ``with_examples``: whether the model learns
    from an example in the question, as general chat models do. ``seconds`` estimates the time for so many tokens read
    and so many steps of writing, and a text that would take more than ``limit_s`` is refused.
    """

    count: Count
    ask: Callable[[Prompt, Callable[[str], None] | None], Awaitable[str]]
    context: int
    size: Callable[[Prompt], int]
    part: int = 0
    with_examples: bool = False
    seconds: Callable[[int, int], float] | None = None
    limit_s: float = float("inf")

    @property
    def answer(self) -> int:
        """The tokens that any answer may have."""
        return min(MAX_ANSWER, self.context * 2 // 5)

    def question(self, text: str, style: SummaryStyle, language: str, of_parts: bool = False) -> Prompt:
        """Return the prompt that asks for a summary of ``text``."""
        tokens = min(self.answer, _ANSWERS[style])
        example = self.with_examples and not of_parts
        return prompt(text, style, language, of_parts=of_parts, with_example=example, max_tokens=tokens)


async def summarize(
    text: str,
    style: SummaryStyle,
    model: Asking,
    tell: Callable[[str], None] | None = None,
    report: Callable[[int, int], None] | None = None,
) -> str:
    """The summary of ``text``. ``tell`` gets it in pieces as soon as they stand; joined, they are the summary.

    ``report`` gets how many parts of a long text are done, and how many there are. Raises `SummaryTooLong`.
    """
    language = language_of(text)
    grounding = await asyncio.to_thread(Grounding, text, language)
    teller = _Teller(style, language, grounding, tell)
    if style is SummaryStyle.ACTION_ITEMS and grounding.has_speakers and language:
        return teller.end(await _promised(text, grounding, language, model))
    limit = model.context - model.answer - _overhead(style, language, model)
    limit = min(limit, model.part) if model.part else limit
    parts = await asyncio.to_thread(lambda: list(split(text.strip(), model.count, limit)))
    if len(parts) == 1:
        whole = model.question(parts[0], style, language)
        return teller.end(await model.ask(whole, teller.hear if tell else None))
    _check_time(len(parts), limit, model)
    if style is SummaryStyle.ACTION_ITEMS:
        found = await _each(parts, style, language, model, report=report)
        return teller.end("\n".join(dict.fromkeys(line for answer in found for line in answer.splitlines())))
    sections = await _each(parts, SummaryStyle.BRIEF, language, model, report=report)
    sections = list(filter(None, (grounding.check(section, SummaryStyle.BRIEF) for section in sections))) or sections
    most = 1 if style is SummaryStyle.BRIEF else SECTIONS
    while len(sections) > most:
        groups = list(grouped(sections, model.count, limit))
        last = len(groups) == 1
        if last or len(groups) >= len(sections):  # nothing can be put together that would still fit
            groups = groups if last else [" ".join(pair) for pair in _pairs(sections)]
        sections = await _each(groups, SummaryStyle.BRIEF, language, model, of_parts=True)
    return teller.end("\n\n".join(sections))


async def _promised(text: str, grounding: Grounding, language: str, model: Asking) -> str:
    """Return the promises as items. The model is asked only for what an "it" stands for, and only of a short text."""
    written = ""
    if any(made.deictic for made in grounding.commitments):
        asked = model.question(text.strip(), SummaryStyle.ACTION_ITEMS, language)
        if model.size(asked) + asked.max_tokens <= min(model.context, model.part or model.context):
            written = shape(await model.ask(asked, None), SummaryStyle.ACTION_ITEMS, language)
    return "\n".join(f"- {item}" for item in grounding.action_items(written))


def _check_time(parts: int, tokens: int, model: Asking) -> None:
    """Raise `SummaryTooLong` if ``parts`` parts of ``tokens`` tokens would take more time than there is."""
    if model.seconds is None:
        return
    levels = 1.3  # the summaries of parts are summarised again
    seconds = model.seconds(round(parts * tokens * levels), round(parts * _USUAL_ANSWER * levels / AT_ONCE))
    if seconds > model.limit_s:
        minutes, most = math.ceil(seconds / 60), math.floor(model.limit_s / 60) or 1
        raise SummaryTooLong(
            f"A summary of this text would take about {minutes} minutes, and at most {most} are given to one: "
            "send a shorter text."
        )


async def _each(
    parts: Sequence[str],
    style: SummaryStyle,
    language: str,
    model: Asking,
    of_parts: bool = False,
    report: Callable[[int, int], None] | None = None,
) -> list[str]:
    """A summary of each, in order, a few at once."""
    places, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(part: str) -> str:
        nonlocal done
        async with places:
            asked = model.question(part, style, language, of_parts)
            answer = shape(await model.ask(asked, None), style, language)
        done += 1
        if report is not None:
            report(done, len(parts))
        if done % AT_ONCE == 0 or done == len(parts):
            logger.info("summarised %d of %d parts", done, len(parts))
        return answer

    tasks = [asyncio.create_task(one(part)) for part in parts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _overhead(style: SummaryStyle, language: str, model: Asking) -> int:
    """Tokens of the question beside the transcript, with some to spare: tokens of joined texts do not simply add up."""
    styles = {style, SummaryStyle.BRIEF}
    empty = [model.question("", style, language, of_parts) for style in styles for of_parts in (False, True)]
    return max(model.size(asked) for asked in empty) + 16


def split(text: str, count: Count, limit: int) -> Iterator[str]:
    """``text`` in pieces of at most ``limit`` tokens, cut between turns, else sentences, else words."""
    limit = max(1, limit)
    piece, size = "", 0
    for unit in _units(text, count, limit):
        tokens = count(unit)
        if piece and size + tokens > limit:
            yield piece
            piece, size = "", 0
        piece, size = piece + unit, size + tokens
    yield piece


def _units(text: str, count: Count, limit: int) -> Iterator[str]:
    """Turns; sentences of turns, and halves of sentences, that are too long for a piece."""
    for turn in filter(None, _TURN.findall(text)):
        if count(turn) <= limit:
            yield turn
            continue
        for sentence in _cut(turn):
            yield from _halved(sentence, count, limit)


def _halved(text: str, count: Count, limit: int) -> Iterator[str]:
    if len(text) < 2 or count(text) <= limit:
        yield text
        return
    middle = len(text) // 2
    blank = text.rfind(" ", 1, middle) + 1
    at = blank if blank > 1 else middle
    yield from _halved(text[:at], count, limit)
    yield from _halved(text[at:], count, limit)


def grouped(texts: Sequence[str], count: Count, limit: int) -> Iterator[str]:
    """Neighbours together, as many as ``limit`` tokens hold."""
    group: list[str] = []
    size = 0
    for text in texts:
        tokens = count(text) + 1
        if group and size + tokens > limit:
            yield "\n".join(group)
            group, size = [], 0
        group.append(text)
        size += tokens
    yield "\n".join(group)


def _pairs(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[at : at + 2] for at in range(0, len(texts), 2))


def shape(text: str, style: SummaryStyle, language: str) -> str:
    """What the model wrote in its style's form: sentences, paragraphs, or lines that begin with `- `.

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
            return NOTHING_TO_DO.get(language, NOTHING_TO_DO["en"])
    return "\n".join(f"- {item}" for item in items[:MAX_ITEMS])


def _without_repeats(paragraphs: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Small models go round in circles."""
    told: set[str] = set()
    for paragraph in paragraphs:
        yield [sentence for sentence in dict.fromkeys(paragraph) if sentence not in told]
        told.update(paragraph)


def whole_units(text: str, style: SummaryStyle) -> str:
    """``text`` without the sentence or line that is not at its end yet."""
    if style in (SummaryStyle.ACTION_ITEMS, SummaryStyle.BULLET_POINTS):
        return text[: text.rfind("\n") + 1]
    ends = [match.end() for match in re.finditer(r"[.!?…。！？][\"'»”’)\]]*(?=\s)|[。！？]", text)]
    return text[: ends[-1]] if ends else ""


def _sentences(text: str) -> list[str]:
    lines = (_MARK.sub("", line).strip() for line in text.splitlines())
    joined = " ".join(line for line in lines if line and not line.endswith(":"))
    return [sentence.strip() for sentence in _cut(joined) if sentence.strip()]


def _cut(text: str) -> Iterator[str]:
    """Sentences, each with the blanks behind it."""
    begin = 0
    for match in _END.finditer(text):
        yield text[begin : match.end()]
        begin = match.end()
    if begin < len(text):
        yield text[begin:]


def _items(text: str) -> Iterator[str]:
    """Each line that is marked as a point, and each sentence of the others but headings."""
    for line in filter(str.strip, text.splitlines()):
        bare = _MARK.sub("", line).strip()
        if bare and bare != line.strip() and not line.lstrip().startswith("#"):
            yield bare
        elif bare and not bare.endswith(":"):
            yield from _sentences(bare)


class _Teller:
    """Tells what stands of a summary while it is written."""

    def __init__(
        self, style: SummaryStyle, language: str, grounding: Grounding, tell: Callable[[str], None] | None
    ) -> None:
        self._style, self._language, self._tell = style, language, tell
        self._grounding = grounding
        self._told = ""

    def hear(self, so_far: str) -> None:
        whole = whole_units(so_far, self._style)
        if self._tell is not None and whole.strip():
            shaped = self._checked(whole)
            if shaped != NOTHING_TO_DO.get(self._language, NOTHING_TO_DO["en"]):  # only at its end is that sure
                self._go_on(shaped)

    def end(self, text: str) -> str:
        summary = self._checked(text)
        closing = self._grounding.closing(summary, self._style)
        between = {SummaryStyle.BRIEF: " ", SummaryStyle.DETAILED: "\n\n"}.get(self._style, "\n")
        summary = between.join(filter(None, (summary, closing)))
        if not summary:
            summary = shape(self._grounding.excerpt(), self._style, self._language)
        self._go_on(summary)
        return summary

    def _checked(self, text: str) -> str:
        shaped = shape(text, self._style, self._language)
        if shaped == NOTHING_TO_DO.get(self._language, NOTHING_TO_DO["en"]):
            return shaped
        by_rules = self._grounding.has_speakers and self._language
        if self._style is SummaryStyle.ACTION_ITEMS and by_rules:
            return shaped
        checked = self._grounding.check(shaped, self._style)
        if self._style is SummaryStyle.ACTION_ITEMS:
            return shape(checked, self._style, self._language)
        return checked

    def _go_on(self, summary: str) -> None:
        more = summary[len(self._told) :]
        if self._tell is not None and more and summary.startswith(self._told):
            self._told = summary
            self._tell(more)

"""Summaries of transcripts of any length: cut to what the model takes in, summarized in parts, and put together.

A transcript that fits is asked about once, in its style. A longer one is cut where turns or sentences end. Action
items are taken from every part, so none is lost. For the other styles each part gets a brief summary, and neighbors'
summaries are summarized together, again and again, until few enough are left: one for a brief summary, and at most
`SECTIONS` for the paragraphs of a detailed one and for points. Order is kept throughout (Wu et al., 2021, Recursively
Summarizing Books with Human Feedback, without the feedback).

Whatever the model writes is checked against the text (`stt_ai.summarization.grounding`). Where the text names its
speakers and is in a language whose promises are understood, who does what by when is found by rules, and the model's
words for it count only where they say the same.
"""

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Sequence

from stt_ai.errors import Unavailable
from stt_ai.summarization.chat_model import ChatModel
from stt_ai.summarization.completion import Completion
from stt_ai.summarization.grounding import Grounding
from stt_ai.summarization.prompts import language_of
from stt_ai.summarization.shaping import shape
from stt_ai.summarization.splitting import grouped, split
from stt_ai.summarization.streamed_summary import StreamedSummary
from stt_ai.summarization.turns import parse_turns
from stt_ai.types import SummaryStyle

logger = logging.getLogger(__name__)

SECTIONS = 12
AT_ONCE = 4
"""Parts of one text that are asked about at once: others' questions find room in the same batch."""
_USUAL_ANSWER = 80
"""Tokens of a part's summary, for the estimate."""
_QUESTION = 64
"""Tokens of each part's question beside the instructions, which are read once."""
_SAMPLE = 8_000
"""Characters whose tokens are counted to estimate those of a long text."""

Progress = Callable[[int, int], None]


async def summarize(
    text: str,
    style: SummaryStyle,
    model: ChatModel,
    on_text: Callable[[str], None] | None = None,
    on_progress: Progress | None = None,
) -> str:
    """Return the summary of ``text``. Raise `SummaryTooLong`.

    ``on_text`` gets it in pieces as soon as they stand; joined, they are the summary. ``on_progress`` gets how many
    parts of a long text are done, and how many there are.
    """
    text = text.strip()
    language = language_of(text)
    limit = model.part_tokens(style, language)
    by_rules = style is SummaryStyle.ACTION_ITEMS and bool(language) and bool(parse_turns(text))
    if not by_rules:
        _admit(text, style, limit, language, model)
    grounding = await _grounding(text, language)
    summary = StreamedSummary(style, grounding, on_text)
    if by_rules:
        return summary.finish(await _promised(text, grounding, language, model))
    parts = await asyncio.to_thread(lambda: list(split(text, model.count, limit)))
    if len(parts) == 1:
        return summary.finish(await model.ask(model.question(parts[0], style, language), summary.listener))
    if style is SummaryStyle.ACTION_ITEMS:
        found = await _each(parts, style, language, model, on_progress=on_progress)
        return summary.finish("\n".join(dict.fromkeys(line for answer in found for line in answer.splitlines())))
    sections = await _each(parts, SummaryStyle.BRIEF, language, model, on_progress=on_progress)
    checked = filter(None, (grounding.check(section, SummaryStyle.BRIEF) for section in sections))
    sections = list(checked) or sections
    while len(sections) > _max_sections(style):
        groups = grouped(sections, model.count, limit)
        sections = await _each(groups, SummaryStyle.BRIEF, language, model, of_parts=True)
    return summary.finish("\n\n".join(sections))


async def _grounding(text: str, language: str) -> Grounding:
    """Return the text to check against, taken in by a thread that ends with this task."""
    ended = threading.Event()

    def go_on() -> None:
        if ended.is_set():
            raise Unavailable("The work was cancelled before it was done.")

    try:
        return await asyncio.to_thread(Grounding, text, language, go_on)
    finally:
        ended.set()


async def _promised(text: str, grounding: Grounding, language: str, model: ChatModel) -> str:
    """Return the promises as items. The model is asked only for what an "it" stands for, and only of a short text."""
    written = ""
    if any(made.deictic for made in grounding.commitments):
        asked = model.question(text, SummaryStyle.ACTION_ITEMS, language)
        if model.size(asked) + asked.max_tokens <= min(model.context, model.max_part_tokens or model.context):
            written = shape(await model.ask(asked, None), SummaryStyle.ACTION_ITEMS, language)
    return "\n".join(f"- {item}" for item in Completion(grounding).action_items(written))


def _admit(text: str, style: SummaryStyle, limit: int, language: str, model: ChatModel) -> None:
    """Raise `SummaryTooLong` if there is no time for ``text`` in parts of ``limit`` tokens."""
    if model.admit is None:
        return
    asked = style if style is SummaryStyle.ACTION_ITEMS else SummaryStyle.BRIEF
    together = min(AT_ONCE, model.answered_together(limit, asked, language) or AT_ONCE)
    sample = text[:_SAMPLE]
    tokens = round(model.count(sample) * len(text) / max(1, len(sample)))
    read = written = 0
    while True:
        parts = math.ceil(tokens / max(1, limit))
        read += tokens + parts * _QUESTION
        written += math.ceil(parts / together) * _USUAL_ANSWER
        if parts <= _max_sections(style) or style is SummaryStyle.ACTION_ITEMS:
            break
        tokens = min(parts * _USUAL_ANSWER, tokens // 2)
    if written > _USUAL_ANSWER:
        model.admit(read, written)


def _max_sections(style: SummaryStyle) -> int:
    """Return how many parts' summaries need not be summarized again."""
    return 1 if style is SummaryStyle.BRIEF else SECTIONS


async def _each(
    parts: Sequence[str],
    style: SummaryStyle,
    language: str,
    model: ChatModel,
    of_parts: bool = False,
    on_progress: Progress | None = None,
) -> list[str]:
    """Return a summary of each, in order, asked about a few at once."""
    places, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(part: str) -> str:
        nonlocal done
        async with places:
            asked = model.question(part, style, language, of_parts)
            answer = shape(await model.ask(asked, None), style, language)
        done += 1
        if on_progress is not None:
            on_progress(done, len(parts))
        if done % AT_ONCE == 0 or done == len(parts):
            logger.info("summarized %d of %d parts", done, len(parts))
        return answer

    tasks = [asyncio.create_task(one(part)) for part in parts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

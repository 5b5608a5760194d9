"""`python -m tests.benchmarks.meeting_summaries FOLDER THREADS QUICK [MODE …]`: what summaries keep and get wrong.

Beside the same model asked once in a style's question without an example, unchecked. Without modes all of `MODES`.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from stt_ai.engines.chat_answer import Question
from stt_ai.engines.language_model import LanguageModel
from stt_ai.engines.scheduler import BatchScheduler
from stt_ai.summarization.chat_model import ChatModel
from stt_ai.summarization.prompts import language_of, prompt
from stt_ai.summarization.shaping import shape
from stt_ai.summarization.summarize import summarize
from stt_ai.types import Prompt, SummaryStyle
from tests.benchmarks.meetings import FactedMeeting, Judgement, judge_items, judge_summary, load_meetings


def main() -> None:
    folder, threads, quick = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"
    began = time.perf_counter()
    model = LanguageModel(folder, threads=threads)
    loaded = time.perf_counter() - began
    found: dict[str, Any] = {"load_s": loaded}
    for name in sys.argv[4:] or MODES:
        write, source = MODES[name]
        meetings = load_meetings(source)[: 2 if quick else None]
        began = time.perf_counter()
        for style in SummaryStyle:
            judge = judge_items if style is SummaryStyle.ACTION_ITEMS else judge_summary
            judged = Judgement()
            for meeting, text in zip(meetings, asyncio.run(_all(model, meetings, style, write)), strict=True):
                print(f"== {name} {style} {meeting.id}\n{text}", file=sys.stderr, flush=True)
                judged += judge(meeting, text)
            for note in judged.notes:
                print(f"   {note}", file=sys.stderr)
            found[f"{name}, {style}"] = {
                field: getattr(judged, field)
                for field in ("expected", "kept", "dated", "with_dates", "wrong_person", "invented", "lines")
            }
        found[f"{name}, seconds"] = time.perf_counter() - began
    found["read, tokens a second"] = model.speed.read_a_second
    found["written, tokens a second"] = model.speed.written_a_second
    found["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps(found))


Ask = Callable[[Prompt, Callable[[str], None] | None], Awaitable[str]]
Write = Callable[[LanguageModel, Ask, FactedMeeting, SummaryStyle], Awaitable[str]]


async def _all(model: LanguageModel, meetings: list[FactedMeeting], style: SummaryStyle, write: Write) -> list[str]:
    """Return the meetings' summaries, written in batches as the service does."""
    scheduler: BatchScheduler[Question, str] = BatchScheduler(model.answer, max_batch=8, max_wait=0.1)

    async def ask(asked: Prompt, on_text: Callable[[str], None] | None) -> str:
        return await scheduler.submit(Question(asked, on_text=on_text))

    try:
        return await asyncio.gather(*(write(model, ask, meeting, style) for meeting in meetings))
    finally:
        await scheduler.close()


async def _ours(model: LanguageModel, ask: Ask, meeting: FactedMeeting, style: SummaryStyle) -> str:
    asking = ChatModel(model.count, ask, model.context, model.size, max_part_tokens=1000, with_examples=True)
    return await summarize(meeting.text, style, asking)


async def _asked_once(model: LanguageModel, ask: Ask, meeting: FactedMeeting, style: SummaryStyle) -> str:
    language = language_of(meeting.text)
    return shape(await ask(prompt(meeting.text, style, language, max_tokens=400), None), style, language)


MODES: dict[str, tuple[Write, str]] = {
    "checked": (_ours, "meetings"),
    "asked once": (_asked_once, "meetings"),
    "held out, checked": (_ours, "held_out"),
    "held out, asked once": (_asked_once, "held_out"),
}


if __name__ == "__main__":
    main()

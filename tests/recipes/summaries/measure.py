"""The demo summarizer's figures: held-out meetings, asked as the service asks."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from stt_ai.summarization.prompts import prompt
from stt_ai.summarization.shaping import shape
from stt_ai.types import SummaryStyle

from .corpus import Meeting
from .evaluate import Figures, held_out, judge, total

BATCH = 16


def evaluate(folder: Path, count: int = 50) -> dict[str, dict[str, float]]:
    """Shares by language and style, over ``count`` held-out meetings of each language."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    figures = {}
    for language in ("en", "es"):
        meetings = held_out(count, language)
        everything: list[Figures] = []
        for style in SummaryStyle:
            answers = written(model, tokenizer, meetings, style)
            judged = [judge(meeting, style, answer) for meeting, answer in zip(meetings, answers, strict=True)]
            figures[f"{language} {style}"] = total(judged)
            everything += judged
        figures[language] = total(everything)
    return figures


def written(model: Any, tokenizer: Any, meetings: list[Meeting], style: SummaryStyle) -> list[str]:
    """Each meeting's summary, in the style's form."""
    answers: list[str] = []
    for at in range(0, len(meetings), BATCH):
        batch = meetings[at : at + BATCH]
        rendered = [_rendered(tokenizer, meeting, style) for meeting in batch]
        asked = tokenizer(rendered, add_special_tokens=False, padding=True, return_tensors="pt")
        with torch.inference_mode():
            limit = model.config.max_position_embeddings * 2 // 5
            tokens = model.generate(**asked, max_new_tokens=limit, do_sample=False)
        decoded = tokenizer.batch_decode(tokens[:, asked["input_ids"].shape[1] :], skip_special_tokens=True)
        answers += [shape(text, style, meeting.language) for text, meeting in zip(decoded, batch, strict=True)]
    return answers


def _rendered(tokenizer: Any, meeting: Meeting, style: SummaryStyle) -> str:
    asked = prompt(meeting.text, style, meeting.language)
    messages = [{"role": "system", "content": asked.system}, {"role": "user", "content": asked.user}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

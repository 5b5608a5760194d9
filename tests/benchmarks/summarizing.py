"""`python -m tests.benchmarks.summarizing FOLDER THREADS QUICK`: our engine and transformers' pipeline, by turns."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import pipeline

from stt_ai.engines.chat_answer import Question
from stt_ai.engines.language_model import LanguageModel
from stt_ai.summarization.prompts import prompt
from stt_ai.types import Prompt, SummaryStyle
from tests.recipes.summaries.evaluate import held_out


def main() -> None:
    folder, threads, quick = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"
    model = LanguageModel(folder, threads=threads)
    peer = pipeline("text-generation", model=str(folder), dtype=torch.float32, device="cpu")
    peer.tokenizer.padding_side = "left"
    texts = [meeting.text for meeting in held_out(4 if quick else 16, "en", "peer")]
    prompts = [prompt(text, SummaryStyle.DETAILED, "en", max_tokens=150) for text in texts]
    ours(model, prompts[:2])
    theirs(peer, prompts[:2], 1)
    taken: dict[str, list[float]] = {name: [] for name in ("ours", "pipeline", "ours, 8", "pipeline, 8")}
    answers: dict[str, list[str]] = {}
    for _ in range(2 if quick else 5):
        for name in taken:
            size = 8 if name.endswith("8") else 1
            begin = time.perf_counter()
            found = ours(model, prompts, size) if name.startswith("ours") else theirs(peer, prompts, size)
            tokens = sum(model.count(text) for text in found)
            taken[name].append(tokens / (time.perf_counter() - begin))
            answers[name] = found
    first = [first_token(model, one) for one in prompts]
    series = {f"{name} at once": (values, "tokens/s") for name, values in taken.items()}
    series["time to the first token, ours"] = (first, "s")
    same = sum(a == b for a, b in zip(answers["ours"], answers["pipeline"], strict=True)) / len(prompts)
    values_of = {name: {"values": values, "unit": unit} for name, (values, unit) in series.items()}
    print(json.dumps({"series": values_of, "same": same}))


def ours(model: LanguageModel, prompts: list[Prompt], size: int = 1) -> list[str]:
    answers: list[str] = []
    for at in range(0, len(prompts), size):
        answers += map(str, model.answer([Question(one) for one in prompts[at : at + size]]))
    return answers


def theirs(peer: Any, prompts: list[Prompt], size: int) -> list[str]:
    chats = [[{"role": "system", "content": one.system}, {"role": "user", "content": one.user}] for one in prompts]
    generated = peer(chats, max_new_tokens=150, do_sample=False, batch_size=size, return_full_text=False)
    return [one[0]["generated_text"].strip() for one in generated]


def first_token(model: LanguageModel, asked: Prompt) -> float:
    """Seconds from the question to its first token."""
    arrived: list[float] = []
    question = Question(asked)

    def note_arrival(text: str) -> None:
        arrived.append(time.perf_counter())
        question.cancelled.set()

    question.on_text = note_arrival
    begin = time.perf_counter()
    model.answer([question])
    return arrived[0] - begin


if __name__ == "__main__":
    main()

"""A causal chat model in memory, answering several questions at once, each of which may be ended alone."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stt_ai.errors import ModelUnavailable, SttError, Unavailable
from stt_ai.types import Prompt

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

LONGEST_CONTEXT = 16_384
"""Tokens: what is kept of longer texts for every layer would fill the memory that others need."""
_TOO_LATE = "The service did not finish this in time. Please try again."
_ENDED = "The work was ended before it was done."


@dataclass(eq=False, slots=True)
class Question:
    """A prompt and what becomes of it. Setting ``cancelled`` ends it with `Unavailable`, before the next token.

    ``deadline`` is a time of `time.monotonic`, after which it ends the same way. ``hear`` gets the text so far after
    each token, in the thread that generates.
    """

    prompt: Prompt
    cancelled: threading.Event = field(default_factory=threading.Event)
    deadline: float | None = None
    hear: Callable[[str], None] | None = None

    @property
    def failure(self) -> SttError | None:
        if self.cancelled.is_set():
            return Unavailable(_ENDED)
        return Unavailable(_TOO_LATE) if self.deadline is not None and time.monotonic() > self.deadline else None


class LanguageModel:
    """One model of transformers in a folder of Hugging Face's form, on one device. `answer` blocks.

    The likeliest token is taken each time, so that the same question gets the same answer.
    """

    def __init__(
        self, folder: Path, *, device: str = "cpu", dtype: str = "auto", threads: int = 0, context: int = 0
    ) -> None:
        """``context`` 0: the model's own, at most `LONGEST_CONTEXT`. Raises `ModelUnavailable`."""
        try:
            self._model, self._tokenizer = _load(folder, device, dtype, threads)
        except Exception as error:  # whatever torch, transformers or the files have to say
            logger.exception("cannot load the language model %s", folder)
            raise ModelUnavailable("The model that writes summaries cannot be loaded.") from error
        own = int(getattr(self._model.config, "max_position_embeddings", LONGEST_CONTEXT))
        self.context = min(own, context or LONGEST_CONTEXT)

    def count(self, text: str) -> int:
        """Tokens of ``text``. May be called in any thread."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def size(self, prompt: Prompt) -> int:
        """Tokens of the whole question, as the chat template renders it. May be called in any thread."""
        return self.count(self._rendered(prompt))

    def answer(self, questions: Sequence[Question]) -> list[str | SttError]:
        """An answer or a failure for each, all of them decoded together."""
        import torch
        from transformers import StoppingCriteriaList

        asked = self._tokenizer(
            [self._rendered(question.prompt) for question in questions],
            add_special_tokens=False,
            padding=True,
            return_tensors="pt",
        ).to(self._model.device)
        follower = _Follower(questions, self._tokenizer, asked["input_ids"].shape[1])
        with torch.inference_mode():
            tokens = self._model.generate(
                **asked,
                max_new_tokens=max(question.prompt.max_tokens for question in questions),
                do_sample=False,
                num_beams=1,
                repetition_penalty=1.0,
                pad_token_id=self._tokenizer.pad_token_id,
                stopping_criteria=StoppingCriteriaList([follower]),
            )
        answers = self._tokenizer.batch_decode(tokens[:, follower.start :], skip_special_tokens=True)
        return [
            follower.failures.get(row) or question.failure or _cut(answers[row], row in follower.full)
            for row, question in enumerate(questions)
        ]

    def _rendered(self, prompt: Prompt) -> str:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        rendered = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return str(rendered)


class _Follower:
    """Asked by `generate` after each token which rows are done: those that nobody waits for, or that are full."""

    def __init__(self, questions: Sequence[Question], tokenizer: Any, start: int) -> None:
        self.start = start
        self.failures: dict[int, SttError] = {}
        self.full: set[int] = set()
        self._questions = questions
        self._tokenizer = tokenizer

    def __call__(self, input_ids: "Tensor", scores: Any, **_: Any) -> "Tensor":
        import torch

        length = input_ids.shape[1] - self.start
        for row, question in enumerate(self._questions):
            if row in self.failures or row in self.full:
                continue
            if failure := question.failure:
                self.failures[row] = failure
            elif question.hear is not None:
                text = self._tokenizer.decode(input_ids[row, self.start :], skip_special_tokens=True)
                question.hear(text.rstrip("\ufffd"))
            if length >= question.prompt.max_tokens and not self._ended(input_ids[row]):
                self.full.add(row)
        done = [row in self.failures or row in self.full for row in range(len(self._questions))]
        return torch.tensor(done, device=input_ids.device)

    def _ended(self, row: "Tensor") -> bool:
        ids = row[self.start :].tolist()
        return self._tokenizer.eos_token_id in ids or self._tokenizer.pad_token_id in ids


def _cut(answer: str, full: bool) -> str:
    """Without the end that an answer of full length breaks off in, if something stands before it."""
    if not full:
        return answer.strip()
    end = max(answer.rfind(mark) + 1 for mark in (".", "!", "?", "\n", "。", "！", "？"))
    return (answer[:end] or answer).strip()


def _load(folder: Path, device: str, dtype: str, threads: int) -> tuple[Any, Any]:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve the other models on these cores
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as chatter

    chatter.disable_progress_bar()
    if device == "cpu":
        torch.set_num_threads(threads or os.cpu_count() or 1)  # Ray tells every process to have but one
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # Few processors multiply half precision quickly.
    kind = "float32" if dtype == "auto" and device == "cpu" else dtype
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=kind, device_map={"": device}, local_files_only=True, use_safetensors=True
    )
    return model.eval(), tokenizer

"""A causal chat model in memory, answering several questions at once, each of which may be ended alone."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stt_ai.engines import chat_weights
from stt_ai.engines.chat_answer import Answer, Question
from stt_ai.engines.malloc import return_freed_memory
from stt_ai.engines.prefix_cache import PrefixCache
from stt_ai.engines.prompt_lookup import PromptLookup
from stt_ai.engines.reading_speed import Speed, Stopwatch
from stt_ai.errors import ModelUnavailable, SttError
from stt_ai.types import Prompt

if TYPE_CHECKING:
    from stt_ai.engines.chat_writing import Row

logger = logging.getLogger(__name__)

LONGEST_CONTEXT = 16_384
"""Tokens: what is kept of longer texts for every layer would fill the memory that others need."""
MAX_CACHED_TOKENS = 3_200
"""Of questions and answers that are held at once, unless one alone is longer: 80 MB in a model of 0.5 B parameters."""
PREFILL_TOKENS = 128
"""Read in one step: 0.2 s of two cores, after which a caller's leaving is noticed."""


class LanguageModel:
    """One model of transformers in a folder of Hugging Face's form, on one device. `answer` blocks.

    The likeliest token is taken each time, so that the same question gets the same answer.
    """

    def __init__(
        self, folder: Path, *, device: str = "cpu", dtype: str = "auto", threads: int = 0, context: int = 0
    ) -> None:
        """``context`` 0: the model's own, at most `LONGEST_CONTEXT`. Raises `ModelUnavailable`."""
        try:
            self._model, self._tokenizer = chat_weights.load(folder, device, dtype, threads)
        except Exception as error:  # whatever torch, transformers or the files have to say
            logger.exception("cannot load the language model %s", folder)
            raise ModelUnavailable("The summarization model cannot be loaded.") from error
        self._ends = chat_weights.end_tokens(self._model, self._tokenizer)
        self._prefixes = PrefixCache(self._model.config)
        self.speed = Speed()
        # Rows of unlike lengths cannot be put together where a layer forgets what lies far back.
        self._slides = "sliding_attention" in (getattr(self._model.config, "layer_types", None) or ())
        own = int(getattr(self._model.config, "max_position_embeddings", LONGEST_CONTEXT))
        self.context = min(own, context or LONGEST_CONTEXT)

    def measure_speed(self, usual: Prompt) -> None:
        """Answer a question twice, the second time at full speed, so that the first estimate rests on something."""
        for _ in range(2):
            self.speed = Speed()
            self.answer([Question(usual)])

    def count(self, text: str) -> int:
        """Tokens of ``text``. May be called in any thread."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def size(self, prompt: Prompt) -> int:
        """Tokens of the whole question, as the chat template renders it. May be called in any thread."""
        return self.count(self._rendered(prompt))

    def answer(self, questions: Sequence[Question]) -> list[str | SttError]:
        """An answer or a failure for each, decoded together as far as `MAX_CACHED_TOKENS` allows.

        Prompts are read one after another, `PREFILL_TOKENS` at a time, and who is done leaves the batch: between all
        steps a question may end without the others.
        """
        prompts = [self._encoded(question.prompt) for question in questions]
        answers = [Answer(question, self._tokenizer, self._ends) for question in questions]
        sizes = [len(ids) + question.prompt.max_tokens for ids, question in zip(prompts, questions, strict=True)]
        for rows in _groups(sizes, MAX_CACHED_TOKENS):
            self._answer_together([answers[row] for row in rows], [prompts[row] for row in rows])
            return_freed_memory()
        return [answer.result for answer in answers]

    def _answer_together(self, answers: Sequence[Answer], prompts: Sequence[list[int]]) -> None:
        import torch

        from stt_ai.engines.chat_writing import Row, write

        with torch.inference_mode():
            rows: list[Row] = []
            for answer, ids in zip(answers, prompts, strict=True):
                row = self._read(answer, ids)
                if row is not None:
                    rows.append(row)
            batches = [[row] for row in rows] if self._slides else [rows] if rows else []
            for batch in batches:
                write(batch, self._model, self._forward, self.speed)

    def _read(self, answer: Answer, ids: list[int]) -> "Row | None":
        """Read a prompt of (tokens,). Return None if nobody waits for its answer any more, or one token is all of it.

        What all questions of one kind begin with, their instructions, is read once and kept.
        """
        from stt_ai.engines.chat_writing import Row

        if not answer.goes_on():
            return None
        prefix = self._prefix(answer.prompt, ids)
        cache, begin = self._prefixes.start(ids[:prefix], len(ids))
        if begin == 0:
            begin = prefix
            for _ in self._steps(ids[:prefix], cache):
                if not answer.goes_on():
                    return None
            self._prefixes.keep(ids[:prefix], cache)
        for logits in self._steps(ids[begin:], cache):  # noqa: B007
            if not answer.goes_on():
                return None
        token = int(logits[0, -1].argmax())
        return Row(answer, PromptLookup([*ids, token]), cache, len(ids)) if answer.goes_on_with(token) else None

    def _steps(self, ids: list[int], cache: Any) -> Iterator[Any]:
        """Read on, and yield the logits of each step's last token."""
        for at in range(0, len(ids), PREFILL_TOKENS):
            step = ids[at : at + PREFILL_TOKENS]
            watch = Stopwatch()
            logits = self._forward(self._tensor([step]), cache)
            self.speed.read(len(step), watch.stop())
            yield logits

    def _prefix(self, prompt: Prompt, ids: list[int]) -> int:
        """Return how many of a prompt's tokens are its instructions'; never all of them."""
        empty = self._encoded(Prompt(prompt.system, "", 1))
        same = next((at for at, pair in enumerate(zip(empty, ids, strict=False)) if pair[0] != pair[1]), 0)
        return min(same, len(ids) - 1)

    def _forward(self, tokens: Any, cache: Any, mask: Any = None, positions: Any = None, last: int = 1) -> Any:
        """Return the logits of the ``last`` tokens of each row."""
        return self._model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=last,
        ).logits

    def _tensor(self, values: Sequence[Any]) -> Any:
        import torch

        return torch.tensor(values, dtype=torch.long, device=self._model.device)

    def _encoded(self, prompt: Prompt) -> list[int]:
        return list(self._tokenizer(self._rendered(prompt), add_special_tokens=False)["input_ids"])

    def _rendered(self, prompt: Prompt) -> str:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        rendered = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return str(rendered)


def _groups(sizes: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Yield the places of neighbors whose ``sizes`` sum up to at most ``limit``, or of one that is larger."""
    group: list[int] = []
    for place, size in enumerate(sizes):
        if group and sum(sizes[other] for other in group) + size > limit:
            yield group
            group = []
        group.append(place)
    if group:
        yield group

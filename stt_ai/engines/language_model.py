"""A causal chat model in memory, answering several questions at once, each of which may be ended alone."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stt_ai.engines.cores import available
from stt_ai.engines.prefix_cache import PrefixCache, Speed
from stt_ai.errors import ModelUnavailable, SttError, Unavailable
from stt_ai.speech.loops import tail_loop, without_tail_loop
from stt_ai.types import Prompt

logger = logging.getLogger(__name__)

LONGEST_CONTEXT = 16_384
"""Tokens: what is kept of longer texts for every layer would fill the memory that others need."""
MAX_CACHED_TOKENS = 5_120
"""Of questions and answers that are held at once, unless one alone is longer: 125 MB in a model of 0.5 B parameters."""
PREFILL_TOKENS = 128
"""Read in one step: 0.2 s of two cores, after which a caller's leaving is noticed."""
_LOOP_TOKENS = 40
"""So many must repeat themselves to be a loop: of large numbers each digit is a token."""
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
        self._ends = _ends(self._model, self._tokenizer)
        self._prefixes = PrefixCache(self._model.config)
        self.speed = Speed()
        # Rows of unlike lengths cannot be put together where a layer forgets what lies far back.
        self._slides = "sliding_attention" in (getattr(self._model.config, "layer_types", None) or ())
        own = int(getattr(self._model.config, "max_position_embeddings", LONGEST_CONTEXT))
        self.context = min(own, context or LONGEST_CONTEXT)

    def measure_speed(self) -> None:
        """Answer a short question, so that the first estimate of how long a text takes rests on something."""
        self.answer([Question(Prompt("Say yes.", "Say yes. " * 40, 8))])

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
        answers = [_Answer(question, self._tokenizer, self._ends) for question in questions]
        sizes = [len(ids) + question.prompt.max_tokens for ids, question in zip(prompts, questions, strict=True)]
        for rows in _groups(sizes, MAX_CACHED_TOKENS):
            self._answer_together([answers[row] for row in rows], [prompts[row] for row in rows])
        return [answer.result for answer in answers]

    def _answer_together(self, answers: Sequence["_Answer"], prompts: Sequence[list[int]]) -> None:
        import torch

        with torch.inference_mode():
            rows: list[_Row] = []
            for answer, ids in zip(answers, prompts, strict=True):
                row = self._read(answer, ids)
                if row is not None:
                    rows.append(row)
            batches = [[row] for row in rows] if self._slides else [rows] if rows else []
            for batch in batches:
                self._write(batch)

    def _read(self, answer: "_Answer", ids: list[int]) -> "_Row | None":
        """Read a prompt of (tokens,). Return None if nobody waits for its answer any more, or one token is all of it.

        What all questions of one kind begin with, their instructions, is read once and kept.
        """
        if not answer.goes_on():
            return None
        prefix = self._prefix(answer.prompt, ids)
        cache, begin = self._prefixes.start(ids[:prefix])
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
        return _Row(answer, token, cache, len(ids)) if answer.goes_on_with(token) else None

    def _steps(self, ids: list[int], cache: Any) -> Iterator[Any]:
        """Read on, and yield the logits of each step's last token."""
        for at in range(0, len(ids), PREFILL_TOKENS):
            step = ids[at : at + PREFILL_TOKENS]
            began = time.perf_counter()
            logits = self._forward(self._tensor([step]), cache)
            self.speed.read(len(step), time.perf_counter() - began)
            yield logits

    def _prefix(self, prompt: Prompt, ids: list[int]) -> int:
        """Return how many of a prompt's tokens are its instructions'; never all of them."""
        empty = self._encoded(Prompt(prompt.system, "", 1))
        same = next((at for at, pair in enumerate(zip(empty, ids, strict=False)) if pair[0] != pair[1]), 0)
        return min(same, len(ids) - 1)

    def _write(self, rows: list["_Row"]) -> None:
        """Write the answers of the prompts that were read, all of them a token a step."""
        import torch

        from stt_ai.engines.batch_cache import joined

        going = [row.answer for row in rows]
        room = max(row.answer.prompt.max_tokens for row in rows)
        cache, mask = joined([row.cache for row in rows], [row.length for row in rows], room, self._model)
        tokens = self._tensor([[row.token] for row in rows])
        positions = self._tensor([[row.length] for row in rows])
        while going:
            mask = torch.cat([mask, mask.new_ones(len(going), 1)], dim=1)
            began = time.perf_counter()
            logits = self._forward(tokens, cache, mask, positions)
            self.speed.wrote(time.perf_counter() - began)
            tokens = logits[:, -1].argmax(-1, keepdim=True)
            positions = positions + 1
            stay = [row for row, token in enumerate(tokens[:, 0].tolist()) if going[row].goes_on_with(token)]
            if len(stay) < len(going):
                kept = self._tensor(stay)
                going = [going[row] for row in stay]
                tokens, mask, positions = tokens[kept], mask[kept], positions[kept]
                cache.batch_select_indices(kept)

    def _forward(self, tokens: Any, cache: Any, mask: Any = None, positions: Any = None) -> Any:
        """Return the logits of the last token of each row."""
        return self._model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
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


@dataclass(frozen=True, slots=True)
class _Row:
    """A prompt that was read: the first token of its answer, and its keys and values in ``length`` places."""

    answer: "_Answer"
    token: int
    cache: Any
    length: int


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


class _Answer:
    """One answer while it is written."""

    def __init__(self, question: Question, tokenizer: Any, ends: frozenset[int]) -> None:
        self.prompt = question.prompt
        self._question = question
        self._tokenizer = tokenizer
        self._ends = ends
        self._tokens: list[int] = []
        self._failure: SttError | None = None
        self._ended = self._loops = False

    def goes_on(self) -> bool:
        """Return whether somebody still waits for it."""
        self._failure = self._question.failure
        return self._failure is None

    def goes_on_with(self, token: int) -> bool:
        """Takes the next token. False: it is at its end, or full, in a loop, or nobody waits for it any more."""
        self._ended = token in self._ends
        if not self._ended:
            self._tokens.append(token)
        self._loops = not self._ended and _is_loop(self._tokens)
        self._failure = self._question.failure
        if self._failure is None and self._question.hear is not None:
            self._question.hear(self._text.rstrip("\ufffd"))
        done = self._ended or self._loops or len(self._tokens) >= self._question.prompt.max_tokens
        return not done and self._failure is None

    @property
    def result(self) -> str | SttError:
        """Without the end that one of full length, or one in a loop, breaks off in, if something stands before it.

        Sentences and lines that say the same again are `stt_ai.speech.summaries.shape`'s to leave out; words alone that
        do are told once.
        """
        if self._failure is not None:
            return self._failure
        text = self._text
        if not self._ended:
            end = max(text.rfind(mark) + 1 for mark in (".", "!", "?", "\n", "。", "！", "？"))
            text = text[:end] or (self._said_once() if self._loops else text)
        return text.strip()

    def _said_once(self) -> str:
        words = self._text.split()[:-1]
        return " ".join(without_tail_loop(words)) or self._spelt(without_tail_loop(self._tokens)).rstrip("\ufffd")

    @property
    def _text(self) -> str:
        return self._spelt(self._tokens)

    def _spelt(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))


def _is_loop(tokens: Sequence[int]) -> bool:
    """Whether it ends on what a model says for ever where it has learnt nothing, and not on a number's zeros."""
    size = tail_loop(tokens)
    return size > 0 and len(tokens) >= _LOOP_TOKENS and tokens[-_LOOP_TOKENS:-size] == tokens[size - _LOOP_TOKENS :]


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer: chat models have several, and name them in their generation config."""
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    return frozenset(token for token in [*listed, tokenizer.eos_token_id] if token is not None)


def _load(folder: Path, device: str, dtype: str, threads: int) -> tuple[Any, Any]:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve the other models on these cores
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as chatter

    chatter.disable_progress_bar()
    if device == "cpu":
        torch.set_num_threads(threads or available())  # Ray tells every process to have but one
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # Few processors multiply half precision quickly.
    kind = "float32" if dtype == "auto" and device == "cpu" else dtype
    if json.loads((folder / "config.json").read_text()).get("stt_ai_weight_format") == "int8_per_channel":
        from stt_ai.engines import int8_model

        model: Any = int8_model.load(folder, multiply_in_8_bits=device == "cpu")
        return model if device == "cpu" else model.to(device, torch.bfloat16), tokenizer
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=kind, device_map={"": device}, local_files_only=True, use_safetensors=True
    )
    return model.eval(), tokenizer

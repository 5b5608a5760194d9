"""A causal chat model in memory, answering several questions at once, each of which may be ended alone."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stt_ai.engines.cores import available
from stt_ai.errors import ModelUnavailable, SttError, Unavailable
from stt_ai.speech.cleanup import tail_loop, without_tail_loop
from stt_ai.types import Prompt

logger = logging.getLogger(__name__)

LONGEST_CONTEXT = 16_384
"""Tokens: what is kept of longer texts for every layer would fill the memory that others need."""
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
        own = int(getattr(self._model.config, "max_position_embeddings", LONGEST_CONTEXT))
        self.context = min(own, context or LONGEST_CONTEXT)

    def count(self, text: str) -> int:
        """Tokens of ``text``. May be called in any thread."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def size(self, prompt: Prompt) -> int:
        """Tokens of the whole question, as the chat template renders it. May be called in any thread."""
        return self.count(self._rendered(prompt))

    def answer(self, questions: Sequence[Question]) -> list[str | SttError]:
        """An answer or a failure for each, all of them decoded together.

        Who is done leaves the batch, which `generate` of transformers would go on computing until the longest answer
        ends: of four summaries of 18 to 68 tokens that was nearly half of all rows.
        """
        import torch
        from transformers import DynamicCache

        asked = self._tokenizer(
            [self._rendered(question.prompt) for question in questions],
            add_special_tokens=False,
            padding=True,
            return_tensors="pt",
        ).to(self._model.device)
        tokens, mask = asked["input_ids"], asked["attention_mask"]
        positions = (mask.cumsum(-1) - 1).clamp(min=0)  # the padding stands on the left
        cache = DynamicCache(config=self._model.config)
        answers = [_Answer(question, self._tokenizer, self._ends) for question in questions]
        going = answers
        with torch.inference_mode():
            while going:
                logits = self._model(
                    input_ids=tokens,
                    attention_mask=mask,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits
                tokens = logits[:, -1].argmax(-1, keepdim=True)
                stay = [row for row, token in enumerate(tokens[:, 0].tolist()) if going[row].goes_on_with(token)]
                positions = positions[:, -1:] + 1
                if len(stay) < len(going):
                    rows = torch.tensor(stay, dtype=torch.long, device=tokens.device)
                    going = [going[row] for row in stay]
                    tokens, mask, positions = tokens[rows], mask[rows], positions[rows]
                    cache.batch_select_indices(rows)
                mask = torch.cat([mask, mask.new_ones(len(going), 1)], dim=1)
        return [answer.result for answer in answers]

    def _rendered(self, prompt: Prompt) -> str:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        rendered = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return str(rendered)


class _Answer:
    """One answer while it is written."""

    def __init__(self, question: Question, tokenizer: Any, ends: frozenset[int]) -> None:
        self._question = question
        self._tokenizer = tokenizer
        self._ends = ends
        self._tokens: list[int] = []
        self._failure: SttError | None = None
        self._ended = self._loops = False

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
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=kind, device_map={"": device}, local_files_only=True, use_safetensors=True
    )
    return model.eval(), tokenizer

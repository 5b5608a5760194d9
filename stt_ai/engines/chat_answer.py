"""A question to a chat model, and its answer while it is written."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stt_ai.errors import SttError, Unavailable
from stt_ai.speech.loops import tail_loop, without_tail_loop
from stt_ai.types import Prompt

_LOOP_TOKENS = 40
"""So many must repeat themselves to be a loop: of large numbers each digit is a token."""
_TOO_LATE = "The service did not finish this in time. Please try again."
_ENDED = "The work was cancelled before it was done."


@dataclass(eq=False, slots=True)
class Question:
    """A prompt and what becomes of it. Setting ``cancelled`` ends it with `Unavailable`, before the next token.

    ``deadline`` is a time of `time.monotonic`, after which it ends the same way. ``on_text`` gets the text so far
    after each token, in the thread that generates.
    """

    prompt: Prompt
    cancelled: threading.Event = field(default_factory=threading.Event)
    deadline: float | None = None
    on_text: Callable[[str], None] | None = None

    @property
    def failure(self) -> SttError | None:
        """Return why nobody waits for the answer any more, if so."""
        if self.cancelled.is_set():
            return Unavailable(_ENDED)
        return Unavailable(_TOO_LATE) if self.deadline is not None and time.monotonic() > self.deadline else None


class Answer:
    """One answer while it is written."""

    def __init__(self, question: Question, tokenizer: Any, ends: frozenset[int]) -> None:
        self.prompt = question.prompt
        self._question = question
        self._tokenizer = tokenizer
        self._ends = ends
        self._tokens: list[int] = []
        self._failure: SttError | None = None
        self._ended = self._loops = False

    @property
    def tokens_left(self) -> int:
        """Return how many more tokens it may have."""
        return self._question.prompt.max_tokens - len(self._tokens)

    def goes_on(self) -> bool:
        """Return whether somebody still waits for it."""
        self._failure = self._question.failure
        return self._failure is None

    def goes_on_with(self, token: int) -> bool:
        """Take the next token. Return False if it is at its end, full, in a loop, or nobody waits for it any more."""
        self._ended = token in self._ends
        if not self._ended:
            self._tokens.append(token)
        self._loops = not self._ended and _is_loop(self._tokens)
        self._failure = self._question.failure
        if self._failure is None and self._question.on_text is not None:
            self._question.on_text(self._text.rstrip("\ufffd"))
        done = self._ended or self._loops or self.tokens_left <= 0
        return not done and self._failure is None

    @property
    def result(self) -> str | SttError:
        """Return it without the end that one of full length, or one in a loop, breaks off in, if anything is before it.

        Sentences and lines that say the same again are left out by `stt_ai.summarization.shaping`; words alone that do
        are left once.
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
    """Return whether it ends on what a model says for ever where it has learnt nothing, and not on a number's zeros."""
    size = tail_loop(tokens)
    return size > 0 and len(tokens) >= _LOOP_TOKENS and tokens[-_LOOP_TOKENS:-size] == tokens[size - _LOOP_TOKENS :]

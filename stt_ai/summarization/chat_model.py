"""The chat model that summaries are asked of, as a port."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stt_ai.summarization.prompts import prompt
from stt_ai.types import Prompt, SummaryStyle

MAX_ANSWER_TOKENS = 1024
_ANSWER_TOKENS = {
    SummaryStyle.BRIEF: 200,
    SummaryStyle.DETAILED: 700,
    SummaryStyle.ACTION_ITEMS: 500,
    SummaryStyle.BULLET_POINTS: 500,
}
"""More than that only a loop has."""
_SPARE_TOKENS = 16
"""Tokens of joined texts do not simply add up."""


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A model that answers questions.

    ``count`` returns the tokens of a text, ``size`` those of a whole question as the model reads it, and question and
    answer together may have ``context`` tokens. ``ask`` returns an answer; the second argument, if given, is called
    with all of it so far while it is written. At most ``max_part_tokens`` of a text are asked about at once, 0 for as
    many as fit. Questions are answered together while they and their answers have at most ``max_cached_tokens``, 0 for
    any number. ``with_examples``: whether the model learns from an example in the question, as general chat models
    do. ``admit`` is called before a text is read in parts, with the tokens that are going to be read and those that
    answers are going to grow by, one after another, and raises `SummaryTooLong` if there is no time for that.
    """

    count: Callable[[str], int]
    ask: Callable[[Prompt, Callable[[str], None] | None], Awaitable[str]]
    context: int
    size: Callable[[Prompt], int]
    max_part_tokens: int = 0
    max_cached_tokens: int = 0
    with_examples: bool = False
    admit: Callable[[int, int], None] | None = None

    @property
    def max_answer_tokens(self) -> int:
        """Return the tokens that any answer may have."""
        return min(MAX_ANSWER_TOKENS, self.context * 2 // 5)

    def question(self, text: str, style: SummaryStyle, language: str, of_parts: bool = False) -> Prompt:
        """Return the prompt that asks for a summary of ``text``."""
        tokens = min(self.max_answer_tokens, _ANSWER_TOKENS[style])
        example = self.with_examples and not of_parts
        return prompt(text, style, language, of_parts=of_parts, with_example=example, max_tokens=tokens)

    def answered_together(self, part_tokens: int, style: SummaryStyle, language: str) -> int | None:
        """Return how many questions about parts of so many tokens are answered together; None: any number."""
        if not self.max_cached_tokens:
            return None
        asked = self.question("", style, language)
        return max(1, self.max_cached_tokens // (self.size(asked) + part_tokens + asked.max_tokens))

    def part_tokens(self, style: SummaryStyle, language: str) -> int:
        """Return how many tokens of a text fit into one question."""
        styles = {style, SummaryStyle.BRIEF}
        empty = [self.question("", one, language, of_parts) for one in styles for of_parts in (False, True)]
        overhead = max(self.size(asked) for asked in empty) + _SPARE_TOKENS
        fits = self.context - self.max_answer_tokens - overhead
        return min(fits, self.max_part_tokens) if self.max_part_tokens else fits

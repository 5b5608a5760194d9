"""Guesses at the next tokens of an answer: what followed where the last tokens stood before.

Answers about a text repeat its names, numbers and whole sentences. A model reads a draft of several tokens in hardly
more time than it takes to write one, and keeps as many as it would have written itself, so the answer is the same
(Saxena, 2023, Prompt Lookup Decoding; Leviathan et al., 2023, Fast Inference from Transformers via Speculative
Decoding, for the likeliest token each time).
"""

from collections.abc import Iterable

_LONGEST = 3
"""Tokens that are looked up, if they stood before; else fewer of them, and at last the last one alone."""


class PromptLookup:
    """All tokens so far, a prompt's and its answer's, and where each few of them were followed by others."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._behind: dict[tuple[int, ...], int] = {}
        for token in tokens:
            self.add(token)

    @property
    def last(self) -> int:
        """Return the last token."""
        return self._tokens[-1]

    def add(self, token: int) -> None:
        """Take the next token."""
        for few in self._last_few():
            self._behind[few] = len(self._tokens)
        self._tokens.append(token)

    def draft(self, count: int) -> list[int]:
        """Return at most ``count`` tokens: those that followed the longest of the last few where it stood last."""
        for few in self._last_few():
            if (begin := self._behind.get(few)) is not None:
                return self._tokens[begin : begin + count]
        return []

    def _last_few(self) -> list[tuple[int, ...]]:
        """Return the last tokens, the most of them first."""
        longest = min(_LONGEST, len(self._tokens))
        return [tuple(self._tokens[-count:]) for count in range(longest, 0, -1)]

"""Writes the answers of prompts that were read: all of them together, and several tokens of each in a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from stt_ai.engines.batch_cache import joined
from stt_ai.engines.chat_answer import Answer
from stt_ai.engines.prompt_lookup import PromptLookup
from stt_ai.engines.reading_speed import Speed, Stopwatch

MAX_DRAFT = 7
"""Tokens. Of more, too few are right."""
MAX_CPU_TOKENS, MAX_GPU_TOKENS = 16, 128
"""In one step, of all answers. What a step takes is reading the weights, up to about so many."""

Forward = Callable[[Any, Any, Any, Any, int], Any]
"""Tokens, cache, mask, positions, and of how many last tokens logits are wanted, to logits."""


@dataclass(slots=True)
class Row:
    """A prompt that was read, and its answer: ``length`` tokens of both have keys and values in ``cache``.

    ``tokens`` are one more: the last is still to be read.
    """

    answer: Answer
    tokens: PromptLookup
    cache: Any
    length: int

    def take(self, draft: Sequence[int], following: Sequence[int]) -> bool:
        """Take as many of the likeliest tokens as hold: each stands behind a last token and its ``draft`` so far.

        Return whether the answer goes on.
        """
        for place, token in enumerate(following):
            self.length += 1
            self.tokens.add(token)
            if not self.answer.goes_on_with(token):
                return False
            if place >= len(draft) or draft[place] != token:
                break
        return True


def write(rows: Sequence[Row], model: Any, forward: Forward, speed: Speed) -> None:
    """Write the answers of ``rows`` to their ends. Who is done leaves the batch."""
    going = list(rows)
    slides = any(layer.is_sliding for layer in going[0].cache.layers)  # what such a layer forgot cannot be taken back
    room = max(row.length + row.answer.tokens_left for row in going) + MAX_DRAFT
    lengths = [row.length for row in going]
    cache = going[0].cache if slides else joined([row.cache for row in going], lengths, room, model.config)
    most = MAX_CPU_TOKENS if model.device.type == "cpu" else MAX_GPU_TOKENS
    while going:
        longest = 0 if slides else min(MAX_DRAFT, most // len(going) - 1)
        drafts = [row.tokens.draft(min(longest, row.answer.tokens_left - 1)) for row in going]
        watch = Stopwatch()
        following = _likeliest(going, drafts, cache, model, forward)
        step = watch.stop()
        before = sum(row.length for row in going)
        stay = [place for place, row in enumerate(going) if row.take(drafts[place], following[place])]
        speed.wrote((sum(row.length for row in going) - before) / len(going), step)
        if 0 < len(stay) < len(going):
            cache.batch_select_indices(torch.tensor(stay, device=model.device))
        going = [going[place] for place in stay]
        lengths[:] = [row.length for row in going]


def _likeliest(
    rows: Sequence[Row], drafts: Sequence[Sequence[int]], cache: Any, model: Any, forward: Forward
) -> list[list[int]]:
    """Return the likeliest token behind each row's last token, and behind each of its draft.

    Shorter drafts are filled up with tokens whose results mean nothing.
    """
    width = 1 + max(map(len, drafts))
    tokens, positions = [], []
    for row, draft in zip(rows, drafts, strict=True):
        filled = width - 1 - len(draft)
        tokens.append([row.tokens.last, *draft, *[row.tokens.last] * filled])
        positions.append([row.length + min(place, len(draft)) for place in range(width)])
    read = [torch.tensor(values, dtype=torch.long, device=model.device) for values in (tokens, positions)]
    mask = None if len(rows) == 1 else _mask([row.length for row in rows], width, model)
    likeliest: list[list[int]] = forward(read[0], cache, mask, read[1], width).argmax(-1).tolist()
    return likeliest


def _mask(lengths: Sequence[int], width: int, model: Any) -> torch.Tensor:
    """Return what is added to the scores of (rows, 1, ``width`` queries, keys): each sees what stands before it."""
    ends = torch.tensor(lengths, device=model.device)[:, None] + torch.arange(width, device=model.device)
    hidden = torch.arange(max(lengths) + width, device=model.device) > ends[:, None, :, None]
    return torch.zeros(hidden.shape, dtype=model.dtype, device=model.device).masked_fill_(
        hidden, torch.finfo(model.dtype).min
    )

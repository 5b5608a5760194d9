"""Encoded windows -> decoded tokens, with Whisper's fallback to higher temperatures for each window alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import ctranslate2
import numpy as np

from stt_ai.engines.whisper_lengths import ENGLISH
from stt_ai.speech.fallback import DecodingResult, FallbackThresholds, best, is_doubtful, is_implausible

MAX_TOKENS = 224
"""Tokens that Whisper was trained to write for 30 s: half its decoder's length."""

BEST_OF = 5


class EncoderOutput:
    """The encoder's output for a batch, [windows, positions, width], from which rows can be taken."""

    def __init__(self, views: Sequence[Any]) -> None:
        """``views`` of [any, positions, width]: what one or more calls of the encoder gave, in order."""
        self._views = list(views)
        self._array: Any = None

    def __len__(self) -> int:
        return sum(int(view.shape[0]) for view in self._views)

    def rows(self, indices: Sequence[int]) -> Any:
        """Return a storage view of these windows. The whole output of one call is not copied.

        Rows of a GPU go through host memory: some megabytes each, which costs far less than encoding them again.
        """
        if len(self._views) == 1 and list(indices) == list(range(len(self))):
            return self._views[0]
        if self._array is None:
            self._array = np.concatenate([_on_host(view) for view in self._views])
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(self._array[list(indices)]))


def _on_host(view: Any) -> Any:
    if view.device != "cpu":
        view = view.to_device(ctranslate2.Device.cpu)
    if view.dtype not in (ctranslate2.DataType.float32, ctranslate2.DataType.float16):
        view = view.to(ctranslate2.DataType.float32)
    return np.array(view)


class DecodingModel(Protocol):
    """What is used of `stt_ai.engines.whisper_model.LoadedWhisper`. ``ct2``: a `ctranslate2.models.Whisper`."""

    @property
    def ct2(self) -> Any: ...

    @property
    def suppressed_tokens(self) -> list[int]: ...

    def text_of(self, tokens: Sequence[int]) -> str: ...


@dataclass(slots=True)
class DecodingTask:
    """One window to decode. ``temperatures`` are tried in turn until the text is not doubtful.

    The decoder is given ``before``, the text before the window, then the start sequence, then ``prefix``, with which
    the window's text begins, its first ``context`` tokens no part of the answer. ``spoken`` is the language of the
    speech, ``language`` that of the text. ``timed``: its words are to be aligned. ``partial``: it will be decoded again
    when more has been said. ``shortened``: a doubtful text will be decoded again from a longer encoding, so no other
    search is tried on this one. ``greedy_threshold``: the mean log-probability from which the ``greedy`` text is kept
    and no beam is searched; None: a beam is searched at once.
    """

    row: int
    start: list[int]
    language: str
    seconds: float
    beam_size: int
    temperatures: tuple[float, ...]
    before: tuple[int, ...] = ()
    prefix: tuple[int, ...] = ()
    timed: bool = True
    spoken: str = ""
    context: int = 0
    partial: bool = False
    shortened: bool = False
    greedy_threshold: float | None = None
    greedy: DecodingResult | None = None
    attempts: list[DecodingResult] = field(default_factory=list)

    @property
    def prompt(self) -> list[int]:
        """Return the tokens that the decoder is given before it writes its own."""
        return [*self.before, *self.start, *self.prefix]

    @property
    def max_length(self) -> int:
        """Return the ``max_length`` for `generate` that leaves the window as many tokens as it needs.

        CTranslate2 writes half of that, or what the prompt leaves of it if that is less.
        """
        is_tight = self.partial or (self.shortened and self.language == ENGLISH)
        limit = tight_token_limit(self.seconds) + len(self.prefix) if is_tight else token_limit(self.seconds)
        return min(2 * MAX_TOKENS, limit + max(limit, len(self.prompt)))

    @property
    def greedy_first(self) -> bool:
        """Return whether the greedy text may spare a beam."""
        return self.greedy_threshold is not None and self.beam_size > 1

    @property
    def temperature(self) -> float:
        """Return the temperature of the next attempt."""
        return self.temperatures[len(self.attempts)]


def token_limit(seconds: float) -> int:
    """Return how many tokens a window may take, since a loop would always write 224.

    Scripts that the tokenizer hardly knows, such as those of India, take more: their results are `truncated`.
    """
    return min(MAX_TOKENS, 50 + math.ceil(25 * seconds))


def tight_token_limit(seconds: float) -> int:
    """Return how many tokens a text may take that will be decoded again if they are too few.

    Fast English takes some six a second. What loops on is stopped before it keeps the model for half a second.
    """
    return min(MAX_TOKENS, 12 + math.ceil(12 * seconds))


def decode(
    model: DecodingModel, encoded: EncoderOutput, tasks: Sequence[DecodingTask], thresholds: FallbackThresholds
) -> list[DecodingResult]:
    """Return the result to keep for each task. Only windows whose text is doubtful are decoded again."""
    fresh = [task for task in tasks if task.greedy_first and not task.attempts and task.temperature == 0]
    decode_greedily(model, encoded, [task for task in fresh if task.greedy is None])
    for task in fresh:
        if task.greedy is not None and _spares_a_beam(task, task.greedy, thresholds):
            task.attempts.append(task.greedy)
    pending = [task for task in tasks if _needs_another(task, thresholds)]
    while pending:
        decode_once(model, encoded, pending)
        pending = [task for task in pending if _needs_another(task, thresholds)]
    return [best(task.attempts, thresholds) for task in tasks]


def decode_greedily(model: DecodingModel, encoded: EncoderOutput, tasks: Sequence[DecodingTask]) -> None:
    """Decode each task without a beam.

    A beam's step takes twice as long, and where the greedy text is likely the beam finds no better one.
    """
    once = [replace(task, beam_size=1, attempts=[]) for task in tasks]
    decode_once(model, encoded, once)
    for task, attempted in zip(tasks, once, strict=True):
        (task.greedy,) = attempted.attempts


def _spares_a_beam(task: DecodingTask, greedy: DecodingResult, thresholds: FallbackThresholds) -> bool:
    """Return whether the greedy text is likely enough, or so doubtful that a longer encoding is tried next."""
    if is_implausible(greedy, thresholds):
        return task.shortened
    return task.greedy_threshold is not None and greedy.log_probability >= task.greedy_threshold


def decode_once(model: DecodingModel, encoded: EncoderOutput, tasks: Sequence[DecodingTask]) -> None:
    """Decode each task once more, at the next of its temperatures."""
    for group in _compatible_groups(tasks):
        max_length = max(task.max_length for task in group)
        results = model.ct2.generate(
            encoded.rows([task.row for task in group]),
            [task.prompt for task in group],
            max_length=max_length,
            suppress_tokens=model.suppressed_tokens,
            return_scores=True,
            return_no_speech_prob=True,
            **_search(group[0]),
        )
        for task, result in zip(group, results, strict=True):
            task.attempts.append(_decoding_result(result, task, model.text_of, max_length))


def _needs_another(task: DecodingTask, thresholds: FallbackThresholds) -> bool:
    if not task.attempts:
        return True
    return len(task.attempts) < len(task.temperatures) and is_doubtful(task.attempts[-1], thresholds)


def _compatible_groups(tasks: Sequence[DecodingTask]) -> list[list[DecodingTask]]:
    """Return the tasks in groups that one call can decode: a batch has one search and one prompt length."""
    groups: dict[tuple[int, float, int], list[DecodingTask]] = {}
    for task in tasks:
        groups.setdefault((task.beam_size, task.temperature, len(task.before)), []).append(task)
    return list(groups.values())


def _search(task: DecodingTask) -> dict[str, Any]:
    """Beam search at temperature 0, else the likeliest of `BEST_OF` samples, as Whisper does."""
    if task.temperature > 0:
        return {
            "beam_size": 1,
            "num_hypotheses": BEST_OF,
            "sampling_topk": 0,
            "sampling_temperature": task.temperature,
        }
    return {"beam_size": task.beam_size, "patience": 1}


def _decoding_result(
    result: Any, task: DecodingTask, text_of: Callable[[Sequence[int]], str], max_length: int
) -> DecodingResult:
    tokens = tuple(result.sequences_ids[0])
    # The score is the mean over the tokens, those of the prefix at no cost; Whisper counts the end token, too.
    mean = result.scores[0] * len(tokens) / (max(0, len(tokens) - len(task.prefix)) + 1)
    truncated = len(tokens) >= min(max_length // 2, max_length - len(task.prompt) + len(task.prefix))
    return DecodingResult(text_of(tokens), tokens, mean, result.no_speech_prob, task.temperature, truncated)

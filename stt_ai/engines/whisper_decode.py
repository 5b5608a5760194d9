"""Encoded windows -> decoded tokens, with Whisper's fallback to higher temperatures for each window alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import ctranslate2
import numpy as np

from stt_ai.speech.cleanup import Attempt, Guards, best, is_doubtful

MAX_TOKENS = 224
"""What Whisper was trained to write for 30 s: half its decoder's length."""

BEST_OF = 5


class Encoded:
    """The encoder's output for a batch, [windows, positions, width], from which rows can be taken."""

    def __init__(self, views: Sequence[Any]) -> None:
        """``views`` of [any, positions, width]: what one or more calls of the encoder gave, in order."""
        self._views = list(views)
        self._array: Any = None

    def __len__(self) -> int:
        return sum(int(view.shape[0]) for view in self._views)

    def rows(self, indices: Sequence[int]) -> Any:
        """A storage view of these windows. What one call gave is not copied.

        A GPU's rows go through host memory: some megabytes each, far less than encoding them again.
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
class Job:
    """One window on its way through the decoder. ``temperatures`` are tried in turn until one is believed.

    The decoder is given ``before``, the text before the window, then the start sequence, then ``prefix``, with which
    the window's text begins, its first ``context`` tokens no part of the answer. ``spoken`` is the language of the
    speech, ``language`` that of the text. ``timed``: its words are to be aligned. ``draft``: it will be decoded again
    when more has been said. ``sure``: the mean log-probability from which the ``greedy`` text is kept without a beam.
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
    draft: bool = False
    sure: float | None = None
    greedy: Attempt | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def prompt(self) -> list[int]:
        return [*self.before, *self.start, *self.prefix]

    @property
    def longest(self) -> int:
        """What `generate` must be told so that the window may take as many tokens as it needs.

        It takes half of that, or what the prompt leaves of it where that is less.
        """
        limit = draft_token_limit(self.seconds) + len(self.prefix) if self.draft else token_limit(self.seconds)
        return min(2 * MAX_TOKENS, limit + max(limit, len(self.prompt)))

    @property
    def temperature(self) -> float:
        return self.temperatures[len(self.attempts)]


def token_limit(seconds: float) -> int:
    """How many tokens a window may take: a loop would always write 224.

    Scripts of which the tokenizer has learnt little, as those of India, take more: those attempts are `cut`.
    """
    return min(MAX_TOKENS, 50 + math.ceil(25 * seconds))


def draft_token_limit(seconds: float) -> int:
    """Return how many tokens the text of so much speech may take when a live speaker waits to see it.

    Fast English takes some six a second. What loops on is stopped before it keeps the model for half a second.
    """
    return min(MAX_TOKENS, 12 + math.ceil(12 * seconds))


def decode(model: DecodingModel, encoded: Encoded, jobs: Sequence[Job], guards: Guards) -> list[Attempt]:
    """Return the attempt to keep for each job. Only windows whose text is in doubt are decoded again."""
    fresh = [job for job in jobs if job.sure is not None and not job.attempts and job.temperature == 0]
    attempt_greedily(model, encoded, [job for job in fresh if job.greedy is None])
    for job in fresh:
        if job.greedy is not None and _is_sure(job.greedy, job.sure, guards):
            job.attempts.append(job.greedy)
    pending = [job for job in jobs if _needs_another(job, guards)]
    while pending:
        attempt_each(model, encoded, pending)
        pending = [job for job in pending if _needs_another(job, guards)]
    return [best(job.attempts, guards) for job in jobs]


def attempt_greedily(model: DecodingModel, encoded: Encoded, jobs: Sequence[Job]) -> None:
    """Decode each job without a beam.

    A beam's step takes twice as long, and where the greedy text is likely the beam finds no better one.
    """
    once = [replace(job, beam_size=1, attempts=[]) for job in jobs]
    attempt_each(model, encoded, once)
    for job, attempted in zip(jobs, once, strict=True):
        (job.greedy,) = attempted.attempts


def _is_sure(attempt: Attempt, least: float | None, guards: Guards) -> bool:
    likely = least is not None and attempt.log_probability >= least
    return likely and not attempt.cut and not is_doubtful(attempt, guards)


def attempt_each(model: DecodingModel, encoded: Encoded, jobs: Sequence[Job]) -> None:
    """Decode each job once more, at the next of its temperatures."""
    for group in _alike(jobs):
        longest = max(job.longest for job in group)
        results = model.ct2.generate(
            encoded.rows([job.row for job in group]),
            [job.prompt for job in group],
            max_length=longest,
            suppress_tokens=model.suppressed_tokens,
            return_scores=True,
            return_no_speech_prob=True,
            **_search(group[0]),
        )
        for job, result in zip(group, results, strict=True):
            job.attempts.append(_attempt(result, job, model.text_of, longest))


def _needs_another(job: Job, guards: Guards) -> bool:
    if not job.attempts:
        return True
    return len(job.attempts) < len(job.temperatures) and is_doubtful(job.attempts[-1], guards)


def _alike(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that one call can decode: CTranslate2 takes one search and one place of the start for a batch."""
    groups: dict[tuple[int, float, int], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.beam_size, job.temperature, len(job.before)), []).append(job)
    return list(groups.values())


def _search(job: Job) -> dict[str, Any]:
    """Beam search at temperature 0, else the likeliest of `BEST_OF` samples, as Whisper does."""
    if job.temperature > 0:
        return {
            "beam_size": 1,
            "num_hypotheses": BEST_OF,
            "sampling_topk": 0,
            "sampling_temperature": job.temperature,
        }
    return {"beam_size": job.beam_size, "patience": 1}


def _attempt(result: Any, job: Job, text_of: Callable[[Sequence[int]], str], longest: int) -> Attempt:
    tokens = tuple(result.sequences_ids[0])
    # The score is the mean over the tokens, those of the prefix at no cost; Whisper counts the end token, too.
    mean = result.scores[0] * len(tokens) / (max(0, len(tokens) - len(job.prefix)) + 1)
    cut = len(tokens) >= min(longest // 2, longest - len(job.prompt) + len(job.prefix))
    return Attempt(text_of(tokens), tokens, mean, result.no_speech_prob, job.temperature, cut)

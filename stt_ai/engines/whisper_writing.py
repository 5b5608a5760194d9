"""Decoded windows -> their words, without what the model made up."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from stt_ai.engines.features import FRAMES_PER_SECOND
from stt_ai.engines.whisper_decode import Encoded, Job
from stt_ai.engines.whisper_model import LoadedWhisper
from stt_ai.engines.whisper_words import Unaligned, pieces_of, words_of
from stt_ai.speech.cleanup import Attempt, Guards, collapse_loops, is_invented, is_silence
from stt_ai.types import Piece, Word

SHORTEST_ALIGNED = 20
"""Frames. The aligner finds no path through fewer than a few positions."""


class Writer:
    """Writes what one model decoded. The words of a job's prefix, which were decided before, always stay."""

    def __init__(self, model: LoadedWhisper, guards: Guards) -> None:
        self._model = model
        self._guards = guards

    def words(self, encoded: Encoded, jobs: Sequence[Job], attempts: Sequence[Attempt]) -> dict[int, tuple[Word, ...]]:
        """Words by row, timed by one alignment for each start sequence. What was made up has none."""
        words: dict[int, tuple[Word, ...]] = {job.row: () for job in jobs}
        texts: dict[int, list[int]] = {}
        groups: dict[tuple[int, ...], list[tuple[Job, Attempt]]] = {}
        for job, attempt in zip(jobs, attempts, strict=True):
            texts[job.row] = text = self._text(job, attempt)
            if text and job.timed:
                groups.setdefault(tuple(job.start[:-1]), []).append((job, attempt))
            elif text:
                even = Unaligned([math.exp(attempt.log_probability)] * len(text))
                words[job.row] = self._spelt(job, attempt, text, even)
        for start_sequence, group in groups.items():
            alignments = self._model.ct2.align(
                encoded.rows([job.row for job, _ in group]),
                list(start_sequence),
                [texts[job.row] for job, _ in group],
                [max(SHORTEST_ALIGNED, round(job.seconds * FRAMES_PER_SECOND)) for job, _ in group],
            )
            for (job, attempt), alignment in zip(group, alignments, strict=True):
                words[job.row] = self._spelt(job, attempt, texts[job.row], alignment)
        return words

    def pieces(self, job: Job, attempt: Attempt) -> tuple[Piece, ...]:
        """What comes after the prefix, with its tokens."""
        tail = self._text(job, attempt)[len(job.prefix) :]
        split = self._model.tokenizer(job.language).split_to_word_tokens
        return pieces_of(tail, self._model.end_token, split, job.language)

    def _text(self, job: Job, attempt: Attempt) -> list[int]:
        """The tokens that are text; none when it was made up or says nothing."""
        made_up = is_silence(attempt, self._guards) or is_invented(
            attempt.text, job.seconds, attempt.no_speech_probability, attempt.log_probability
        )
        if (made_up or not any(c.isalnum() for c in attempt.text)) and len(job.prefix) == job.context:
            return []
        return [token for token in attempt.tokens if token < self._model.end_token]

    def _spelt(self, job: Job, attempt: Attempt, tokens: list[int], alignment: Any) -> tuple[Word, ...]:
        """The words without what loops in those after the prefix."""
        split = self._model.tokenizer(job.language).split_to_word_tokens
        words = words_of(tokens, self._model.end_token, split, alignment, job.language, job.seconds)
        known, decided = _words_of_first(words, job.context), _words_of_first(words, len(job.prefix))
        return (*words[known:decided], *collapse_loops(words[decided:], cut=attempt.cut))


def _words_of_first(words: Sequence[Word], tokens: int) -> int:
    """Return how many words the first ``tokens`` are in."""
    return bisect_left(list(accumulate(word.tokens for word in words)), tokens) + 1 if tokens else 0

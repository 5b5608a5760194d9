"""Decoded windows -> their words, aligned to the audio, without hallucinations and loops."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from stt_ai.engines.features import FRAMES_PER_SECOND
from stt_ai.engines.whisper_decode import DecodingTask, EncoderOutput
from stt_ai.engines.whisper_model import LoadedWhisper
from stt_ai.engines.whisper_words import Unaligned, tokenized_words_of, words_of
from stt_ai.speech.fallback import DecodingResult, FallbackThresholds, is_silence
from stt_ai.speech.hallucinations import is_hallucination
from stt_ai.speech.loops import collapse_loops
from stt_ai.types import TokenizedWord, Word

MIN_ALIGNED = 20
"""Frames that are aligned at least: the aligner finds no path through only a few positions."""


class WordAligner:
    """Makes words of decoded tokens. The words of a task's prefix, which are committed, are always kept."""

    def __init__(self, model: LoadedWhisper, thresholds: FallbackThresholds) -> None:
        self._model = model
        self._thresholds = thresholds

    def words(
        self, encoded: EncoderOutput, tasks: Sequence[DecodingTask], attempts: Sequence[DecodingResult]
    ) -> dict[int, tuple[Word, ...]]:
        """Return words by row, timed by one alignment for each start sequence. A hallucination has none."""
        words: dict[int, tuple[Word, ...]] = {task.row: () for task in tasks}
        texts: dict[int, list[int]] = {}
        groups: dict[tuple[int, ...], list[tuple[DecodingTask, DecodingResult]]] = {}
        for task, attempt in zip(tasks, attempts, strict=True):
            texts[task.row] = text = self._text(task, attempt)
            if text and task.timed:
                groups.setdefault(tuple(task.start[:-1]), []).append((task, attempt))
            elif text:
                even = Unaligned([math.exp(attempt.log_probability)] * len(text))
                words[task.row] = self._words_of_text(task, attempt, text, even)
        for start_sequence, group in groups.items():
            alignments = self._model.ct2.align(
                encoded.rows([task.row for task, _ in group]),
                list(start_sequence),
                [texts[task.row] for task, _ in group],
                [max(MIN_ALIGNED, round(task.seconds * FRAMES_PER_SECOND)) for task, _ in group],
            )
            for (task, attempt), alignment in zip(group, alignments, strict=True):
                words[task.row] = self._words_of_text(task, attempt, texts[task.row], alignment)
        return words

    def tokenized_words(self, task: DecodingTask, attempt: DecodingResult) -> tuple[TokenizedWord, ...]:
        """Return the words after the prefix, with their tokens."""
        tail = self._text(task, attempt)[len(task.prefix) :]
        split = self._model.tokenizer(task.language).split_to_word_tokens
        return tokenized_words_of(tail, self._model.end_token, split, task.language)

    def _text(self, task: DecodingTask, attempt: DecodingResult) -> list[int]:
        """Return the tokens of the text; none if it is a hallucination or has no letter or digit."""
        made_up = is_silence(attempt, self._thresholds) or is_hallucination(
            attempt.text, task.seconds, attempt.no_speech_probability, attempt.log_probability
        )
        if (made_up or not any(c.isalnum() for c in attempt.text)) and len(task.prefix) == task.context:
            return []
        return [token for token in attempt.tokens if token < self._model.end_token]

    def _words_of_text(
        self, task: DecodingTask, attempt: DecodingResult, tokens: list[int], alignment: Any
    ) -> tuple[Word, ...]:
        """Return the words, after the prefix without loops."""
        split = self._model.tokenizer(task.language).split_to_word_tokens
        words = words_of(tokens, self._model.end_token, split, alignment, task.language, task.seconds)
        known, decided = count_words(words, task.context), count_words(words, len(task.prefix))
        return (*words[known:decided], *collapse_loops(words[decided:], truncated=attempt.truncated))


def count_words(words: Sequence[Word], tokens: int) -> int:
    """Return how many words the first ``tokens`` are in."""
    return bisect_left(list(accumulate(word.tokens for word in words)), tokens) + 1 if tokens else 0

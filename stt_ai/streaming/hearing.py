"""A session's questions to its model: guesses, which may be dropped, and decisions, which may not."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from stt_ai.errors import InternalError, SttError, Unavailable
from stt_ai.ports import LiveRecognizer
from stt_ai.speech.agreement import plain, prefix_distances
from stt_ai.streaming.config import LiveConfig, LiveLimits
from stt_ai.streaming.language import SessionLanguage
from stt_ai.types import (
    SAMPLE_RATE,
    DecodingOptions,
    Hypothesis,
    LoadedModel,
    Piece,
    Priority,
    Samples,
    WindowTranscript,
    Word,
)

logger = logging.getLogger(__name__)

TEMPERATURES = (0.0, 0.4)
MIN_RETRIED_S = 2.0
"""Of an utterance that is worth a second attempt: who said "hm" does not wait for it."""
BREATH = 1.3
"""A guess that took a second is followed by another after this many: the rest is for finals and for other sessions."""
RETRY_S = 1.0
WITHIN_S = 2.0
"""A partial that does not begin in that time is not worth showing."""


class Hearing:
    """``step_s``: seconds of audio to the next guess, by how long the last ones took.

    ``language``: the session's.
    """

    def __init__(
        self, config: LiveConfig, recognizer: LiveRecognizer, limits: LiveLimits, clock: Callable[[], float], key: str
    ) -> None:
        self._recognizer = recognizer
        self._limits = limits
        self._clock = clock
        self._key = key
        self._word_times = config.word_timestamps
        self._prompt = " ".join(part for part in (config.hotwords.strip(), config.prompt.strip()) if part)
        self.language = SessionLanguage(config.language)
        self.step_s = limits.step_s

    async def describe(self) -> LoadedModel:
        return await self._recognizer.describe()

    async def guess(
        self, samples: Samples, context: str, prefix: tuple[int, ...], language: str | None
    ) -> Hypothesis | None:
        """None: there is none this time, and the next one comes later."""
        options = DecodingOptions(
            language=language or self.language.known,
            beam_size=1,
            temperatures=(0.0,),
            priority=Priority.PARTIAL,
            context=context,
            prefix=prefix,
            prompt=self._prompt,
            word_times=False,
        )
        begun = self._clock()
        try:
            heard = await self._recognizer.guess(samples, options, key=self._key, within=WITHIN_S)
        except SttError as error:
            logger.warning("a guess failed: %s", error)
            heard = None
        wanted = 2 * self.step_s if heard is None else BREATH * (self._clock() - begun)
        self.step_s = min(max(self._limits.step_s, wanted), self._limits.longest_step_s)
        return heard

    async def decide(self, samples: Samples, context: str, skipped: int, settled: Sequence[Piece]) -> WindowTranscript:
        """Return the utterance's words, of which ``settled`` are the first.

        The utterance begins ``skipped`` samples after those that belong to ``context``, the text before it.

        All of it is decoded afresh, since what follows may tell how the beginning is written.

        Tried again for as long as the limits say. Raises `Unavailable` after that, and `InternalError`.
        """
        seconds = (len(samples) - skipped) / SAMPLE_RATE
        options = DecodingOptions(
            language=self.language.known,
            beam_size=self._limits.beam_size,
            temperatures=TEMPERATURES if seconds >= MIN_RETRIED_S else TEMPERATURES[:1],
            priority=Priority.LIVE,
            context=context,
            prompt=self._prompt,
            word_times=self._word_times,
        )
        heard = await self._hear(samples, options)
        if context and not heard.words:  # a model may take all for said with the text that it was given
            heard, skipped = await self._hear(samples[skipped:], replace(options, context="")), 0
        return with_settled(_earlier(heard, skipped / SAMPLE_RATE), settled)

    async def _hear(self, samples: Samples, options: DecodingOptions) -> WindowTranscript:
        patient_until = self._clock() + self._limits.patience_s
        faults = 0
        while True:
            try:
                return await self._recognizer.hear(samples, options, key=self._key)
            except Unavailable as busy:
                if self._clock() >= patient_until:
                    raise
                logger.info("a final is tried again: %s", busy)
                await asyncio.sleep(min(busy.retry_after, RETRY_S))
            except InternalError:
                faults += 1
                if faults > 1:
                    raise


def _earlier(heard: WindowTranscript, seconds: float) -> WindowTranscript:
    """Return the same ``seconds`` earlier, nothing before 0."""
    words = tuple(
        replace(word, start=max(0.0, word.start - seconds), end=max(0.0, word.end - seconds)) for word in heard.words
    )
    return replace(heard, words=words)


def with_settled(heard: WindowTranscript, settled: Sequence[Piece]) -> WindowTranscript:
    """Return what was heard with ``settled`` in place of the words that are likeliest to stand for them.

    Those are as many as need the fewest changes (Levenshtein) to become what was settled.
    """
    if not settled:
        return heard
    wanted, found = [plain(piece.text) for piece in settled], [plain(word.text) for word in heard.words]
    costs = prefix_distances(wanted, found)
    replaced = min(range(len(costs)), key=lambda count: (costs[count], abs(count - len(settled))))
    old = heard.words[:replaced]
    if replaced == len(settled):
        new = tuple(replace(word, text=piece.text) for word, piece in zip(old, settled, strict=True))
    else:
        new = _spread(settled, old, heard)
    return replace(heard, words=(*new, *heard.words[replaced:]))


def _spread(settled: Sequence[Piece], old: Sequence[Word], heard: WindowTranscript) -> tuple[Word, ...]:
    """Return the settled words, evenly over the time of those that they stand for."""
    start = old[0].start if old else 0.0
    end = old[-1].end if old else heard.words[0].start if heard.words else 0.0
    confidence = min((word.confidence for word in old), default=0.0)
    step = (end - start) / len(settled)
    return tuple(
        Word(piece.text, start + at * step, start + (at + 1) * step, confidence, len(piece.tokens))
        for at, piece in enumerate(settled)
    )

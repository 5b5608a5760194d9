"""A session's questions to its model: guesses, which may be dropped, and decisions, which may not."""

import asyncio
import logging
from collections.abc import Callable

from stt_ai.errors import InternalError, SttError, Unavailable
from stt_ai.ports import LiveRecognizer
from stt_ai.streaming.config import LiveConfig, LiveLimits
from stt_ai.types import DecodingOptions, Hypothesis, LoadedModel, Priority, Samples, WindowTranscript

logger = logging.getLogger(__name__)

TEMPERATURES = (0.0, 0.2, 0.4)
BREATH = 1.3
"""A guess that took a second is followed by another after this many: the rest is for finals and for other sessions."""
RETRY_S = 1.0
LOCK_S = 2.0
LOCK_PROBABILITY = 0.5


class Hearing:
    """``step_s``: seconds of audio to the next guess, by how long the last ones took.

    ``language``: the session's, once it is known; it is settled by the first final that is long and clear enough.
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
        self.language = config.language
        self.step_s = limits.step_s

    async def describe(self) -> LoadedModel:
        return await self._recognizer.describe()

    async def guess(self, samples: Samples, prefix: tuple[int, ...], language: str | None) -> Hypothesis | None:
        """None: there is none this time, and the next one comes later."""
        options = DecodingOptions(
            language=language or self.language,
            beam_size=1,
            temperatures=(0.0,),
            priority=Priority.PARTIAL,
            prefix=prefix,
            prompt=self._prompt,
            word_times=False,
        )
        begun = self._clock()
        try:
            heard = await self._recognizer.guess(samples, options, key=self._key, within=max(1.0, 2 * self.step_s))
        except SttError as error:
            logger.warning("a guess failed: %s", error)
            heard = None
        wanted = 2 * self.step_s if heard is None else BREATH * (self._clock() - begun)
        self.step_s = min(max(self._limits.step_s, wanted), self._limits.longest_step_s)
        return heard

    async def decide(self, samples: Samples, prefix: tuple[int, ...], language: str | None) -> WindowTranscript:
        """Tried again for as long as the limits say. Raises `Unavailable` after that, and `InternalError`."""
        options = DecodingOptions(
            language=language or self.language,
            beam_size=self._limits.beam_size,
            temperatures=TEMPERATURES,
            priority=Priority.LIVE,
            prefix=prefix,
            prompt=self._prompt,
            word_times=self._word_times,
        )
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

    def settle_language(self, heard: WindowTranscript, seconds: float) -> None:
        if self.language is None and heard.words and seconds >= LOCK_S:
            likely = heard.language_probability > LOCK_PROBABILITY
            self.language = heard.language if likely else None

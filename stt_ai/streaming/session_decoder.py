"""A session's requests to its model: partials, which may be dropped, and finals, which are retried."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from stt_ai.errors import InternalError, SttError, Unavailable
from stt_ai.ports import LiveRecognizer
from stt_ai.speech.agreement import plain, prefix_distances
from stt_ai.speech.keywords import decode_with_keywords
from stt_ai.streaming.config import LiveConfig, LiveLimits
from stt_ai.streaming.language import SessionLanguage
from stt_ai.types import (
    SAMPLE_RATE,
    DecodingOptions,
    Hypothesis,
    LoadedModel,
    Priority,
    Samples,
    TokenizedWord,
    WindowTranscript,
    Word,
)

logger = logging.getLogger(__name__)

TEMPERATURES = (0.0, 0.4)
MIN_RETRIED_S = 2.0
"""Length of the shortest utterance that is worth a second attempt, at a higher temperature."""
PARTIAL_SPACING = 1.3
"""The next partial begins after this many times the seconds that the last one took: the rest of the time is left to
finals and other sessions."""
RETRY_S = 1.0
MAX_PARTIAL_WAIT_S = 2.0
"""A partial that waits longer for the model is dropped."""


class SessionDecoder:
    """Decodes the audio of one session.

    ``partial_interval_s``: seconds of audio between two partials, adapted to how long the last one took. ``language``:
    the session's. ``keywords``: names and terms that may be said.
    """

    def __init__(
        self, config: LiveConfig, recognizer: LiveRecognizer, limits: LiveLimits, clock: Callable[[], float], key: str
    ) -> None:
        self._recognizer = recognizer
        self._limits = limits
        self._clock = clock
        self._key = key
        self._word_timestamps = config.word_timestamps
        self._prompt = config.prompt
        self.keywords = config.keywords
        self.language = SessionLanguage(config.language)
        self.partial_interval_s = limits.partial_interval_s

    async def describe(self) -> LoadedModel:
        """Return what the model is that answers."""
        return await self._recognizer.describe()

    async def decode_partial(
        self, samples: Samples, context: str, prefix: tuple[int, ...], language: str | None
    ) -> Hypothesis | None:
        """Return the hypothesis after ``prefix``; None where the model is busy: the next one comes later."""
        options = DecodingOptions(
            language=language or self.language.known,
            beam_size=1,
            temperatures=(0.0,),
            priority=Priority.PARTIAL,
            context=context,
            prefix=prefix,
            prompt=self._prompt,
            word_timestamps=False,
        )
        begun = self._clock()
        try:
            transcript = await self._recognizer.transcribe_partial(
                samples, options, key=self._key, within_s=MAX_PARTIAL_WAIT_S
            )
        except SttError as error:
            logger.warning("a partial failed: %s", error)
            transcript = None
        wanted = 2 * self.partial_interval_s if transcript is None else PARTIAL_SPACING * (self._clock() - begun)
        self.partial_interval_s = min(max(self._limits.partial_interval_s, wanted), self._limits.max_partial_interval_s)
        return transcript

    async def decode_final(
        self, samples: Samples, context: str, skipped: int, committed: Sequence[TokenizedWord]
    ) -> WindowTranscript:
        """Return the utterance's words, which begin with the ``committed`` ones.

        ``samples`` begin with ``skipped`` samples of ``context``, the text before the utterance. Only what follows the
        committed words is written, and all words are timed. Raise `Unavailable` once the limits allow no further
        attempt, and `InternalError`.
        """
        seconds = (len(samples) - skipped) / SAMPLE_RATE
        options = DecodingOptions(
            language=self.language.known,
            beam_size=self._limits.beam_size,
            temperatures=TEMPERATURES if seconds >= MIN_RETRIED_S else TEMPERATURES[:1],
            priority=Priority.LIVE,
            context=context,
            prefix=tuple(token for word in committed for token in word.tokens),
            prompt=self._prompt,
            word_timestamps=self._word_timestamps,
        )
        transcript = await self._transcribe_final(samples, options)
        # The model may take what follows the committed words, or all of the utterance, for a part of the context.
        if context and len(transcript.words) <= len(committed):
            transcript = await self._transcribe_final(samples[skipped:], replace(options, context=""))
            skipped = 0
        return with_committed(_shift_earlier(transcript, skipped / SAMPLE_RATE), committed)

    async def _transcribe_final(self, samples: Samples, options: DecodingOptions) -> WindowTranscript:
        return await decode_with_keywords(
            lambda options: self._transcribe_with_retries(samples, options), options, self.keywords
        )

    async def _transcribe_with_retries(self, samples: Samples, options: DecodingOptions) -> WindowTranscript:
        retry_until = self._clock() + self._limits.final_retry_s
        faults = 0
        while True:
            try:
                return await self._recognizer.transcribe_final(samples, options, key=self._key)
            except Unavailable as busy:
                if self._clock() >= retry_until:
                    raise
                logger.info("a final is retried: %s", busy)
                await asyncio.sleep(min(busy.retry_after, RETRY_S))
            except InternalError:
                faults += 1
                if faults > 1:
                    raise


def _shift_earlier(transcript: WindowTranscript, seconds: float) -> WindowTranscript:
    """Return the transcript with all times ``seconds`` earlier, but none before 0."""
    words = tuple(
        replace(word, start=max(0.0, word.start - seconds), end=max(0.0, word.end - seconds))
        for word in transcript.words
    )
    return replace(transcript, words=words)


def with_committed(transcript: WindowTranscript, committed: Sequence[TokenizedWord]) -> WindowTranscript:
    """Return the transcript with its first words replaced by the ``committed`` ones.

    As many words are replaced as differ least from the committed ones (Levenshtein distance).
    """
    if not committed:
        return transcript
    wanted, found = [plain(piece.text) for piece in committed], [plain(word.text) for word in transcript.words]
    distances = prefix_distances(wanted, found)
    replaced = min(range(len(distances)), key=lambda count: (distances[count], abs(count - len(committed))))
    old = transcript.words[:replaced]
    if replaced == len(committed):
        new = tuple(replace(word, text=piece.text) for word, piece in zip(old, committed, strict=True))
    else:
        new = _spread(committed, old, transcript)
    return replace(transcript, words=(*new, *transcript.words[replaced:]))


def _spread(committed: Sequence[TokenizedWord], old: Sequence[Word], transcript: WindowTranscript) -> tuple[Word, ...]:
    """Return the committed words, spread evenly over the time of those that they replace."""
    start = old[0].start if old else 0.0
    end = old[-1].end if old else transcript.words[0].start if transcript.words else 0.0
    confidence = min((word.confidence for word in old), default=0.0)
    step = (end - start) / len(committed)
    return tuple(
        Word(piece.text, start + at * step, start + (at + 1) * step, confidence, len(piece.tokens))
        for at, piece in enumerate(committed)
    )

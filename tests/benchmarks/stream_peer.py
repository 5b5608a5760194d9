"""LocalAgreement-2 as Macháček et al. give it (arXiv 2307.14743), on our model, scheduler and voice detection.

The whole buffer is decoded anew whenever another second of audio is there. What two hypotheses in a row begin with is
committed; when the buffer grows too long it is trimmed at the end of a committed sentence. Speech is found as by the
session that it is compared with, with the same silence at the end of an utterance.

Where the paper leaves a choice it is made in the peer's favour: greedy decoding as the session's, what is not committed
yet is shown too, and the end of an utterance is decoded once more, which its own program leaves out.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from stt_ai.ports import LiveRecognizer, VoiceDetector
from stt_ai.speech.agreement import common_prefix, plain
from stt_ai.speech.endpointing import Began, Ended, Endpointer, Endpointing
from stt_ai.streaming.ring_buffer import RingBuffer
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Priority, Samples, Word

MIN_CHUNK = SAMPLE_RATE
SENTENCE_ENDS = ".!?"

Tell = Callable[[str, bool], None]
"""(text of the utterance so far, whether it is final)."""


class LocalAgreement:
    """One stream. ``longest_s``: the buffer beyond which it is trimmed; 15 s in the paper, less where the model's
    window is shorter.
    """

    def __init__(self, model: LiveRecognizer, voices: VoiceDetector, longest_s: float, key: str, tell: Tell) -> None:
        self._model = model
        self._voice = voices.stream()
        self._endpointer = Endpointer(Endpointing(soft_cut=1e6, hard_cut=1e4))
        self._longest = round(longest_s * SAMPLE_RATE)
        self._key = key
        self._tell = tell
        self._ring = RingBuffer()
        self._start: int | None = None
        self._buffer_start = 0
        self._decoded_to = 0
        self._coming: deque[list[int]] = deque()  # [start, end] of utterances, the last perhaps without its end
        self._committed: list[Word] = []  # times are seconds of the stream
        self._scrolled = 0  # of the committed words, those whose sound has left the buffer
        self._last: list[Word] = []
        self._changed = asyncio.Event()
        self._over = False

    def feed(self, samples: Samples) -> None:
        self._ring.append(samples)
        for probability in self._voice.feed(samples):
            for change in self._endpointer.push(probability):
                if isinstance(change, Began):
                    self._coming.append([change.start])
                elif isinstance(change, Ended):
                    self._coming[-1].append(change.end)
        if not self._coming:
            self._ring.drop_before(self._endpointer.needed_from)
        self._changed.set()

    def stop(self) -> None:
        self._over = True
        self._changed.set()

    async def run(self) -> None:
        """Until `stop`, and until all that has ended by then is sent."""
        while not self._over or (self._coming and len(self._coming[0]) > 1):
            self._changed.clear()
            if not self._coming:
                await self._changed.wait()
                continue
            start, *end = self._coming[0]
            if self._start != start:
                self._start = self._buffer_start = self._decoded_to = start
            if end:
                await self._iterate(end[0])
                self._finish()
            elif self._endpointer.position - self._decoded_to >= MIN_CHUNK:
                await self._iterate(self._endpointer.position)
                self._tell("".join(w.text for w in [*self._committed, *self._last]).strip(), False)
            else:
                await self._changed.wait()

    async def _iterate(self, end: int) -> None:
        options = DecodingOptions("en", beam_size=1, temperatures=(0.0,), priority=Priority.LIVE)
        first = max(self._buffer_start, end - 30 * SAMPLE_RATE)
        recognized = await self._model.transcribe_final(self._ring.copy(first, end), options, key=self._key)
        self._decoded_to = end
        shift = first / SAMPLE_RATE
        words = [Word(w.text, w.start + shift, w.end + shift, w.confidence) for w in recognized.words]
        fresh = words[len(self._committed) - self._scrolled :]
        agreed = common_prefix([plain(w.text) for w in fresh], [plain(w.text) for w in self._last])
        self._committed += fresh[:agreed]
        self._last = fresh[agreed:]
        if end - self._buffer_start > self._longest:
            self._trim()

    def _trim(self) -> None:
        """At the end of the last committed sentence, else of the last committed word but one."""
        held = self._committed[self._scrolled :]
        ends = [index for index, word in enumerate(held) if word.text.strip()[-1:] in SENTENCE_ENDS]
        last = ends[-1] if ends else len(held) - 2
        if last >= 0:
            self._scrolled += last + 1
            self._buffer_start = round(held[last].end * SAMPLE_RATE)

    def _finish(self) -> None:
        self._tell("".join(word.text for word in [*self._committed, *self._last]).strip(), True)
        self._committed, self._last, self._scrolled = [], [], 0
        self._coming.popleft()
        self._ring.drop_before(self._coming[0][0] if self._coming else self._endpointer.needed_from)

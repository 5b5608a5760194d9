"""Samples -> utterances -> their texts: what a live session does, without how it is called.

An utterance begins and ends where `Endpointer` says. While it goes on, what is heard so far is guessed again and again,
from the words that are decided already on. When the speaker pauses, the final text is decoded at once, in the hope that
no more comes: if so, it is there when the silence has become long enough to end the utterance.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from stt_ai.ports import VoiceStream
from stt_ai.speech.endpointing import Began, Change, Ended, Endpointer, Paused
from stt_ai.streaming.context import KEPT, Context, extended
from stt_ai.streaming.hearing import Hearing
from stt_ai.streaming.language import is_clear
from stt_ai.streaming.ring import Ring
from stt_ai.streaming.tasks import Tasks
from stt_ai.streaming.teller import Teller, spell
from stt_ai.streaming.utterance import AudioWindow, Decision, Utterance
from stt_ai.types import SAMPLE_RATE, Samples, WindowTranscript

OVERDUE = SAMPLE_RATE // 2
LONG_UNSHOWN = round(0.7 * SAMPLE_RATE)
"""After so much audio without a new text a word is shown that may be half of another."""
LEAST = SAMPLE_RATE // 2
"""Samples: what waits is bounded by its length, and an answer to `finalize` has none."""


class Listener:
    """Hears one stream. ``progress`` is called whenever an utterance is settled."""

    def __init__(
        self,
        voice: VoiceStream,
        endpointer: Endpointer,
        hearing: Hearing,
        teller: Teller,
        tasks: Tasks,
        progress: Callable[[], None],
        *,
        takes_context: bool,
    ) -> None:
        self._voice = voice
        self._endpointer = endpointer
        self._hearing = hearing
        self._teller = teller
        self._tasks = tasks
        self._progress = progress
        self._ring = Ring(endpointer.position)
        self._utterance: Utterance | None = None
        self._ended: deque[Utterance] = deque()
        self._guessing: asyncio.Task[None] | None = None
        self._settling = False
        self._takes_context = takes_context
        self._context: Context | None = None

    @property
    def position(self) -> int:
        """Of the next sample."""
        return self._ring.end

    @property
    def undecided(self) -> int:
        """Samples of the utterances that have ended and have no text yet; short ones count as long as `LEAST`."""
        return sum(max(utterance.end - utterance.start, LEAST) for utterance in self._ended)

    @property
    def settled(self) -> bool:
        """Whether every utterance that has ended is told."""
        return not self._ended

    def take(self, samples: Samples, watched: bool) -> None:
        """``watched``: somebody may see partials of it in time."""
        self._ring.append(samples)
        for probability in self._voice.feed(samples):
            self._apply(self._endpointer.push(probability))
            if self.settled and self._utterance is None:
                self._teller.silence(self._endpointer.position)
        if watched:
            self._step()
        self._ring.drop_before(self._endpointer.needed_from - (KEPT if self._takes_context else 0))
        if self.settled:
            self._teller.quiet(self._endpointer.needed_from)

    def end_utterance(self, from_finalize: bool) -> None:
        """Ends it now. With ``from_finalize`` there is an answer also when there is none."""
        before = len(self._ended)
        self._apply(self._endpointer.end(self.position))
        if from_finalize:
            if len(self._ended) == before:
                self._settle(Utterance.of_nothing(self.position))
            self._ended[-1].from_finalize = True

    def _apply(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, Began):
                self._utterance = Utterance(change.start, change.voice, change.voice)
                self._utterance.next_step += round(self._hearing.step_s * SAMPLE_RATE)
                self._teller.began(self._utterance, change.continued)
                continue
            utterance = self._utterance
            assert utterance is not None
            if isinstance(change, Paused):
                if self._guessing is not None:
                    self._guessing.cancel()
                known = min(change.end, self._endpointer.position)
                utterance.decision = self._decide(utterance, self._window(utterance, known), change.end)
            elif isinstance(change, Ended):
                self._end(utterance, change, continued=isinstance(changes[-1], Began))
            else:
                utterance.forget_decision()
                utterance.next_step = self._endpointer.position

    def _end(self, utterance: Utterance, change: Ended, continued: bool) -> None:
        self._utterance = None
        utterance.end, utterance.voice_end = change.end, change.voice_end
        utterance.spoken_out = change.spoken_out
        if utterance.decision is None or utterance.decision.end != change.end:
            utterance.forget_decision()
            utterance.window = self._window(utterance, change.end)
        self._teller.ended(utterance, continued)
        self._settle(utterance)

    def _step(self) -> None:
        """Guesses, if it is time for it. Where the speaker pauses, the final text is under way already."""
        utterance, end = self._utterance, self._endpointer.position
        if utterance is None or utterance.decision is not None or end < utterance.next_step:
            return
        if not self._endpointer.voiced and end < utterance.next_step + OVERDUE:
            return  # if the speaker pauses here, the final would have to wait for it
        if self._teller.wants_partials and self._guessing is None:
            self._guessing = self._tasks.spawn(self._guess(utterance, self._window(utterance, end), end))
            self._guessing.add_done_callback(self._guessed)

    def _window(self, utterance: Utterance, end: int) -> AudioWindow:
        """Return what a model hears of the utterance up to ``end``, after what was said before where that helps."""
        context, start = self._context, utterance.start
        suits = self._takes_context and self.settled and context is not None and context.suits(start, end)
        if not suits or context is None or context.start < self._ring.start:
            return AudioWindow(self._ring.copy(start, end))
        return AudioWindow(self._ring.copy(context.start, end), context.text, start - context.start)

    def _guessed(self, task: "asyncio.Task[None]") -> None:
        if self._guessing is task:
            self._guessing = None

    async def _guess(self, utterance: Utterance, window: AudioWindow, end: int) -> None:
        language, agreement = utterance.language, utterance.agreement
        heard = await self._hearing.guess(window.samples, window.context, agreement.tokens, language)
        self._guessing = None
        utterance.next_step = end + round(self._hearing.step_s * SAMPLE_RATE)
        if heard is not None and utterance is self._utterance and utterance.decision is None:
            if is_clear(heard.language_probability, len(window.samples) / SAMPLE_RATE):
                utterance.language = heard.language
            sure = self._hearing.language.known or utterance.language
            agreement.add(heard.pieces, end, self._endpointer.earliest_cut if sure else utterance.start)
            utterance.show(agreement.newest if end - utterance.shown_at >= LONG_UNSHOWN else agreement.shown, end)
            self._tell_partial()
        self._step()

    def _decide(self, utterance: Utterance, window: AudioWindow, end: int) -> Decision:
        return Decision(end, self._tasks.spawn(self._decided(utterance, window)))

    async def _decided(self, utterance: Utterance, window: AudioWindow) -> WindowTranscript:
        settled = utterance.agreement.decided
        heard = await self._hearing.decide(window.samples, window.context, window.skipped, settled)
        if utterance is self._utterance:  # the speaker only pauses as yet
            utterance.text = spell(heard)
            self._tell_partial()
        return heard

    def _tell_partial(self) -> None:
        """Of the utterance that goes on; not before the finals of all that were before it."""
        if self._utterance is not None and self.settled:
            self._teller.partial(self._utterance, self._utterance.text)

    def _settle(self, utterance: Utterance) -> None:
        self._ended.append(utterance)
        if not self._settling:
            self._settling = True
            self._tasks.spawn(self._settle_all())

    async def _settle_all(self) -> None:
        """Tells the finals in order, one after another."""
        while self._ended:
            utterance = self._ended[0]
            heard = await self._final(utterance)
            if heard.words:
                table = heard.languages or ((heard.language, heard.language_probability),)
                self._hearing.language.note_final(table, utterance.seconds)
            self._teller.final(utterance, heard)
            self._context = extended(self._context, utterance.start, utterance.voice_end, heard)
            self._ended.popleft()
            self._progress()
        self._settling = False
        self._tell_partial()

    async def _final(self, utterance: Utterance) -> WindowTranscript:
        if utterance.decision is None:
            assert utterance.window is not None
            if not len(utterance.window.samples):
                return WindowTranscript((), self._hearing.language.known or "", 0.0)
            utterance.decision = self._decide(utterance, utterance.window, utterance.end)
        return await utterance.decision.task

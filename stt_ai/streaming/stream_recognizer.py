"""Samples -> utterances -> their texts: the work of a live session, apart from its interface.

`Endpointer` says where an utterance begins and ends. While the speaker goes on, a partial is decoded again and again,
from behind the words that are committed. When the speaker pauses, the final is decoded at once: if no more is said, it
is ready by the time the silence is long enough to end the utterance.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from stt_ai.ports import VoiceStream
from stt_ai.speech.agreement import Agreement
from stt_ai.speech.endpointing import Began, Change, Ended, Endpointer, Paused
from stt_ai.streaming.context import KEPT, Context, extend
from stt_ai.streaming.event_emitter import EventEmitter, joined_text
from stt_ai.streaming.language import is_clear
from stt_ai.streaming.ring_buffer import RingBuffer
from stt_ai.streaming.session_decoder import SessionDecoder
from stt_ai.streaming.tasks import Tasks
from stt_ai.streaming.utterance import AudioWindow, PendingFinal, Utterance
from stt_ai.types import SAMPLE_RATE, Samples, WindowTranscript

MAX_PARTIAL_DELAY = SAMPLE_RATE // 2
"""Samples for which a partial that is due waits while the last frame is silent."""
MAX_UNSHOWN = round(0.7 * SAMPLE_RATE)
"""Samples without a new text, after which the last word is shown although it may be half of another."""
MIN_PENDING = SAMPLE_RATE // 2
"""Samples that an utterance counts at least, since pending audio is bounded and an answer to `finalize` has none."""


class StreamRecognizer:
    """Recognizes one stream. ``progress`` is called whenever the final of an utterance has been emitted."""

    def __init__(
        self,
        voice: VoiceStream,
        endpointer: Endpointer,
        decoder: SessionDecoder,
        emitter: EventEmitter,
        tasks: Tasks,
        progress: Callable[[], None],
        *,
        takes_context: bool,
    ) -> None:
        self._voice = voice
        self._endpointer = endpointer
        self._decoder = decoder
        self._emitter = emitter
        self._tasks = tasks
        self._progress = progress
        self._ring = RingBuffer(endpointer.position)
        self._utterance: Utterance | None = None
        self._ended: deque[Utterance] = deque()
        self._partial_task: asyncio.Task[None] | None = None
        self._emitting = False
        self._takes_context = takes_context
        self._context: Context | None = None

    @property
    def position(self) -> int:
        """Return the position of the next sample."""
        return self._ring.end

    @property
    def pending_samples(self) -> int:
        """Return the samples of ended utterances whose final is pending, at least `MIN_PENDING` for each."""
        return sum(max(utterance.end - utterance.start, MIN_PENDING) for utterance in self._ended)

    @property
    def idle(self) -> bool:
        """Return whether the final of every ended utterance has been emitted."""
        return not self._ended

    def accept(self, samples: Samples, show_partials: bool) -> None:
        """Take the next samples. ``show_partials``: a reader can still see partials of them in time."""
        self._ring.append(samples)
        for probability in self._voice.feed(samples):
            self._apply(self._endpointer.push(probability))
            if self.idle and self._utterance is None:
                self._emitter.check_utterance_end(self._endpointer.position)
        if show_partials:
            self._start_partial_if_due()
        self._ring.drop_before(self._endpointer.needed_from - (KEPT if self._takes_context else 0))
        if self.idle:
            self._emitter.advance(self._endpointer.needed_from)

    def end_utterance(self, from_finalize: bool) -> None:
        """End the utterance now. ``from_finalize``: emit a final even where there is no utterance."""
        before = len(self._ended)
        self._apply(self._endpointer.end(self.position))
        if from_finalize:
            if len(self._ended) == before:
                self._enqueue(Utterance.empty(self.position))
            self._ended[-1].from_finalize = True

    def _apply(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, Began):
                agreement = Agreement(keywords=self._decoder.keywords)
                self._utterance = Utterance(change.start, change.voice, change.voice, agreement=agreement)
                self._utterance.next_step += round(self._decoder.partial_interval_s * SAMPLE_RATE)
                self._emitter.utterance_started(self._utterance, change.continued)
                continue
            utterance = self._utterance
            assert utterance is not None
            if isinstance(change, Paused):
                if self._partial_task is not None:
                    self._partial_task.cancel()
                known = min(change.end, self._endpointer.position)
                utterance.pending_final = self._start_final(utterance, self._window(utterance, known), change.end)
            elif isinstance(change, Ended):
                self._end(utterance, change, continued=isinstance(changes[-1], Began))
            else:
                utterance.cancel_final()
                utterance.next_step = self._endpointer.position

    def _end(self, utterance: Utterance, change: Ended, continued: bool) -> None:
        self._utterance = None
        utterance.end, utterance.voice_end = change.end, change.voice_end
        utterance.speech_final = change.speech_final
        if utterance.pending_final is None or utterance.pending_final.end != change.end:
            utterance.cancel_final()
            utterance.window = self._window(utterance, change.end)
        self._emitter.utterance_ended(utterance, continued)
        self._enqueue(utterance)

    def _start_partial_if_due(self) -> None:
        """Decode a partial if one is due. Where the speaker pauses, the final is under way already."""
        utterance, end = self._utterance, self._endpointer.position
        if utterance is None or utterance.pending_final is not None or end < utterance.next_step:
            return
        if not self._endpointer.voiced and end < utterance.next_step + MAX_PARTIAL_DELAY:
            return  # a final that follows would have to wait for this partial
        if self._emitter.wants_partials and self._partial_task is None:
            self._partial_task = self._tasks.spawn(self._decode_partial(utterance, self._window(utterance, end), end))
            self._partial_task.add_done_callback(self._partial_done)

    def _window(self, utterance: Utterance, end: int) -> AudioWindow:
        """Return the utterance's audio up to ``end``, preceded by that of the words before it where that helps."""
        context, start = self._context, utterance.start
        suits = self._takes_context and self.idle and context is not None and context.suits(start, end)
        if not suits or context is None or context.start < self._ring.start:
            return AudioWindow(self._ring.copy(start, end))
        return AudioWindow(self._ring.copy(context.start, end), context.text, start - context.start)

    def _partial_done(self, task: "asyncio.Task[None]") -> None:
        if self._partial_task is task:
            self._partial_task = None

    async def _decode_partial(self, utterance: Utterance, window: AudioWindow, end: int) -> None:
        language, agreement = utterance.language, utterance.agreement
        transcript = await self._decoder.decode_partial(window.samples, window.context, agreement.tokens, language)
        self._partial_task = None
        utterance.next_step = end + round(self._decoder.partial_interval_s * SAMPLE_RATE)
        if transcript is not None and utterance is self._utterance and utterance.pending_final is None:
            if is_clear(transcript.language_probability, len(window.samples) / SAMPLE_RATE):
                utterance.language = transcript.language
            language_known = self._decoder.language.known or utterance.language
            agreement.add(transcript.words, end, self._endpointer.earliest_cut if language_known else utterance.start)
            utterance.show(agreement.newest if end - utterance.shown_at >= MAX_UNSHOWN else agreement.shown, end)
            self._emit_partial()
        self._start_partial_if_due()

    def _start_final(self, utterance: Utterance, window: AudioWindow, end: int) -> PendingFinal:
        return PendingFinal(end, self._tasks.spawn(self._decode_final(utterance, window)))

    async def _decode_final(self, utterance: Utterance, window: AudioWindow) -> WindowTranscript:
        committed = utterance.agreement.settled
        transcript = await self._decoder.decode_final(window.samples, window.context, window.skipped, committed)
        if utterance is self._utterance:  # which has not ended: the speaker only pauses
            utterance.text = joined_text(transcript)
            self._emit_partial()
        return transcript

    def _emit_partial(self) -> None:
        """Emit a partial of the current utterance, unless the final of an earlier one is pending."""
        if self._utterance is not None and self.idle:
            self._emitter.partial(self._utterance, self._utterance.text)

    def _enqueue(self, utterance: Utterance) -> None:
        self._ended.append(utterance)
        if not self._emitting:
            self._emitting = True
            self._tasks.spawn(self._emit_finals())

    async def _emit_finals(self) -> None:
        """Emit the finals in the order of their utterances."""
        while self._ended:
            utterance = self._ended[0]
            transcript = await self._result_of(utterance)
            if transcript.words:
                table = transcript.languages or ((transcript.language, transcript.language_probability),)
                self._decoder.language.note_final(table, utterance.seconds)
            self._emitter.final(utterance, transcript)
            self._context = extend(self._context, utterance.start, utterance.voice_end, transcript)
            self._ended.popleft()
            self._progress()
        self._emitting = False
        self._emit_partial()

    async def _result_of(self, utterance: Utterance) -> WindowTranscript:
        if utterance.pending_final is None:
            assert utterance.window is not None
            if not len(utterance.window.samples):
                return WindowTranscript((), self._decoder.language.known or "", 0.0)
            utterance.pending_final = self._start_final(utterance, utterance.window, utterance.end)
        return await utterance.pending_final.task

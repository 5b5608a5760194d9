"""Utterances and their transcripts -> the session's events."""

from dataclasses import replace

from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.event_queue import EventQueue
from stt_ai.streaming.events import Final, Partial, SpeechStarted, SpeechStopped, UtteranceEnd
from stt_ai.streaming.latency import LatencyTracker
from stt_ai.streaming.utterance import Utterance
from stt_ai.types import SAMPLE_RATE, WindowTranscript, Word


class EventEmitter:
    """Puts a session's events into its queue. Raises what that raises."""

    def __init__(self, config: LiveConfig, events: EventQueue, first_segment_id: int, latency: LatencyTracker) -> None:
        self._config = config
        self._events = events
        self._segment_id = first_segment_id
        self._latency = latency
        self._seq = 0
        self._last_text = ""
        self._silent_since: int | None = None  # where the last words' voice ended, until `UtteranceEnd` is emitted
        self._last_word_end = 0.0

    @property
    def wants_partials(self) -> bool:
        """Return whether the client asked for text that may still change."""
        return self._config.interim_results

    def utterance_started(self, utterance: Utterance, continued: bool) -> None:
        """Emit `SpeechStarted` where asked for, unless the utterance continues the one before."""
        self._last_text = ""
        self._silent_since = None
        if self._config.vad_events and not continued:
            self._events.put(SpeechStarted(utterance.voice / SAMPLE_RATE))

    def utterance_ended(self, utterance: Utterance, continued: bool) -> None:
        """Emit `SpeechStopped` where asked for, unless the next utterance continues this one."""
        if self._config.vad_events and not continued:
            self._events.put(SpeechStopped(utterance.voice_end / SAMPLE_RATE))

    def partial(self, utterance: Utterance, text: str) -> None:
        """Emit a partial, whose ``text`` begins with the utterance's committed words."""
        text, stable = text.strip(), utterance.agreement.text
        if not self.wants_partials or not text or text == self._last_text:
            return
        self._last_text = text
        self._events.put(Partial(text, utterance.voice / SAMPLE_RATE, self._seq, len(stable)))
        self._seq += 1

    def final(self, utterance: Utterance, transcript: WindowTranscript) -> None:
        """Emit the final of an utterance; of one without text only if the caller asked for it by `finalize`."""
        text = joined_text(transcript)
        if not text and not utterance.from_finalize:
            return
        words = _on_stream_clock(transcript.words, utterance) if self._config.word_timestamps else ()
        start = words[0].start if words else utterance.voice / SAMPLE_RATE
        end = words[-1].end if words else max(start, utterance.voice_end / SAMPLE_RATE)
        if text:
            self._last_word_end, self._silent_since = end, utterance.voice_end
        self._events.put(
            Final(
                text,
                start,
                end,
                words,
                self._segment_id,
                transcript.language,
                utterance.speech_final,
                utterance.from_finalize,
            ),
            utterance.end,
        )
        self._segment_id += 1
        if text:
            self._latency.emitted(utterance.end)

    def advance(self, position: int) -> None:
        """Count the stream as delivered up to ``position``: nothing before it is pending."""
        self._events.skip(position)
        self._latency.discard_before(position)

    def check_utterance_end(self, position: int) -> None:
        """Emit `UtteranceEnd` where asked for, once the silence up to ``position`` is long enough."""
        wanted = self._config.utterance_end_ms
        if wanted is None or self._silent_since is None:
            return
        if position - self._silent_since >= wanted * SAMPLE_RATE / 1000:
            self._silent_since = None
            self._events.put(UtteranceEnd(self._last_word_end))


def joined_text(transcript: WindowTranscript) -> str:
    """Return the words as one text."""
    return "".join(word.text for word in transcript.words).strip()


def _on_stream_clock(words: tuple[Word, ...], utterance: Utterance) -> tuple[Word, ...]:
    """Return the words timed by the stream; none reaches beyond the utterance."""
    shift, last = utterance.start / SAMPLE_RATE, utterance.end / SAMPLE_RATE
    return tuple(replace(w, start=min(w.start + shift, last), end=min(w.end + shift, last)) for w in words)

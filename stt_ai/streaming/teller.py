"""From what was heard to the session's events."""

from dataclasses import replace

from stt_ai.streaming.arrivals import Arrivals
from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.events import Final, Partial, SpeechStarted, SpeechStopped, UtteranceEnd
from stt_ai.streaming.outbox import Outbox
from stt_ai.streaming.utterance import Utterance
from stt_ai.types import SAMPLE_RATE, WindowTranscript, Word


class Teller:
    """Writes a session's events into its outbox. Raises what that raises."""

    def __init__(self, config: LiveConfig, outbox: Outbox, first_segment_id: int, arrivals: Arrivals) -> None:
        self._config = config
        self._outbox = outbox
        self._segment_id = first_segment_id
        self._arrivals = arrivals
        self._seq = 0
        self._last_text = ""
        self._quiet_from: int | None = None  # where the last words' voice ended, until `UtteranceEnd` is told
        self._last_word_end = 0.0

    @property
    def wants_partials(self) -> bool:
        """Return whether the client asked for text that may still change."""
        return self._config.interim_results

    def began(self, utterance: Utterance, continued: bool) -> None:
        """Send that somebody began to speak, where asked for; a part of a longer utterance goes on unsaid."""
        self._last_text = ""
        self._quiet_from = None
        if self._config.vad_events and not continued:
            self._outbox.put(SpeechStarted(utterance.voice / SAMPLE_RATE))

    def ended(self, utterance: Utterance, continued: bool) -> None:
        """Send that nobody speaks any more, where asked for and unless the utterance is ```continued```."""
        if self._config.vad_events and not continued:
            self._outbox.put(SpeechStopped(utterance.voice_end / SAMPLE_RATE))

    def partial(self, utterance: Utterance, text: str) -> None:
        """``text`` begins with what the utterance's agreement has decided."""
        text, stable = text.strip(), utterance.agreement.text
        if not self.wants_partials or not text or text == self._last_text:
            return
        self._last_text = text
        self._outbox.put(Partial(text, utterance.voice / SAMPLE_RATE, self._seq, len(stable)))
        self._seq += 1

    def final(self, utterance: Utterance, heard: WindowTranscript) -> None:
        """Nothing is told of an utterance without text, unless the caller waits for it."""
        text = spell(heard)
        if not text and not utterance.from_finalize:
            return
        words = _placed(heard.words, utterance) if self._config.word_timestamps else ()
        start = words[0].start if words else utterance.voice / SAMPLE_RATE
        end = words[-1].end if words else max(start, utterance.voice_end / SAMPLE_RATE)
        if text:
            self._last_word_end, self._quiet_from = end, utterance.voice_end
        self._outbox.put(
            Final(
                text,
                start,
                end,
                words,
                self._segment_id,
                heard.language,
                utterance.spoken_out,
                utterance.from_finalize,
            ),
            utterance.end,
        )
        self._segment_id += 1
        if text:
            self._arrivals.told(utterance.end)

    def quiet(self, position: int) -> None:
        """Nothing was said up to ``position`` that is not told."""
        self._outbox.skip(position)
        self._arrivals.forget(position)

    def silence(self, position: int) -> None:
        """Nobody speaks up to ``position``, and all that was said before is told."""
        wanted = self._config.utterance_end_ms
        if wanted is None or self._quiet_from is None:
            return
        if position - self._quiet_from >= wanted * SAMPLE_RATE / 1000:
            self._quiet_from = None
            self._outbox.put(UtteranceEnd(self._last_word_end))


def spell(heard: WindowTranscript) -> str:
    """Return the words as one text."""
    return "".join(word.text for word in heard.words).strip()


def _placed(words: tuple[Word, ...], utterance: Utterance) -> tuple[Word, ...]:
    """The words by the stream's clock; none reaches beyond the utterance."""
    shift, last = utterance.start / SAMPLE_RATE, utterance.end / SAMPLE_RATE
    return tuple(replace(w, start=min(w.start + shift, last), end=min(w.end + shift, last)) for w in words)

"""A transcript as the server-sent events that OpenAI's clients read."""

from collections.abc import Iterable, Sequence
from typing import Any

from stt_ai.api.openai.parameters import AudioFormat, AudioParams
from stt_ai.api.openai.rendering import spoken_segments, usage
from stt_ai.api.transcription.events import Event
from stt_ai.api.transcription.rendering import warnings_of
from stt_ai.types import Transcript


class OpenAiEvents:
    """`transcript.text.delta` and `transcript.text.done`; with diarized_json `transcript.text.segment` at the end."""

    def __init__(self, params: AudioParams) -> None:
        self._diarized = params.response_format is AudioFormat.DIARIZED_JSON
        self.streams_text = not self._diarized  # the speakers are known only at the end

    def begun(self, seconds: float) -> Iterable[Event]:
        """Return nothing, since OpenAI's streams have no progress."""
        return ()

    def piece(self, text: str, until: float, seconds: float) -> Iterable[Event]:
        """As `Events.piece`: a delta, where there is text."""
        if text:
            yield _event(_delta(text))

    def end(self, transcript: Transcript) -> Sequence[Event]:
        """As `Events.end`: the speakers' segments where they were asked for, then the whole text."""
        segments = spoken_segments(transcript) if self._diarized else []
        return [_event(data) for data in (*segments, _done(transcript))]

    def replay(self, transcript: Transcript) -> Sequence[Event]:
        """Return the text in one piece."""
        pieces = [_event(_delta(transcript.text))] if self.streams_text and transcript.text else []
        return [*pieces, *self.end(transcript)]


def _event(data: dict[str, Any]) -> Event:
    return data["type"], data


def _delta(piece: str) -> dict[str, Any]:
    return {"type": "transcript.text.delta", "delta": piece}


def _done(transcript: Transcript) -> dict[str, Any]:
    """``model`` and ``warnings`` are ours: headers have gone out before it is known what they would say."""
    done = {
        "type": "transcript.text.done",
        "text": transcript.text,
        "usage": usage(transcript),
        "model": transcript.model,
    }
    return done | warnings_of(transcript.warnings)

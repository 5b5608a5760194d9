"""Answers that come while they are made, as server-sent events: summaries and transcripts."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from stt_ai.sdk.errors import ConnectionFailed, SttAiError, from_message
from stt_ai.sdk.parsing import parse
from stt_ai.sdk.results import Summary


class EventReader:
    """Server-sent events, line by line, as https://html.spec.whatwg.org/multipage/server-sent-events.html says."""

    def __init__(self) -> None:
        self._event = ""
        self._data: list[str] = []

    def line(self, line: str) -> tuple[str, Mapping[str, Any]] | None:
        """The event that ``line`` completes."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._event = value
            elif name == "data":
                self._data.append(value)
            return None
        event, data = self._event, "\n".join(self._data)
        self._event, self._data = "", []
        return (event, json.loads(data)) if data else None


class SummaryReader:
    """Pieces of text as they come, then the whole."""

    def __init__(self) -> None:
        self._events = EventReader()
        self._whole = False

    def line(self, line: str) -> str | Summary | None:
        """Raises what the service failed with."""
        found = self._events.line(line)
        match found:
            case ("delta", data):
                return str(data.get("text", ""))
            case ("summary", data):
                self._whole = True
                return parse(Summary, data)
            case ("error", data):
                raise from_message(data)
        return None

    def end(self) -> SttAiError | None:
        """What is wrong when nothing more comes."""
        return None if self._whole else ConnectionFailed("The connection broke before the summary was complete.")


OnText = Callable[[str], None]
OnProgress = Callable[[float, float], None]


@dataclass
class Watcher:
    """What is called as a transcription goes on, in the thread, or the event loop, of the call.

    ``on_text``: the next piece of the text. ``on_progress``: seconds of audio that are transcribed, and in all; when
    they are equal, only speakers are left to identify.
    """

    on_text: OnText | None = None
    on_progress: OnProgress | None = None
    text_given: bool = False
    """Whether `on_text` was called: another attempt would give it the same text again."""

    def __bool__(self) -> bool:
        return bool(self.on_text or self.on_progress)


class TranscriptReader:
    """Passes ``watcher`` the events of one answer; `end` is its last, the whole."""

    def __init__(self, watcher: Watcher) -> None:
        self._events = EventReader()
        self._watcher = watcher
        self._whole: Mapping[str, Any] | None = None

    def line(self, line: str) -> None:
        """Raises what the service failed with."""
        match self._events.line(line):
            case ("delta", data) if self._watcher.on_text:
                self._watcher.text_given = True
                self._watcher.on_text(str(data.get("text", "")))
            case ("progress", data) if self._watcher.on_progress:
                self._watcher.on_progress(float(data["done"]), float(data["total"]))
            case ("transcript", data):
                self._whole = data
            case ("error", data):
                raise from_message(data)

    def end(self) -> Mapping[str, Any]:
        """Raises `ConnectionFailed` when the last event did not come."""
        if self._whole is None:
            raise ConnectionFailed("The connection broke before the transcript was complete.")
        return self._whole


def is_event_stream(response: httpx.Response) -> bool:
    """Whether the body is server-sent events: an answer that is no refusal, asked for piece by piece."""
    return response.is_success and response.headers.get("content-type", "").startswith("text/event-stream")

"""A summary that is told while it is written, as server-sent events."""

import json
from collections.abc import Mapping
from typing import Any

from stt_ai.sdk.errors import ConnectionFailed, SttAiError, from_message
from stt_ai.sdk.reading import read
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
            case ("delta", told):
                return str(told.get("text", ""))
            case ("summary", told):
                self._whole = True
                return read(Summary, told)
            case ("error", told):
                raise from_message(told)
        return None

    def end(self) -> SttAiError | None:
        """What is wrong when nothing more comes."""
        return None if self._whole else ConnectionFailed("The connection broke before the summary was whole.")

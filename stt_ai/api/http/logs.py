"""JSON logs, one object a line, each with the id of the request it belongs to."""

import json
import logging
import sys
import time
from typing import Any, TextIO

from stt_ai.api.http.context import current_request_id


class JsonFormatter(logging.Formatter):
    """Renders a record as one line of ASCII JSON, so that nothing a caller sent can forge a line.

    Keys passed as ``extra={"fields": {...}}`` stand beside the message.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return ``record`` as one line of JSON, its time in UTC."""
        entry: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := current_request_id():
            entry["request_id"] = request_id
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure_logging(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send what the package logs to ``stream`` (standard error) as JSON. A later call replaces it."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    # It warns of each broken form, which is the caller's to know and in the answer.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    logger = logging.getLogger("stt_ai")
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False

"""The service with transcribers that write down which windows they are given and which they have transcribed."""

import json
import os
from pathlib import Path
from typing import Any

import stt_ai.app
from stt_ai.deployments import transcriber
from stt_ai.deployments.transcriber import TranscriberDeployment
from stt_ai.settings import Settings
from stt_ai.types import DecodingOptions, Pcm, Window, WindowTranscript

RECORDS = "STT_AI_DRILL_RECORDS"
"""The environment variable that names the file of the records: lines of JSON, `[event, index of the window]`."""


class RecordedTranscriber(TranscriberDeployment):
    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        _record("begun", window)
        transcript = await super().transcribe(pcm, window, options)
        _record("done", window)
        return transcript


def _record(event: str, window: Window) -> None:
    line = json.dumps([event, window.index]) + "\n"
    # One write to a file that is opened for appending: a process that is killed leaves whole lines.
    file = os.open(os.environ[RECORDS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def read_records(path: Path, event: str) -> list[int]:
    """Return the indices of the windows of all records of ``event``, in their order."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [index for found, index in map(json.loads, lines) if found == event]


def build(settings: Settings) -> Any:
    transcriber.TranscriberDeployment = RecordedTranscriber  # type: ignore[misc]
    return stt_ai.app.build(settings)

"""What a job keeps in the store, and under which names."""

import hashlib
import json
from typing import TypeVar

from pydantic import TypeAdapter

from stt_ai.types import (
    LoadedModel,
    SpeakerTurn,
    SpeechRegion,
    Summary,
    Transcript,
    TranscriptionRequest,
    Window,
    WindowTranscript,
)

PREFIX = "job_"
"""Of the ids of jobs, which are the names of their groups."""
AUDIO = "audio"
RESULT = "result.json"
SUMMARY_NAME = "summary.json"
REGIONS = "regions.json"
LANGUAGE = "language.json"
TURNS = "turns.json"
WINDOWS = "windows"

T = TypeVar("T")

REQUEST = TypeAdapter(TranscriptionRequest)
TRANSCRIPT = TypeAdapter(Transcript)
SUMMARY = TypeAdapter(Summary)
WINDOW = TypeAdapter(WindowTranscript)
SPEECH = TypeAdapter(tuple[int, tuple[SpeechRegion, ...]])
SPOKEN = TypeAdapter(tuple[str, float])
VOICES = TypeAdapter(tuple[LoadedModel, tuple[SpeakerTurn, ...]])


def key(job_id: str, name: str) -> str:
    """Return the store's key of one of a job's objects."""
    return f"{job_id}/{name}"


def window_name(model: str, window: Window) -> str:
    """Name what ``model`` wrote of a window by all that it depends on beside the file and the request."""
    pieces = [(piece.start, piece.end) for piece in window.pieces]
    digest = hashlib.sha256(json.dumps([model, pieces]).encode()).hexdigest()
    return f"{WINDOWS}/{window.index:06}-{digest[:16]}.json"

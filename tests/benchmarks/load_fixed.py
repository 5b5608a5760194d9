"""The service with a speech model that sleeps: twenty seconds of audio a second, and no core, as on a GPU of its own.

Over it the load can be measured beside the callers, who take cores, and on machines that others use too.
"""

import time
from collections.abc import Sequence
from typing import Any

import stt_ai.app
from stt_ai.deployments import transcriber
from stt_ai.deployments.transcriber import TranscriberDeployment
from stt_ai.settings import Settings
from stt_ai.types import SAMPLE_RATE, LoadedModel, Samples, WindowTranscript, Word

SPEED = 20.0
NAME = "sleeper"
CATALOGUE = {"default": NAME, "offer": [NAME]}


class Sleeper:
    """As `stt_ai.engines.whisper.WhisperEngine`, for files; it writes one word for everything."""

    def lengths_to_try(self, samples: Samples, options: Any) -> tuple[int, ...]:
        return (0,)

    def transcribe_batch(self, windows: Sequence[tuple[Samples, Any]]) -> list[WindowTranscript]:
        _sleep([samples for samples, _ in windows])
        return [WindowTranscript((Word(" word.", 0.0, 1.0, 1.0),), "en", 1.0) for _ in windows]

    def transcribe_partial_batch(self, windows: Sequence[Any]) -> list[Any]:
        assert not windows, "it is for files"
        return []


def _sleep(windows: Sequence[Samples]) -> None:
    time.sleep(sum(len(samples) for samples in windows) / SAMPLE_RATE / SPEED)


class Sleeping(TranscriberDeployment):
    def _load(self) -> Any:
        return Sleeper(), LoadedModel(NAME)


def build(settings: Settings) -> Any:
    transcriber.TranscriberDeployment = Sleeping  # type: ignore[misc]
    return stt_ai.app.build(settings)

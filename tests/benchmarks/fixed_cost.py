"""The service with speech models that sleep: each window takes a fixed time, and no core, as if each had its own GPU.

Each model is an ``extra`` entry of the catalogue, into whose folder its replicas write their batches, as lines of JSON.
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import stt_ai.app
from stt_ai.deployments import transcriber
from stt_ai.deployments.transcriber import DecodeRequest, TranscriberDeployment
from stt_ai.settings import Settings
from stt_ai.types import Hypothesis, LoadedModel, Samples, WindowTranscript, Word

COST_S = 3.0
"""A window of thirty seconds at ten times the speed of speech: much, beside the 10 s of a core that decode an hour."""
by_audio = transcriber.by_audio


class Sleeper:
    """As `stt_ai.engines.whisper.WhisperEngine`, which writes one word for everything."""

    def lengths_to_try(self, samples: Samples, options: Any) -> tuple[int, ...]:
        return (0,)

    def transcribe_batch(self, windows: Sequence[tuple[Samples, Any]]) -> list[WindowTranscript]:
        time.sleep(COST_S * len(windows))
        return [WindowTranscript((Word(" word.", 0.0, 1.0, 1.0),), "en", 1.0) for _ in windows]

    def transcribe_partial_batch(self, windows: Sequence[tuple[Samples, Any]]) -> list[Hypothesis]:
        time.sleep(COST_S * len(windows))
        return [Hypothesis((), "en", 1.0) for _ in windows]


class FixedCost(TranscriberDeployment):
    def _load(self) -> Any:
        return Sleeper(), LoadedModel("fixed-cost")

    def _run(self, requests: Sequence[DecodeRequest]) -> Any:
        begun = time.time()
        results = super()._run(requests)
        batch = {"begun": begun, "ended": time.time(), "of": [request.options.prompt for request in requests]}
        with Path(self._config.entry.folder or "", f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(batch) + "\n")
        return results


def as_many_as_allowed(*, min_replicas: int, max_replicas: int, **others: Any) -> dict[str, Any]:
    return by_audio(min_replicas=max_replicas if min_replicas else 0, max_replicas=max_replicas, **others)


def build(settings: Settings) -> Any:
    """Replicas come and go as they do in the service."""
    transcriber.TranscriberDeployment = FixedCost  # type: ignore[misc]
    return stt_ai.app.build(settings)


def build_fixed(settings: Settings) -> Any:
    """`transcriber.max_replicas` of the default model run from the start, and none come or go."""
    transcriber.by_audio = as_many_as_allowed
    return build(settings)


def entry(name: str, folder: Path) -> dict[str, Any]:
    """A model that sleeps, for the settings' catalogue."""
    batches = folder / name
    batches.mkdir(parents=True)
    return {"id": name, "name": name, "folder": str(batches)}

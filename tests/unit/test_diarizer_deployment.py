"""What the diarizer's replica does with files that wait, callers that leave and models that cannot be had."""

import asyncio
import pickle
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stt_ai.deployments.diarizer import DiarizerConfig, DiarizerDeployment
from stt_ai.deployments.scaling import AUDIO_S, PIECES
from stt_ai.engines.niceness import made_at
from stt_ai.errors import ModelUnavailable, Overloaded, Unavailable
from stt_ai.models.wanted import Source, SourceSettings
from stt_ai.types import SAMPLE_RATE, LoadedModel, Pcm, SpeakerCount, SpeakerTurn

PCM = Pcm((), 1, 0)
TURNS = (SpeakerTurn(0.0, 1.0, "A"),)


class Gate:
    """An engine that works on a file until it is opened or asked to end."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = 0
        self.ended = 0

    def diarize(self, samples: Any, speakers: SpeakerCount, cancelled: threading.Event) -> tuple[SpeakerTurn, ...]:
        self.begun += 1
        while not self.open.wait(0.005):
            if cancelled.is_set():
                self.ended += 1
                raise Unavailable("ended")
        return TURNS


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()

    monkeypatch.setattr(DiarizerDeployment, "_load", lambda self: (gate, LoadedModel("gate")))
    return gate


def made(config: DiarizerConfig) -> DiarizerDeployment:
    """Return a replica whose stepping back leaves the tests' own thread where it is."""
    return made_at(0, partial(DiarizerDeployment, config))


def deployment(max_concurrency: int = 1, max_waiting: int = 1) -> DiarizerDeployment:
    return made(DiarizerConfig("3.1", SourceSettings(), max_concurrency=max_concurrency, max_waiting=max_waiting))


async def begun(gate: Gate, count: int) -> None:
    async with asyncio.timeout(60):
        while gate.begun < count:  # noqa: ASYNC110 -- counted in another thread
            await asyncio.sleep(0.005)


async def test_more_files_than_may_wait_are_refused_and_the_others_answered(gate: Gate) -> None:
    replica = deployment()
    work = [asyncio.create_task(replica.diarize(PCM, SpeakerCount())) for _ in range(2)]
    await begun(gate, 1)
    with pytest.raises(Overloaded) as refused:
        await replica.diarize(PCM, SpeakerCount())
    assert refused.value.retry_after > 0
    assert (await replica.describe()).label == "gate", "a question does not wait behind files"
    gate.open.set()
    assert await asyncio.gather(*work) == [TURNS, TURNS]
    assert await replica.diarize(PCM, SpeakerCount()) == TURNS


async def test_what_waits_and_runs_is_told_to_whoever_decides_on_replicas(gate: Gate) -> None:
    replica = deployment()
    hour = Pcm((), 1, 3600 * SAMPLE_RATE)
    work = [asyncio.create_task(replica.diarize(hour, SpeakerCount())) for _ in range(2)]
    await begun(gate, 1)
    assert await replica.record_autoscaling_stats() == {AUDIO_S: 7200, PIECES: 2}
    work[0].cancel()
    await asyncio.wait(work[:1])
    assert await replica.record_autoscaling_stats() == {AUDIO_S: 3600, PIECES: 1}
    gate.open.set()
    await work[1]
    assert await replica.record_autoscaling_stats() == {AUDIO_S: 0, PIECES: 0}


async def test_a_caller_who_leaves_ends_the_work_and_gives_its_place_to_the_next(gate: Gate) -> None:
    replica = deployment()
    first, second = (asyncio.create_task(replica.diarize(PCM, SpeakerCount())) for _ in range(2))
    await begun(gate, 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert gate.ended == 1
    await begun(gate, 2)
    gate.open.set()
    assert await second == TURNS


@pytest.mark.parametrize(("source", "starts"), [("hub", False), ("auto", True)])
async def test_without_its_model_it_says_so_or_does_not_start(tmp_path: Path, source: Source, starts: bool) -> None:
    config = DiarizerConfig("community-1", SourceSettings(source=source), folder=tmp_path / "nothing")
    if not starts:
        with pytest.raises(ModelUnavailable, match=r"has no config\.yaml"):
            made(config)
        return
    replica = made(config)
    for call in (replica.describe(), replica.diarize(PCM, SpeakerCount())):
        with pytest.raises(ModelUnavailable, match="diarize=false") as raised:
            await call
        assert str(tmp_path) not in raised.value.message, "the inside is for the log"


def test_its_configuration_crosses_processes() -> None:
    config = DiarizerConfig("3.1", SourceSettings(), folder=Path("somewhere"), max_waiting=3)
    assert pickle.loads(pickle.dumps(config)) == config

"""The engine against pyannote's own pipeline, on the demo models and real conversations."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import decode_audio
from scipy.optimize import linear_sum_assignment

from stt_ai.engines.diarization import DiarizationEngine
from stt_ai.engines.linkage import centroid_linkage
from stt_ai.engines.pcm import PcmReader
from stt_ai.errors import AudioLost, ModelUnavailable, Unavailable
from stt_ai.models.fetch import demo_path
from stt_ai.types import SAMPLE_RATE, Pcm, Samples, SpeakerCount, SpeakerTurn
from tests.support.long_tests import long

DATA = Path(__file__).parents[1] / "data" / "conversations"
FILES = ("en_2_voices_00.opus", "en_3_voices_01.opus", "es_2_voices_02.opus")


@pytest.fixture(scope="module")
def demo() -> Path:
    return demo_path("diarization", "config.yaml") / "config.yaml"


@pytest.fixture(scope="module")
def engine(demo: Path) -> DiarizationEngine:
    return DiarizationEngine(demo)


@pytest.fixture(scope="module")
def pyannotes(demo: Path, engine: DiarizationEngine) -> Any:
    """Its own pipeline, class and all. After the engine's, which switches telemetry off."""
    from pyannote.audio import Pipeline

    return Pipeline.from_pretrained(demo)


def samples_of(name: str) -> Samples:
    wave = decode_audio(str(DATA / name), sampling_rate=SAMPLE_RATE)
    return np.asarray(np.round(np.clip(wave, -1, 1) * 32767), np.int16)


def reader(samples: Samples, chunk: int = 7 * SAMPLE_RATE, fetch: Callable[[Any], Samples] | None = None) -> PcmReader:
    chunks = tuple(samples[at : at + chunk] for at in range(0, len(samples), chunk))
    pcm = Pcm(chunks, chunk, len(samples))
    return PcmReader(pcm, fetch) if fetch else PcmReader(pcm)


def turns_of(annotation: Any) -> list[tuple[float, float, str]]:
    return [(turn.start, turn.end, label) for turn, _, label in annotation.itertracks(yield_label=True)]


@pytest.mark.parametrize(
    ("name", "asked"),
    [(FILES[0], {}), (FILES[1], {"num_speakers": 2}), (FILES[1], {"min_speakers": 3, "max_speakers": 4})],
)
def test_turns_and_voices_are_those_of_pyannotes_own_pipeline(
    engine: DiarizationEngine, pyannotes: Any, name: str, asked: dict[str, int]
) -> None:
    import torch

    samples = samples_of(name)
    wave = torch.from_numpy(samples.astype(np.float32) / 32768)[None]
    theirs = pyannotes({"waveform": wave, "sample_rate": SAMPLE_RATE}, **asked)
    ours = engine._pipeline.apply({"uri": "file", "samples": reader(samples)}, **asked)
    assert turns_of(ours.speaker_diarization) == turns_of(theirs.speaker_diarization)
    assert turns_of(ours.exclusive_speaker_diarization) == turns_of(theirs.exclusive_speaker_diarization)
    assert np.allclose(ours.speaker_embeddings, theirs.speaker_embeddings, atol=1e-4)


def test_turns_are_in_order_and_exclusive_and_within_the_file(engine: DiarizationEngine) -> None:
    samples = samples_of(FILES[0])
    turns = engine.diarize(reader(samples))
    assert len({turn.speaker for turn in turns}) >= 2
    edges = [edge for turn in turns for edge in (turn.start, turn.end)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= len(samples) / SAMPLE_RATE


@pytest.mark.parametrize("count", [2, 3])
def test_as_many_voices_as_asked_for(engine: DiarizationEngine, count: int) -> None:
    turns = engine.diarize(reader(samples_of(FILES[1])), SpeakerCount(count, count))
    assert len({turn.speaker for turn in turns}) == count


def test_more_voices_than_there_are_is_no_error(engine: DiarizationEngine) -> None:
    turns = engine.diarize(reader(samples_of(FILES[0])), SpeakerCount(30, 40))
    assert turns


@long
def test_clustering_in_bounded_memory_makes_no_more_errors(
    engine: DiarizationEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is for files of hours, brought about here by holding few clusters at once."""
    from pyannote.audio.pipelines import clustering

    samples = np.concatenate([samples_of(name) for name in FILES])
    exact = engine.diarize(reader(samples))
    held: list[int] = []

    def bounded(points: Any, method: str, metric: str) -> Any:
        held.append(len(points))
        return centroid_linkage(points, exact=0, cap=40)

    monkeypatch.setattr(clustering, "linkage", bounded)
    found = engine.diarize(reader(samples))
    assert held[0] > 3 * 40
    assert len({turn.speaker for turn in found}) == len({turn.speaker for turn in exact})
    assert differing(exact, found) < 0.01 * sum(turn.duration for turn in exact)


def differing(some: Sequence[SpeakerTurn], others: Sequence[SpeakerTurn]) -> float:
    """Seconds that belong to other voices, under the best pairing of voices."""
    names = [sorted({turn.speaker for turn in turns}) for turns in (some, others)]
    shared = np.zeros((len(names[0]), len(names[1])))
    for one in some:
        for other in others:
            overlap = min(one.end, other.end) - max(one.start, other.start)
            shared[names[0].index(one.speaker), names[1].index(other.speaker)] += max(0.0, overlap)
    pairs = linear_sum_assignment(shared, maximize=True)
    longer = max(sum(turn.duration for turn in turns) for turns in (some, others))
    return float(longer - shared[pairs].sum())


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.2, 3.0, 30.0])
def test_silence_of_any_length_has_no_turns(engine: DiarizationEngine, seconds: float) -> None:
    assert engine.diarize(reader(np.zeros(round(seconds * SAMPLE_RATE), np.int16))) == ()


def test_several_files_at_once_get_what_each_gets_alone(engine: DiarizationEngine) -> None:
    files = [samples_of(name) for name in FILES]
    alone = [engine.diarize(reader(samples)) for samples in files]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda samples: engine.diarize(reader(samples)), files))
    assert together == alone


def test_it_ends_within_a_batch_when_told_to(engine: DiarizationEngine) -> None:
    cancelled, fetched = threading.Event(), []

    def fetch(chunk: Samples) -> Samples:
        fetched.append(len(chunk))
        cancelled.set()
        return chunk

    samples = np.tile(samples_of(FILES[0]), 4)
    with pytest.raises(Unavailable):
        engine.diarize(reader(samples, fetch=fetch), None, cancelled)
    assert sum(fetched) < len(samples) / 2


def test_lost_samples_come_through_as_such(engine: DiarizationEngine) -> None:
    def fetch(chunk: Samples) -> Samples:
        raise AudioLost("gone")

    with pytest.raises(AudioLost):
        engine.diarize(reader(samples_of(FILES[0]), fetch=fetch))
    assert engine.diarize(reader(samples_of(FILES[0]))), "and the engine goes on"


def test_a_folder_that_is_no_pipeline_is_an_error_that_crosses_processes(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("pipeline: {params: {segmentation: $model/segmentation}}")
    with pytest.raises(ModelUnavailable):
        DiarizationEngine(tmp_path / "config.yaml")


@pytest.mark.parametrize("clustering", ["VBxClustering", "AgglomerativeClustering"])
def test_both_layouts_of_the_hubs_pipelines_load(
    demo: Path, tmp_path: Path, clustering: str, engine: DiarizationEngine
) -> None:
    """community-1 holds its models and PLDA, and clusters by VBx; 3.1 names repositories of models."""
    import yaml

    config = yaml.safe_load(demo.read_text())
    params, parts = config["pipeline"]["params"], {}
    params["clustering"] = clustering
    if clustering == "VBxClustering":
        config["params"]["clustering"] = {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8}
        for name in ("segmentation", "embedding", "plda"):
            (tmp_path / name).symlink_to(demo.parent / name)
    else:
        config["params"]["clustering"] = {"method": "centroid", "min_cluster_size": 12, "threshold": 0.7}
        del params["plda"]
        params |= {"segmentation": "pyannote/segmentation-3.0", "embedding": "pyannote/wespeaker-resnet34-LM"}
        parts = {params[name]: demo.parent / name for name in ("segmentation", "embedding")}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    engine = DiarizationEngine(tmp_path / "config.yaml", parts)
    assert engine.diarize(reader(samples_of(FILES[0])))
    few = engine.diarize(reader(samples_of(FILES[0])[: 12 * SAMPLE_RATE]), SpeakerCount(30, 40))
    assert few, "more voices than there are embeddings"


def test_nothing_but_the_engine_imports_torch() -> None:
    """It costs seconds and hundreds of megabytes, in every replica there is."""
    code = "import sys, stt_ai.app; print([name for name in ('torch', 'pyannote.audio') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False, timeout=300
    )
    assert done.stdout.strip() == "[]", done.stderr

"""The pipeline over the packaged models: by chance, and with the real weights on the recording of pyannote."""

import threading
from typing import Any

import numpy as np
import pytest
import torch

from stt_ai.engines.diarization import DiarizationEngine
from stt_ai.engines.pcm import PcmReader
from stt_ai.errors import Unavailable
from stt_ai.models.convert_speakers import convert
from stt_ai.types import SAMPLE_RATE, Pcm, Samples, SpeakerCount, SpeakerTurn
from tests.benchmarks.diarization import error_rate
from tests.benchmarks.speaker_turns import Conversation, sample_of_pyannote
from tests.support.packaged_models import packaged_speakers

LSTM = {
    "hidden_size": 8,
    "num_layers": 1,
    "bidirectional": True,
    "monolithic": True,
    "dropout": 0.0,
    "batch_first": True,
}
SMALL = {
    "sincnet": {"stride": 10, "sample_rate": SAMPLE_RATE},
    "lstm": LSTM,
    "linear": {"hidden_size": 8, "num_layers": 1},
}


def reader(samples: Samples, fetch: Any = None) -> PcmReader:
    chunk = 7 * SAMPLE_RATE
    chunks = tuple(samples[at : at + chunk] for at in range(0, len(samples), chunk))
    return PcmReader(Pcm(chunks, chunk, len(samples)), *([fetch] if fetch else []))


def noise(seconds: float) -> Samples:
    return np.random.default_rng(0).integers(-3000, 3000, round(seconds * SAMPLE_RATE)).astype(np.int16)


@pytest.fixture(scope="module")
def by_chance(tmp_path_factory: pytest.TempPathFactory) -> DiarizationEngine:
    """In their fewest sizes, out of checkpoints as the packages have them."""
    from pyannote.audio.models.segmentation import PyanNet

    from stt_ai.engines.ge2e import Ge2eEmbedding

    torch.manual_seed(0)
    downloaded, target = tmp_path_factory.mktemp("downloaded"), tmp_path_factory.mktemp("target")
    (downloaded / "segmentation").mkdir()
    (downloaded / "ge2e").mkdir()
    segmentation = PyanNet(**SMALL)
    segmentation.classifier = torch.nn.Linear(8, 3)
    segmentation.classifier.weight.data *= 30  # so that local speakers come and go
    content = {"state_dict": segmentation.state_dict(), "hyper_parameters": SMALL}
    torch.save(content, downloaded / "segmentation" / "pytorch_model.bin")
    torch.save({"model_state": Ge2eEmbedding().state_dict()}, downloaded / "ge2e" / "pretrained.pt")
    convert(downloaded, target)
    return DiarizationEngine(target / "config.yaml")


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.3, 1.0, 5.0, 33.3])
@pytest.mark.parametrize("count", [None, SpeakerCount(1, 1), SpeakerCount(2, 2), SpeakerCount(4, 50)])
def test_turns_are_in_order_and_within_files_of_any_length(
    by_chance: DiarizationEngine, seconds: float, count: SpeakerCount | None
) -> None:
    turns = by_chance.diarize(reader(noise(seconds)), count)
    edges = [edge for turn in turns for edge in (turn.start, turn.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= seconds for edge in edges)
    if count is not None and count.maximum == 1:
        assert len({turn.speaker for turn in turns}) <= 1
    if seconds > 30:
        assert turns


def test_chunks_in_which_nobody_speaks_are_not_embedded(
    by_chance: DiarizationEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded: list[int] = []
    pipeline = by_chance._pipeline
    scores, embed = pipeline.get_segmentations, pipeline._embed

    def quiet_but_at_the_start(*arguments: Any, **named: Any) -> Any:
        found = scores(*arguments, **named)
        found.data[:3], found.data[3:] = 0.9, 0.0
        return found

    def counted(waves: Any, masks: Any) -> Any:
        embedded.append(len(waves))
        return embed(waves, masks)

    monkeypatch.setattr(pipeline, "get_segmentations", quiet_but_at_the_start)
    monkeypatch.setattr(pipeline, "_embed", counted)
    by_chance.diarize(reader(noise(60)))
    assert sum(embedded) == 3


def test_it_ends_within_a_batch_when_told_to(by_chance: DiarizationEngine) -> None:
    cancelled, fetched = threading.Event(), []

    def fetch(chunk: Samples) -> Samples:
        fetched.append(len(chunk))
        cancelled.set()
        return chunk

    samples = noise(300)
    with pytest.raises(Unavailable):
        by_chance.diarize(reader(samples, fetch), None, cancelled)
    assert sum(fetched) < len(samples) / 2


@pytest.fixture(scope="module")
def real() -> DiarizationEngine:
    folder = packaged_speakers()
    if folder is None:
        pytest.skip("the packaged models are not at hand")
    return DiarizationEngine(folder / "config.yaml")


@pytest.fixture(scope="module")
def call() -> Conversation:
    """Half a minute of two people on a telephone."""
    return sample_of_pyannote()


def reported(turns: tuple[SpeakerTurn, ...]) -> list[tuple[float, float, str]]:
    return [(turn.start, turn.end, turn.speaker) for turn in turns]


def test_two_people_on_the_telephone_are_told_apart(real: DiarizationEngine, call: Conversation) -> None:
    """With who speaks over whom. The engine's turns are of one voice at a time, which misses the overlaps."""
    found = real._pipeline.apply({"uri": "call", "samples": reader(call.samples)}, max_speakers=50)
    spoken = found.speaker_diarization.itertracks(yield_label=True)
    assert error_rate(call.turns, [(turn.start, turn.end, label) for turn, _, label in spoken]) <= 10
    turns = real.diarize(reader(call.samples))
    assert len({turn.speaker for turn in turns}) == 2
    assert error_rate(call.turns, reported(turns)) <= 14


def test_loudness_makes_no_difference_to_speakers(real: DiarizationEngine, call: Conversation) -> None:
    quiet = (call.samples / 20).astype(np.int16)
    turns = real.diarize(reader(quiet))
    assert len({turn.speaker for turn in turns}) == 2
    assert error_rate(call.turns, reported(turns)) <= 14


@pytest.mark.parametrize("speaker", [0, 1])
def test_one_of_them_alone_is_one(real: DiarizationEngine, call: Conversation, speaker: int) -> None:
    """What remains of the call half a second away from whatever the other says."""
    name = sorted({turn.speaker for turn in call.turns})[speaker]
    alone = call.samples.copy()
    alone[: round(call.turns[0].start * SAMPLE_RATE)] = 0
    for turn in call.turns:
        if turn.speaker != name:
            alone[max(0, round((turn.start - 0.5) * SAMPLE_RATE)) : round((turn.end + 0.5) * SAMPLE_RATE)] = 0
    assert len({turn.speaker for turn in real.diarize(reader(alone))}) == 1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_as_the_caller_says(real: DiarizationEngine, call: Conversation, count: int) -> None:
    turns = real.diarize(reader(call.samples), SpeakerCount(count, count))
    assert len({turn.speaker for turn in turns}) == count


def test_no_speech_has_no_turns(real: DiarizationEngine) -> None:
    assert real.diarize(reader(np.zeros(20 * SAMPLE_RATE, np.int16))) == ()

"""The packaged speaker checkpoints become plain weights, and no code of theirs is run."""

import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import yaml

from stt_ai.models.convert_speakers import CONFIG, WEIGHTS, convert
from stt_ai.models.weights import BadModelFiles

PARAMETERS = {"sincnet": {"stride": 10}, "lstm": {"num_layers": 1}, "linear": {"num_layers": 1}, "sample_rate": 16_000}


class RunsCode:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self._mark,)


@pytest.fixture
def downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Checkpoints like the packaged ones: with an object of omegaconf, which is not there when they are read."""
    module = ModuleType("omegaconf.nodes")
    module.AnyNode = type("AnyNode", (), {"__module__": "omegaconf.nodes"})  # type: ignore[attr-defined]
    node = module.AnyNode()
    node.value = "never needed"
    folder = tmp_path / "downloaded"
    (folder / "segmentation").mkdir(parents=True)
    (folder / "ge2e").mkdir()
    weights = OrderedDict(weight=torch.arange(3.0))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "omegaconf", ModuleType("omegaconf"))
        patch.setitem(sys.modules, "omegaconf.nodes", module)
        torch.save(
            {"state_dict": weights, "hyper_parameters": PARAMETERS, "optimizer_states": [node]},
            folder / "segmentation" / "pytorch_model.bin",
        )
    states = OrderedDict({"lstm.weight": torch.ones(2), "similarity_weight": torch.ones(1)})
    torch.save(
        {"model_state": states, "step": 7}, folder / "ge2e" / "pretrained.pt", _use_new_zipfile_serialization=False
    )
    return folder


def test_what_is_made_loads_as_plain_weights(downloaded: Path, tmp_path: Path) -> None:
    target = tmp_path / "made"
    convert(downloaded, target)
    segmentation = torch.load(target / "segmentation" / WEIGHTS, weights_only=True)
    assert torch.equal(segmentation["state_dict"]["weight"], torch.arange(3.0))
    assert segmentation["hyper_parameters"] == {name: PARAMETERS[name] for name in ("sincnet", "lstm", "linear")}
    embedding = torch.load(target / "embedding" / WEIGHTS, weights_only=True)
    assert list(embedding["state_dict"]) == ["lstm.weight"]
    params = yaml.safe_load((target / CONFIG).read_text())["pipeline"]["params"]
    assert params == {"segmentation": "$model/segmentation", "embedding": "$model/embedding"}


def test_it_makes_the_same_bytes_each_time(downloaded: Path, tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        convert(downloaded, tmp_path / name)
        made.append([path.read_bytes() for path in sorted((tmp_path / name).rglob("*")) if path.is_file()])
    assert made[0] == made[1]


@pytest.mark.parametrize("checkpoint", ["segmentation/pytorch_model.bin", "ge2e/pretrained.pt"])
@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_refused_and_not_run(
    downloaded: Path, tmp_path: Path, checkpoint: str, zipped: bool
) -> None:
    mark, path = tmp_path / "mark", downloaded / checkpoint
    content = torch.load(path, weights_only=False) if checkpoint.startswith("ge2e") else {}
    torch.save({**content, "x": RunsCode(mark)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(BadModelFiles):
        convert(downloaded, tmp_path / "made")
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_bare_pickle_is_refused_and_not_run(downloaded: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (downloaded / "ge2e" / "pretrained.pt").write_bytes(pickle.dumps(RunsCode(mark)))
    with pytest.raises(BadModelFiles):
        convert(downloaded, tmp_path / "made")
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"<html>"])
def test_a_damaged_checkpoint_is_refused(downloaded: Path, tmp_path: Path, content: bytes) -> None:
    (downloaded / "segmentation" / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(BadModelFiles):
        convert(downloaded, tmp_path / "made")


def test_another_models_checkpoint_is_refused(downloaded: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, downloaded / "segmentation" / "pytorch_model.bin")
    with pytest.raises(BadModelFiles):
        convert(downloaded, tmp_path / "made")
    (downloaded / "ge2e" / "pretrained.pt").unlink()
    with pytest.raises(BadModelFiles):
        convert(downloaded, tmp_path / "made")

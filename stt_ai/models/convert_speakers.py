"""The packaged checkpoints of the diarization pipeline, as plain weights in pyannote's layout.

Both checkpoints are pickles. That of the segmentation model names classes of omegaconf and of pyannote.audio beside its
weights; they are read as empty stand-ins, and a checkpoint that names anything else is refused. No code of a checkpoint
is ever run: torch's `weights_only` unpickler knows tensors and containers alone.
"""

from pathlib import Path
from typing import Any

import yaml

from stt_ai.models.weights import BadModelFiles

CONFIG = "config.yaml"
WEIGHTS = "pytorch_model.bin"
PIPELINE = "stt_ai.engines.packaged_diarization.PackagedDiarization"
"""The class that serves what `convert` makes; its parameters are its own, so that a folder never has outdated ones."""

_SEGMENTATION = Path("segmentation", "pytorch_model.bin")
_EMBEDDING = Path("ge2e", "pretrained.pt")
_STAND_INS = (
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "pyannote.audio.core.model.Introspection",
    "pyannote.audio.core.task.Problem",
    "pyannote.audio.core.task.Resolution",
    "pyannote.audio.core.task.Specifications",
    "torch.torch_version.TorchVersion",
    "typing.Any",
)
_CONTAINERS = ("builtins.dict", "builtins.int", "builtins.list", "collections.defaultdict")


def convert(downloaded: Path, target: Path) -> None:
    """Make ``target`` a pipeline's folder out of the two checkpoints in ``downloaded``. Raise `BadModelFiles`.

    ``downloaded`` holds `segmentation/pytorch_model.bin` (pyannote/segmentation) and `ge2e/pretrained.pt`
    (Resemblyzer). ``target`` is made if need be. It is not made at once: `config.yaml` is written last.
    """
    segmentation = _load(downloaded / _SEGMENTATION)
    embedding = _load(downloaded / _EMBEDDING)
    try:
        parameters = segmentation["hyper_parameters"]
        weights = {
            "segmentation": {
                "hyper_parameters": {name: parameters[name] for name in ("sincnet", "lstm", "linear")},
                "state_dict": dict(segmentation["state_dict"]),
            },
            "embedding": {
                "state_dict": {
                    name: tensor
                    for name, tensor in embedding["model_state"].items()
                    if name.startswith(("lstm.", "linear."))  # the others are of its training
                }
            },
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise BadModelFiles(
            f"{downloaded} does not hold the checkpoints of the packaged diarization pipeline"
        ) from error
    for name, content in weights.items():
        _save(content, target / name / WEIGHTS)
    config = {"pipeline": {"name": PIPELINE, "params": {name: f"$model/{name}" for name in weights}}}
    (target / CONFIG).write_text(yaml.safe_dump(config), encoding="utf-8")


def _load(path: Path) -> Any:
    import torch
    from torch.serialization import safe_globals

    class StandIn:
        """Takes the place of an object whose class is not needed to read the weights."""

        def __init__(self, *arguments: Any) -> None:
            pass

        def __setstate__(self, state: Any) -> None:
            pass

    allowed = [(type(name.rpartition(".")[2], (StandIn,), {}), name) for name in _STAND_INS]
    allowed += [(_container(name), name) for name in _CONTAINERS]
    try:
        with safe_globals(allowed):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever a damaged file makes its readers raise
        raise BadModelFiles(f"{path} is not the checkpoint that it should be ({type(error).__name__})") from error


def _container(name: str) -> Any:
    import builtins
    import collections

    return getattr({"builtins": builtins, "collections": collections}[name.split(".")[0]], name.split(".")[1])


def _save(content: dict[str, Any], path: Path) -> None:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)

"""pyannote's `SpeakerDiarization` over the models that packages hold: its segmentation of 2022 and a GE2E embedding."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pyannote.audio.core.plda import PLDA
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.segmentation import PyanNet

from stt_ai.engines.ge2e import Ge2eEmbedding
from stt_ai.engines.speaker_diarization import LongFileDiarization

_WEIGHTS = "pytorch_model.bin"


class PackagedDiarization(LongFileDiarization):
    """``segmentation`` and ``embedding`` name the folders that `stt_ai.models.convert_speakers` makes."""

    def __init__(self, segmentation: Mapping[str, str], embedding: Mapping[str, str]) -> None:
        super().__init__(
            segmentation=load_segmentation(_place(segmentation)),
            embedding=load_embedding(_place(embedding)),
            embedding_exclude_overlap=True,
            clustering="AgglomerativeClustering",
            plda=PLDA.__new__(PLDA),  # not used, and by default fetched from the hub
        )

    def default_parameters(self) -> dict[str, Any]:
        return {
            "segmentation": {"threshold": 0.44, "min_duration_off": 0.0},
            "clustering": {"method": "centroid", "threshold": 0.55, "min_cluster_size": 4},
        }


def load_segmentation(folder: Path) -> PyanNet:
    """Who speaks in 5 s, of up to three speakers at once."""
    saved = torch.load(folder / _WEIGHTS, map_location="cpu", weights_only=True)
    model = PyanNet(**saved["hyper_parameters"])
    model.specifications = Specifications(
        problem=Problem.MULTI_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=5.0,
        classes=["speaker#1", "speaker#2", "speaker#3"],
        permutation_invariant=True,
    )
    model.build()
    model.load_state_dict(saved["state_dict"])
    return model.eval()


def load_embedding(folder: Path) -> Ge2eEmbedding:
    model = Ge2eEmbedding()
    model.load_state_dict(torch.load(folder / _WEIGHTS, map_location="cpu", weights_only=True)["state_dict"])
    model.eval()
    return model


def _place(named: Mapping[str, str]) -> Path:
    return Path(named["checkpoint"], named.get("subfolder") or "")

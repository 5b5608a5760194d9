"""pyannote's `SpeakerDiarization` over the models that packages hold: its segmentation of 2022 and a GE2E embedding."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pyannote.audio.core.plda import PLDA
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.segmentation import PyanNet
from pyannote.audio.pipelines.clustering import BaseClustering
from pyannote.core import SlidingWindowFeature
from scipy.optimize import linear_sum_assignment

from stt_ai.engines.cannot_link import cut, merge_all
from stt_ai.engines.ge2e import Ge2eEmbedding
from stt_ai.engines.speaker_diarization import LongFileDiarization

_WEIGHTS = "pytorch_model.bin"


class PackagedDiarization(LongFileDiarization):
    """``segmentation`` and ``embedding`` name the folders that `stt_ai.models.convert_speakers` makes.

    The parameters were chosen on seven meetings of 30 s (AMI), and on the utterances of five readers (LibriSpeech),
    joined to conversations; `python -m tests.benchmarks speakers` measures on others.
    """

    def __init__(self, segmentation: Mapping[str, str], embedding: Mapping[str, str]) -> None:
        super().__init__(
            segmentation=load_segmentation(_place(segmentation)),
            segmentation_step=0.2,
            embedding=load_embedding(_place(embedding)),
            embedding_exclude_overlap=True,
            clustering="AgglomerativeClustering",
            plda=PLDA.__new__(PLDA),  # not used, and by default fetched from the hub
        )
        self.clustering = CannotLinkClustering()

    def default_parameters(self) -> dict[str, Any]:
        """Return the parameters that the pipeline needs."""
        return {"segmentation": {"threshold": 0.4, "min_duration_off": 0.0}}

    def reconstruct(
        self, segmentations: SlidingWindowFeature, hard_clusters: npt.NDArray[np.int8], count: SlidingWindowFeature
    ) -> SlidingWindowFeature:
        """Return the number of speakers of each frame, at most the number of clusters."""
        clusters = max(1, int(hard_clusters.max()) + 1)
        bounded = SlidingWindowFeature(np.minimum(count.data, clusters), count.sliding_window)
        return super().reconstruct(segmentations, hard_clusters, bounded)


class CannotLinkClustering(BaseClustering):  # type: ignore[misc]
    """`stt_ai.engines.cannot_link` as pyannote's pipelines want it."""

    expects_num_clusters = False

    def __init__(self) -> None:
        super().__init__(metric="cosine")
        self.threshold = 0.6
        self.penalty = 0.6
        self.min_seconds = 1.0
        """Of speech without overlap: who says less is taken for one of the others."""
        self.overlap_seconds, self.overlap_share = 0.5, 0.02
        """One speaker alone never causes more overlap than that, in seconds and as a share of all speech."""

    def __call__(
        self,
        embeddings: npt.NDArray[np.float32],
        segmentations: SlidingWindowFeature,
        num_clusters: int | None = None,
        min_clusters: int | None = None,
        max_clusters: int | None = None,
        **others: Any,
    ) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Clusters [chunks, local speakers], scores [chunks, local speakers, clusters] and centroids of ``embeddings``.

        Clustered are those of a second and more of one voice, each for itself. Afterwards the local speakers of each
        chunk are given to different clusters, as near as can be.
        """
        active, chunk = segmentations.data > 0, segmentations.sliding_window
        alone = (active & (active.sum(axis=2, keepdims=True) == 1)).sum(axis=1) / active.shape[1]
        usable = active.any(axis=1) & np.isfinite(embeddings).all(axis=2)
        clear = usable & (alone >= 1 / chunk.duration)
        if not clear.any():
            clear = usable
        seconds = np.maximum(alone[clear], 0.01) * chunk.step
        vectors = embeddings[clear].astype(np.float64)
        _, min_clusters, max_clusters = self.set_num_clusters(len(vectors), num_clusters, min_clusters, max_clusters)
        if min_clusters < 2 <= max_clusters and self._overlaps(active, chunk.step):
            min_clusters = 2
        if max_clusters < 2 or len(vectors) < 2:
            labels = np.zeros(len(vectors), np.int64)
        else:
            merges = merge_all(vectors, seconds, np.nonzero(clear)[0], self.penalty)
            labels = cut(merges, seconds, self.threshold, self.min_seconds, min_clusters, max_clusters)
        centroids = _centroids(vectors, seconds, labels)
        scores = np.nan_to_num(embeddings @ centroids.T)
        return _assign(scores, active.any(axis=1)), scores, centroids

    def _overlaps(self, active: npt.NDArray[np.bool_], step: float) -> bool:
        together, speech = (active.sum(axis=2) > 1).sum(), active.any(axis=2).sum()
        seconds = together / active.shape[1] * step
        return bool(seconds >= self.overlap_seconds and together >= self.overlap_share * speech)


def _centroids(vectors: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], labels: Any) -> Any:
    """Return centroids of length 1: [clusters, dimension]; one of zeros if there are no vectors."""
    if not len(vectors):
        return np.zeros((1, vectors.shape[1]))
    sums = np.zeros((int(labels.max()) + 1, vectors.shape[1]))
    kept = labels >= 0
    np.add.at(sums, labels[kept], vectors[kept] * weights[kept, None])
    return sums / np.linalg.norm(sums, axis=1, keepdims=True).clip(1e-9)


def _assign(scores: npt.NDArray[np.float64], active: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
    """Return the cluster of each local speaker, [chunks, local speakers]; -2 for who does not speak.

    Different ones in each chunk, as long as there are; then the best for each.
    """
    found = np.full(active.shape, -2, np.int8)
    for chunk in np.flatnonzero(active.any(axis=1)):
        speakers = np.flatnonzero(active[chunk])
        found[chunk, speakers] = scores[chunk, speakers].argmax(axis=1)
        rows, columns = linear_sum_assignment(scores[chunk, speakers], maximize=True)
        found[chunk, speakers[rows]] = columns
    return found


def load_segmentation(folder: Path) -> PyanNet:
    """Return who speaks in 5 s, of up to three speakers at once."""
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


def load_embedding(folder: Path, centered: bool = True) -> Ge2eEmbedding:
    """Return the speaker embedding whose weights are in ``folder``."""
    model = Ge2eEmbedding(centered=centered)
    model.load_state_dict(torch.load(folder / _WEIGHTS, map_location="cpu", weights_only=True)["state_dict"])
    model.eval()
    return model


def _place(named: Mapping[str, str]) -> Path:
    return Path(named["checkpoint"], named.get("subfolder") or "")

"""The diarizer as a folder that pyannote's `Pipeline.from_pretrained` loads: config.yaml and what it names."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pyannote.audio import Model, Pipeline
from scipy.linalg import eigh

from .corpus import load
from .embedding import embeddings

LDA_DIMENSION = 32
CONFIG = """\
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    segmentation_step: 0.1
    segmentation_batch_size: 32
    embedding: $model/embedding
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  segmentation:
    min_duration_off: {min_duration_off}
  clustering:
    threshold: {threshold}
    Fa: {Fa}
    Fb: {Fb}
"""
DEFAULTS: dict[str, Any] = {"min_duration_off": 0.0, "threshold": 0.7, "Fa": 0.07, "Fb": 2.0}


def write_config(target: Path, parameters: dict[str, Any]) -> None:
    """config.yaml with these values of the pipeline's own parameters."""
    (target / "config.yaml").write_text(CONFIG.format(**parameters))


def open_pipeline(target: Path) -> Any:
    """The pipeline of the folder, on the CPU."""
    pipeline = Pipeline.from_pretrained(target)
    assert pipeline is not None
    return pipeline


def fit_plda(corpus: Path, target: Path) -> None:
    """Write plda/*.npz, which clustering by VBx needs.

    Embeddings are centred, scaled to unit length, reduced by linear discriminant analysis and scaled again; then a
    two-covariance model is fitted: within people and between them.
    """
    model = Model.from_pretrained(target / "embedding")
    everybody = load(corpus, "train")
    pools = [[p for p in everybody if p.speaker.published], [p for p in everybody if not p.speaker.published]]
    found, who = embeddings(model, pools, 640, 10.0, seed=11)
    found = found.astype(np.float64)
    mean1 = found.mean(0)
    centred = np.sqrt(found.shape[1]) * _unit(found - mean1)
    _, within, between = _covariances(centred, who)
    lda = eigh(between, within)[1][:, ::-1][:, :LDA_DIMENSION]
    mean2 = (centred @ lda).mean(0)
    reduced = np.sqrt(LDA_DIMENSION) * _unit(centred @ lda - mean2)
    mu, within, between = _covariances(reduced, who)
    between += 1e-3 * np.trace(between) / LDA_DIMENSION * np.eye(LDA_DIMENSION)
    psi, vectors = eigh(between, within)
    folder = target / "plda"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "xvec_transform.npz", mean1=mean1, mean2=mean2, lda=lda)
    np.savez(folder / "plda.npz", mu=mu, tr=vectors.T[::-1], psi=psi[::-1])
    print(f"plda: {len(found)} embeddings of {len(set(who))} people", flush=True)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _covariances(
    rows: NDArray[np.float64], who: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, covariance within people (a little regularised) and covariance between them."""
    mean, size = rows.mean(0), rows.shape[1]
    within, between, count = np.zeros((size, size)), np.zeros((size, size)), 0
    for person in np.unique(who):
        own = rows[who == person]
        if len(own) >= 3:
            middle = own.mean(0)
            within += (own - middle).T @ (own - middle)
            between += len(own) * np.outer(middle - mean, middle - mean)
            count += len(own)
    within, between = within / count, between / count
    return mean, within + 1e-6 * np.trace(within) / size * np.eye(size), between


def size_mb(target: Path) -> float:
    """Of all files in the folder, in MB."""
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file()) / 1e6


def parameters_of(target: Path) -> dict[str, int]:
    """Weights of each model."""
    return {
        part: sum(
            value.numel()
            for value in torch.load(target / part / "pytorch_model.bin", weights_only=False)["state_dict"].values()
        )
        for part in ("segmentation", "embedding")
    }

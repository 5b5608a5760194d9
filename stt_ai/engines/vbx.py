"""VBx, pyannote's Bayesian clustering, for files of any length, and for any question.

VBx takes each embedding for evidence of its own. Those of one file are not: their windows overlap by nine tenths, and a
voice varies in few ways. So the evidence for splitting a voice grows with the length of the file, while the price of
one more speaker (Fb) grows with its logarithm: of four voices in two hours it made six. Beyond `MAX_EMBEDDINGS`
embeddings it is given so many of them, evenly spaced, as if the file were that short, which bounds its memory too. All
embeddings are assigned to the nearest of its clusters, as always.
"""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
from pyannote.audio.pipelines.clustering import VBxClustering
from pyannote.audio.utils import vbx

Matrix = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)

MAX_EMBEDDINGS = 4_000
"""Some forty minutes of speech. Even if each is a cluster of its own at first, VBx's arrays take 128 MB each."""
KEPT = 1e-7
"""pyannote takes clusters with a greater prior for voices."""


def silence_vbx() -> None:
    """Send to the log what pyannote's VBx prints whenever its last iteration, which ends it, was slightly worse."""
    vars(vbx)["print"] = logger.debug


def cluster_vbx(
    ahc_init: npt.NDArray[np.int64],
    fea: Matrix,
    Phi: Matrix,
    Fa: float,
    Fb: float,
    maxIters: int = 20,
    init_smoothing: float = 7.0,
    max_embeddings: int = MAX_EMBEDDINGS,
) -> tuple[Matrix, Matrix]:
    """As `pyannote.audio.utils.vbx.cluster_vbx`: responsibilities [N, clusters] and the clusters' priors.

    ``ahc_init`` [N] are cluster numbers from 0, ``fea`` [N, D] the embeddings in the space of the PLDA whose variances
    are ``Phi`` [D]. The same as pyannote's up to ``max_embeddings`` embeddings. Beyond, clusters that it emptied are
    left out, and so are the embeddings that it was not given: their responsibilities are 0.
    """
    chosen = np.linspace(0, len(fea) - 1, min(max_embeddings, len(fea))).round().astype(np.int64)
    _, start = np.unique(ahc_init[chosen], return_inverse=True)
    found: Any = vbx.cluster_vbx(
        start, fea[chosen], Phi, Fa=Fa, Fb=Fb, maxIters=maxIters, init_smoothing=init_smoothing
    )
    if len(chosen) == len(fea):
        return found[0], found[1]
    kept = np.flatnonzero(found[1] > KEPT)
    responsibilities = np.zeros((len(fea), len(kept)))
    responsibilities[chosen] = found[0][:, kept]
    return responsibilities, found[1][kept]


class BoundedVBx(VBxClustering):  # type: ignore[misc]
    """pyannote's own, for any number of speakers: pyannote fails if asked for more than there are embeddings."""

    def __call__(
        self,
        embeddings: Any,
        segmentations: Any = None,
        num_clusters: int | None = None,
        min_clusters: int | None = None,
        max_clusters: int | None = None,
        **others: Any,
    ) -> Any:
        """Clusters, their scores and centroids of ``embeddings`` [chunks, local speakers, dimension]."""
        counted, _, _ = self.filter_embeddings(embeddings, segmentations=segmentations)
        bounds = self.set_num_clusters(len(counted), num_clusters, min_clusters, max_clusters)
        return super().__call__(embeddings, segmentations, *bounds, **others)

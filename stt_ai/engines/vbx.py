"""VBx, pyannote's Bayesian clustering, in memory that is bounded for any number of embeddings, and for any question.

VBx holds a probability for each embedding and each cluster that it starts from. Hours of difficult speech begin with
thousands of clusters, nearly all of them of a handful of embeddings, which VBx empties again. Beyond `CELLS` numbers it
starts from the largest clusters, and the embeddings of the others start undecided.
"""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
from pyannote.audio.pipelines.clustering import VBxClustering
from pyannote.audio.utils import vbx
from scipy.special import softmax

Matrix = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)

# It prints a warning whenever its last iteration, the one that tells it to stop, was a hair worse than the one before.
vars(vbx)["print"] = logger.debug

CELLS = 16_000_000
"""128 MB for each of the five arrays of that shape that VBx holds at once."""


def cluster_vbx(
    ahc_init: npt.NDArray[np.int64],
    fea: Matrix,
    Phi: Matrix,
    Fa: float,
    Fb: float,
    maxIters: int = 20,
    init_smoothing: float = 7.0,
    cells: int = CELLS,
) -> tuple[Matrix, Matrix]:
    """As `pyannote.audio.utils.vbx.cluster_vbx`: responsibilities [N, clusters] and the clusters' priors.

    ``ahc_init`` [N] are cluster numbers from 0, ``fea`` [N, D] the embeddings in the space of the PLDA whose variances
    are ``Phi`` [D]. The same as pyannote's while N × clusters is at most ``cells``.
    """
    found: Any
    clusters = int(ahc_init.max()) + 1
    most = max(2, cells // len(ahc_init))
    if clusters <= most:
        found = vbx.cluster_vbx(ahc_init, fea, Phi, Fa=Fa, Fb=Fb, maxIters=maxIters, init_smoothing=init_smoothing)
        return found[0], found[1]
    kept = np.sort(np.argsort(-np.bincount(ahc_init, minlength=clusters), kind="stable")[:most])
    start = np.zeros((len(fea), most))
    column = np.minimum(np.searchsorted(kept, ahc_init), most - 1)
    member = np.flatnonzero(kept[column] == ahc_init)
    start[member, column[member]] = init_smoothing
    found = vbx.VBx(fea, Phi, Fa=Fa, Fb=Fb, pi=most, gamma=softmax(start, axis=1), maxIters=maxIters)
    return found[0], found[1]


class BoundedVBx(VBxClustering):  # type: ignore[misc]
    """pyannote's own, to be asked for any number of speakers: it fails when told of more than it has embeddings."""

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

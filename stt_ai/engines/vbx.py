"""VBx, pyannote's Bayesian clustering, in memory that is bounded for any number of embeddings.

VBx holds a probability for each embedding and each cluster that it starts from. Hours of difficult speech begin with
thousands of clusters, nearly all of them of a handful of embeddings, which VBx empties again. Beyond `CELLS` numbers it
starts from the largest clusters, and the embeddings of the others start undecided.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from pyannote.audio.utils import vbx
from scipy.special import softmax

Matrix = npt.NDArray[np.float64]

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

"""Agglomerative clustering of speaker embeddings in which those of one stretch of audio keep apart.

Two local speakers of a chunk are two people, or the segmentation model would not have told them apart. Where a weak
embedding shows little difference (a phone line, one microphone in a room), that is the better evidence. So merging two
clusters costs, beside their mean cosine distance, a share of the chunks in which both of them speak: soft cannot-link
constraints, after Wagstaff and Cardie, "Clustering with instance-level constraints" (2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy

from stt_ai.engines.linkage import centroid_linkage

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

MAX_LEAVES = 500
"""Clusters that are compared with each other. What lies closest is joined before, in bounded memory."""


@dataclass(frozen=True, slots=True)
class Merges:
    """Merges of clusters: ``pairs`` in order, the second merged into the first, at ``costs``."""

    leaves: Labels
    pairs: Sequence[tuple[int, int]]
    costs: Sequence[float]

    def labels(self, merged: int) -> Labels:
        """Return the cluster of each item, from 0, after so many merges."""
        target = np.arange(len(self.pairs) + 1)
        for kept, gone in self.pairs[:merged]:
            target[target == gone] = kept
        return np.unique(target[self.leaves], return_inverse=True)[1]


def merge_all(embeddings: Matrix, weights: Matrix, chunks: Labels, penalty: float) -> Merges:
    """Merge items, cheapest pair first, until one cluster is left.

    ``embeddings`` [N, dimension] of length 1, each with its weight and the number of its chunk. A merge costs the mean
    cosine distance of the two clusters' items (average linkage, by weight), and ``penalty`` times the share of chunks,
    of the cluster in fewer, in which both are. O(N · `MAX_LEAVES`) memory.
    """
    leaves = _leaves(embeddings)
    count = int(leaves.max()) + 1
    sums, sizes = np.zeros((count, embeddings.shape[1])), np.bincount(leaves, weights, count)
    np.add.at(sums, leaves, embeddings * weights[:, None])
    _, places = np.unique(chunks, return_inverse=True)
    inside = np.zeros((count, int(places.max()) + 1), np.float32)
    inside[leaves, places] = 1
    spread = inside.sum(axis=1)
    costs = (
        1 - sums @ sums.T / np.outer(sizes, sizes) + penalty * (inside @ inside.T) / np.minimum.outer(spread, spread)
    )
    np.fill_diagonal(costs, np.inf)
    alive = np.ones(count, bool)
    pairs, paid = [], []
    for _ in range(count - 1):
        kept, gone = sorted(divmod(int(costs.argmin()), count))
        pairs.append((kept, gone))
        paid.append(float(costs[kept, gone]))
        sums[kept] += sums[gone]
        sizes[kept] += sizes[gone]
        np.maximum(inside[kept], inside[gone], out=inside[kept])
        spread[kept] = inside[kept].sum()
        alive[gone] = False
        shared = (inside @ inside[kept]) / np.minimum(spread, spread[kept])
        row = 1 - sums @ sums[kept] / (sizes * sizes[kept]) + penalty * shared
        row[~alive] = row[kept] = np.inf
        costs[kept], costs[:, kept] = row, row
        costs[gone] = costs[:, gone] = np.inf
    return Merges(leaves, pairs, paid)


def cut(
    merges: Merges, weights: Matrix, threshold: float, min_weight: float, min_clusters: int, max_clusters: int
) -> Labels:
    """Return the cluster of each item, from 0; -1 for those of clusters that weigh less than ``min_weight``.

    Merges cost at most ``threshold``, unless it takes more of them to be left with ``max_clusters`` clusters. Where
    fewer than ``min_clusters`` weigh enough, the heaviest ones are taken; where there are not so many, less is merged.
    """

    def weigh(merged: int) -> Matrix:
        return np.bincount(merges.labels(merged), weights).astype(np.float64)

    def heavy(sizes: Matrix) -> int:
        return int((sizes >= min(min_weight, sizes.max())).sum())

    total = len(merges.pairs)
    merged = int(np.searchsorted(np.maximum.accumulate([*merges.costs, np.inf]), threshold, side="right"))
    while merged < total and heavy(weigh(merged)) > max_clusters:
        merged += 1
    merged = min(merged, max(0, total + 1 - min_clusters))
    sizes = weigh(merged)
    kept = np.sort(np.argsort(-sizes, kind="stable")[: max(heavy(sizes), min_clusters)])
    names = np.full(len(sizes), -1)
    names[kept] = np.arange(len(kept))
    return names[merges.labels(merged)]


def _leaves(embeddings: Matrix) -> Labels:
    if len(embeddings) <= MAX_LEAVES:
        return np.arange(len(embeddings))
    joined = hierarchy.fcluster(centroid_linkage(embeddings), MAX_LEAVES, "maxclust")
    return np.unique(joined, return_inverse=True)[1].astype(np.int64)

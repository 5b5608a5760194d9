"""Centroid linkage of any number of points in bounded memory, as a drop-in for scipy's.

The textbook algorithm keeps every distance between two points: N²/2 numbers, and time that grows as N² too. For hours
of speech that is gigabytes. Here at most `CAP` clusters are held at once: points are taken in their order, and whenever
there are more, the closest pairs are merged until half of them are left. What is merged early lies much closer together
than any threshold that tells voices apart (one voice, from seconds that overlap by nine tenths), so the tree differs
from the exact one at its leaves and not where it is cut. The idea is BIRCH's (Zhang, Ramakrishnan and Livny 1996), the
merging Müllner's "generic" algorithm (2011).
"""

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy

Matrix = npt.NDArray[np.float64]

EXACT = 8_000
"""Up to so many points scipy's own linkage is used, which takes 256 MB for them."""
CAP = 4_000
"""Clusters held at once beyond that: their distances take 128 MB."""


def centroid_linkage(points: npt.ArrayLike, *, exact: int = EXACT, cap: int = CAP) -> Matrix:
    """Return the dendrogram of ``points`` [N, dimension] as `scipy.cluster.hierarchy.linkage` gives it: [N - 1, 4].

    Exact up to ``exact`` points. Beyond, O(N · ``cap``) time and O(``cap``²) memory; rows are in order of height.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) <= exact:
        return np.asarray(hierarchy.linkage(points, method="centroid", metric="euclidean"))
    forest = _Forest(len(points))
    for start in range(0, len(points), max(1, cap // 2)):
        forest.add(points[start : start + max(1, cap // 2)])
        if len(forest) > cap // 2:
            forest.merge_down_to(max(1, cap // 2))
    forest.merge_down_to(1)
    return _in_order_of_height(forest.merges())


def linkage(points: npt.ArrayLike, method: str = "single", metric: str = "euclidean") -> Matrix:
    """scipy's `linkage`, bounded for the method that diarization pipelines use."""
    if method == "centroid" and metric == "euclidean":
        return centroid_linkage(points)
    return np.asarray(hierarchy.linkage(points, method=method, metric=metric))


class _Forest:
    """Clusters that are still apart, and how they came about."""

    def __init__(self, leaves: int) -> None:
        self._leaves = leaves
        self._added = 0
        self._ids = np.empty(0, dtype=np.int64)
        self._sizes = np.empty(0)
        self._centroids: Matrix | None = None
        self._merges: list[tuple[float, float, float, float]] = []

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, points: Matrix) -> None:
        self._ids = np.concatenate([self._ids, np.arange(self._added, self._added + len(points))])
        self._sizes = np.concatenate([self._sizes, np.ones(len(points))])
        self._centroids = points if self._centroids is None else np.concatenate([self._centroids, points])
        self._added += len(points)

    def merges(self) -> Matrix:
        return np.array(self._merges).reshape(-1, 4)

    def merge_down_to(self, clusters: int) -> None:
        """Merge the two clusters whose centroids are closest, again and again, until ``clusters`` are left."""
        assert self._centroids is not None
        squared = _squared_distances(self._centroids)
        nearest = squared.argmin(axis=1)
        closest = squared[np.arange(len(self)), nearest]  # a lower bound only where `nearest` is -1
        alive = np.ones(len(self), dtype=bool)
        for _ in range(len(self) - clusters):
            a = int(closest.argmin())
            while nearest[a] < 0:
                nearest[a] = squared[a].argmin()
                closest[a] = squared[a, nearest[a]]
                a = int(closest.argmin())
            b = int(nearest[a])
            self._merge(a, b, float(squared[a, b]))
            alive[b] = False
            _update(squared, a, b, self._sizes)
            self._sizes[a] += self._sizes[b]
            nearest[(nearest == a) | (nearest == b)] = -1
            nearer = squared[a] < closest
            closest[nearer], nearest[nearer] = squared[a, nearer], a
            nearest[a] = squared[a].argmin()
            closest[a], closest[b] = squared[a, nearest[a]], np.inf
        self._ids, self._sizes, self._centroids = self._ids[alive], self._sizes[alive], self._centroids[alive]

    def _merge(self, a: int, b: int, squared: float) -> None:
        """Cluster ``b`` becomes part of ``a``; the sizes are the caller's to add."""
        assert self._centroids is not None
        size = self._sizes[a] + self._sizes[b]
        low, high = sorted((self._ids[a], self._ids[b]))
        self._merges.append((float(low), float(high), max(squared, 0.0) ** 0.5, float(size)))
        share = self._sizes[b] / size
        self._centroids[a] = (1 - share) * self._centroids[a] + share * self._centroids[b]
        self._ids[a] = self._leaves + len(self._merges) - 1


def _squared_distances(points: Matrix) -> Matrix:
    """Squared Euclidean distances [N, N] with an infinite diagonal."""
    norms = np.einsum("ij,ij->i", points, points)
    squared: Matrix = points @ points.T
    squared *= -2
    squared += norms[:, None]
    squared += norms
    np.maximum(squared, 0, out=squared)
    np.fill_diagonal(squared, np.inf)
    return squared


def _update(squared: Matrix, a: int, b: int, sizes: Matrix) -> None:
    """The distances from the merged centroid, kept at ``a``; ``b`` is no one's neighbour any more.

    Lance and Williams' formula, which needs the old distances alone.
    """
    share = sizes[b] / (sizes[a] + sizes[b])
    row = (1 - share) * squared[a] + share * squared[b] - share * (1 - share) * squared[a, b]
    row[a] = row[b] = np.inf
    squared[a] = row
    squared[:, a] = row
    squared[b] = squared[:, b] = np.inf


def _in_order_of_height(merges: Matrix) -> Matrix:
    """Return the tree with its rows sorted by the greatest height below them, children before parents."""
    leaves = len(merges) + 1
    order = np.argsort(hierarchy.maxdists(merges), kind="stable")
    place = np.empty(len(merges), dtype=np.int64)
    place[order] = np.arange(len(merges))
    ordered = merges[order]
    children = ordered[:, :2].astype(np.int64)
    inner = children >= leaves
    children[inner] = leaves + place[children[inner] - leaves]
    ordered[:, :2] = np.sort(children, axis=1)
    return ordered

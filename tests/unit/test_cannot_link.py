"""Clustering in which the voices of one chunk keep apart, on embeddings whose voices are known."""

import numpy as np
import numpy.typing as npt
import pytest

from stt_ai.engines import cannot_link
from stt_ai.engines.cannot_link import Merges, cut, merge_all

Matrix = npt.NDArray[np.float64]
THRESHOLD, PENALTY, MIN_SECONDS = 0.8, 0.6, 1.5


def voices(count: int, items: int, noise: float, apart: float = 1.0, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Embeddings [count · items, 32] of length 1, and whose each is. ``apart`` 0: all voices are alike."""
    rng = np.random.default_rng(seed)
    centers = np.linalg.qr(rng.normal(size=(32, count + 1)))[0].T
    means = centers[:1] + apart * (centers[1:] - centers[:1])
    whose = np.repeat(np.arange(count), items)
    vectors = means[whose] + noise * rng.normal(size=(len(whose), 32)) / np.sqrt(32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), whose


def clustered(
    vectors: Matrix,
    chunks: Matrix,
    min_clusters: int = 1,
    max_clusters: int = 50,
    seconds: float = 1.0,
    penalty: float = PENALTY,
) -> npt.NDArray[np.int64]:
    weights = np.full(len(vectors), seconds)
    return cut(
        merge_all(vectors, weights, chunks, penalty), weights, THRESHOLD, MIN_SECONDS, min_clusters, max_clusters
    )


def same_partition(labels: Matrix, whose: Matrix) -> bool:
    return len(set(zip(labels, whose, strict=True))) == len(set(labels)) == len(set(whose))


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_voices_that_differ_are_told_apart(count: int) -> None:
    vectors, whose = voices(count, 20, 0.5)
    assert same_partition(clustered(vectors, np.arange(len(vectors))), whose)


def test_alike_voices_are_two_where_they_speak_in_the_same_chunks_and_one_where_not() -> None:
    vectors, whose = voices(2, 20, 0.3, apart=0.5)
    apart, together = np.arange(40), np.tile(np.arange(20), 2)
    assert len(set(clustered(vectors, apart))) == 1
    assert same_partition(clustered(vectors, together), whose)
    assert len(set(clustered(vectors, together, penalty=0.0))) == 1


def test_order_makes_no_difference() -> None:
    vectors, _ = voices(3, 15, 0.8)
    chunks = np.tile(np.arange(15), 3)
    order = np.random.default_rng(1).permutation(len(vectors))
    assert same_partition(clustered(vectors[order], chunks[order]), clustered(vectors, chunks)[order])


@pytest.mark.parametrize(
    ("min_clusters", "max_clusters", "found"), [(1, 2, 2), (4, 4, 4), (3, 50, 3), (6, 9, 6), (1, 1, 1)]
)
def test_bounds_are_kept(min_clusters: int, max_clusters: int, found: int) -> None:
    vectors, _ = voices(3, 20, 0.5)
    labels = clustered(vectors, np.arange(60), min_clusters, max_clusters)
    assert sorted(set(labels) - {-1}) == list(range(found))


def test_who_hardly_speaks_is_nobody_unless_asked_for() -> None:
    vectors, whose = voices(2, 10, 0.3)
    vectors = np.concatenate([vectors[whose == 0], vectors[whose == 1][:1]])
    assert clustered(vectors, np.arange(11)).tolist() == [0] * 10 + [-1]
    assert clustered(vectors, np.arange(11), min_clusters=2).tolist() == [0] * 10 + [1]


def test_as_many_as_there_are_is_the_most_that_can_be_found() -> None:
    vectors, _ = voices(1, 3, 0.5)
    assert sorted(clustered(vectors, np.arange(3), min_clusters=3, seconds=0.1)) == [0, 1, 2]


def test_costs_are_those_of_average_linkage_by_weight() -> None:
    vectors, _ = voices(3, 4, 1.0)
    weights = np.linspace(0.5, 3, len(vectors))
    merges = merge_all(vectors, weights, np.arange(12), penalty=0.0)
    before = merges.labels(len(merges.pairs) - 1)
    one, other = (before == label for label in range(2))
    distances = 1 - vectors[one] @ vectors[other].T
    expected = np.average(np.average(distances, axis=0, weights=weights[one]), weights=weights[other])
    assert merges.costs[-1] == pytest.approx(expected)


def test_many_items_are_joined_before_and_end_as_the_same_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cannot_link, "MAX_LEAVES", 30)
    vectors, whose = voices(4, 100, 0.5)
    merges = merge_all(vectors, np.ones(400), np.tile(np.arange(100), 4), PENALTY)
    assert len(merges.pairs) < 30
    assert same_partition(cut(merges, np.ones(400), THRESHOLD, MIN_SECONDS, 1, 50), whose)


def test_one_item_alone() -> None:
    assert cut(Merges(np.zeros(1, np.int64), [], []), np.ones(1), THRESHOLD, MIN_SECONDS, 1, 50).tolist() == [0]

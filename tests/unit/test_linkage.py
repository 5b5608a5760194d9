"""Dendrograms in bounded memory: the same as scipy's where nothing is bounded, and the same clusters where it is."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster import hierarchy

from stt_ai.engines.linkage import centroid_linkage, linkage

Points = npt.NDArray[np.float64]


def points(count: int, dimension: int, seed: int) -> Points:
    """On the unit sphere, as embeddings are."""
    drawn = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def voices(count: int, people: int, spread: float, seed: int) -> tuple[Points, npt.NDArray[np.int64]]:
    """Embeddings of a conversation: whoever speaks goes on for a while, and neighbours are alike."""
    rng = np.random.default_rng(seed)
    who = np.repeat(rng.integers(0, people, count), 10)[:count]
    drawn = points(people, 64, seed)[who] + rng.normal(size=(count, 64)) * spread / 8
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True)), who


def partition(labels: npt.NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@given(st.integers(2, 60), st.integers(2, 8), st.integers(0, 10_000))
def test_when_everything_is_held_at_once_it_is_the_exact_tree(count: int, dimension: int, seed: int) -> None:
    drawn = points(count, dimension, seed)
    exact = hierarchy.linkage(drawn, method="centroid")
    ours = centroid_linkage(drawn, exact=0, cap=2 * count)
    assert np.allclose(np.sort(ours[:, 2]), np.sort(exact[:, 2]))
    for threshold in np.quantile(exact[:, 2], [0.2, 0.5, 0.8]) + 1e-9:
        cut = [hierarchy.fcluster(tree, threshold, "distance") for tree in (ours, exact)]
        assert partition(cut[0]) == partition(cut[1])


@given(st.integers(2, 150), st.integers(2, 40), st.integers(0, 10_000))
def test_it_is_a_tree_over_all_points_in_order_of_height(count: int, cap: int, seed: int) -> None:
    tree = centroid_linkage(points(count, 5, seed), exact=0, cap=cap)
    assert tree.shape == (count - 1, 4)
    assert hierarchy.is_valid_linkage(tree)
    assert tree[-1, 3] == count
    assert (np.diff(hierarchy.maxdists(tree)) >= 0).all()
    assert (tree[:, 0] < tree[:, 1]).all()


@given(st.integers(2, 6), st.integers(0, 10_000))
def test_voices_that_are_far_apart_stay_apart_however_little_is_held(people: int, seed: int) -> None:
    drawn, who = voices(600, people, 0.3, seed)
    tree = centroid_linkage(drawn, exact=0, cap=100)
    assert partition(hierarchy.fcluster(tree, 0.6, "distance")) == partition(who)


def test_a_voice_of_some_seconds_is_not_lost_among_hours_of_others() -> None:
    drawn, _ = voices(3_000, 3, 0.4, 1)
    rare = points(1, 64, 99) + np.random.default_rng(2).normal(size=(12, 64)) * 0.02
    at = 1_500
    drawn = np.concatenate([drawn[:at], rare / np.linalg.norm(rare, axis=1, keepdims=True), drawn[at:]])
    labels = hierarchy.fcluster(centroid_linkage(drawn, exact=0, cap=200), 0.7, "distance")
    assert len(set(labels[at : at + 12].tolist())) == 1
    assert (labels == labels[at]).sum() == 12


@pytest.mark.parametrize("method", ["average", "complete", "single"])
def test_other_methods_are_scipys_own(method: str) -> None:
    drawn = points(30, 4, 0)
    assert np.array_equal(linkage(drawn, method=method, metric="cosine"), hierarchy.linkage(drawn, method, "cosine"))


def test_up_to_some_thousand_points_it_is_scipys_own() -> None:
    drawn = points(300, 16, 0)
    assert np.array_equal(linkage(drawn, "centroid"), hierarchy.linkage(drawn, "centroid"))

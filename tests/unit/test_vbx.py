"""VBx of some of the embeddings: pyannote's own where they are few, the same voices where they are many."""

import numpy as np
import numpy.typing as npt
import pytest
from pyannote.audio.utils import vbx

from stt_ai.engines.vbx import KEPT, cluster_vbx

PHI = np.linspace(20, 1, 16)
SETTINGS = {"Fa": 0.07, "Fb": 0.8}


def voices(count: int, people: int, seed: int = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Features as the model of VBx has them: voices spread by `PHI`, each embedding by one around its voice."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, people, count)
    return rng.normal(size=(people, 16))[who] * np.sqrt(PHI) * 2 + rng.normal(size=(count, 16)), who


def splintered(who: npt.NDArray[np.int64], splinters: int) -> npt.NDArray[np.int64]:
    """The right clusters, but every tenth embedding is in one of many small ones."""
    clusters = who.copy()
    small = np.arange(0, len(who), 10)
    clusters[small] = who.max() + 1 + np.arange(len(small)) % splinters
    return clusters


def test_where_it_fits_it_is_pyannotes_own() -> None:
    features, who = voices(300, 4)
    start = splintered(who, 12)
    ours, theirs = cluster_vbx(start, features, PHI, **SETTINGS), vbx.cluster_vbx(start, features, PHI, **SETTINGS)
    assert np.array_equal(ours[0], theirs[0])
    assert np.array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("people", [2, 3, 5])
def test_where_there_are_more_the_voices_are_the_same(people: int) -> None:
    features, who = voices(900, people)
    start = splintered(who, 40)
    whole, _ = cluster_vbx(start, features, PHI, **SETTINGS)
    bounded, priors = cluster_vbx(start, features, PHI, **SETTINGS, max_embeddings=300)
    assert bounded.shape == (900, people) and priors.shape == (people,)
    given = np.flatnonzero(bounded.any(axis=1))
    assert len(given) == 300 and np.diff(given).max() <= 4
    assert np.allclose(bounded[given].sum(axis=1), 1, atol=1e-6)
    assert (together(whole[given]) == together(bounded[given])).mean() > 0.99
    assert (together(bounded[given]) == (who[given, None] == who[given])).mean() > 0.99


def test_a_long_file_has_no_more_voices_than_a_short_one() -> None:
    """VBx starts with each voice in two clusters, and joins them only where they are small."""
    features, who = voices(12_000, 3)
    start = 2 * who + np.random.default_rng(1).integers(0, 2, len(who))

    def found(length: int, max_embeddings: int) -> int:
        _, priors = cluster_vbx(start[:length], features[:length], PHI, Fa=0.07, Fb=8.0, max_embeddings=max_embeddings)
        return int((priors > KEPT).sum())

    assert found(1_000, max_embeddings=1_000) == 3
    assert found(12_000, max_embeddings=12_000) > 3
    assert found(12_000, max_embeddings=1_000) == 3


def together(found: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    voice = found.argmax(axis=1)
    return np.asarray(voice[:, None] == voice)

"""VBx from the largest clusters only: pyannote's own where it fits, the same voices where it does not."""

import numpy as np
import numpy.typing as npt
import pytest
from pyannote.audio.utils import vbx

from stt_ai.engines.vbx import cluster_vbx

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
def test_where_it_does_not_the_voices_are_the_same(people: int) -> None:
    features, who = voices(800, people)
    start = splintered(who, 40)
    whole, _ = cluster_vbx(start, features, PHI, **SETTINGS)
    bounded, priors = cluster_vbx(start, features, PHI, **SETTINGS, cells=800 * (people + 2))
    assert bounded.shape == (800, people + 2) and priors.shape == (people + 2,)
    assert np.allclose(bounded.sum(axis=1), 1, atol=1e-6)

    def together(found: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        voice = found.argmax(axis=1)
        return np.asarray(voice[:, None] == voice)

    assert (together(whole) == together(bounded)).mean() > 0.99
    assert (together(bounded) == (who[:, None] == who)).mean() > 0.99

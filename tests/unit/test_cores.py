"""How the cores are shared out among batches, and what that does to the words."""

import os
from pathlib import Path

import pytest

from stt_ai.engines import cores as cores_module
from stt_ai.engines.cores import LARGE_BYTES, MAX_AT_ONCE, MEDIUM_BYTES, SMALL_BYTES, Cores, available, share
from stt_ai.models.fetch import demo_path


def _model(folder: Path, size: int) -> Path:
    with (folder / "model.bin").open("wb") as file:
        file.truncate(size)
    return folder


@pytest.mark.parametrize(("cores", "max_concurrency"), [(1, 1), (2, 2), (64, MAX_AT_ONCE)])
def test_a_small_model_has_a_core_for_each_batch(
    monkeypatch: pytest.MonkeyPatch, cores: int, max_concurrency: int
) -> None:
    monkeypatch.setattr(cores_module, "available", lambda: cores)
    assert share(0, demo_path()) == Cores(1, max_concurrency)


@pytest.mark.parametrize(
    ("size", "cores", "expected"),
    [
        (SMALL_BYTES + 1, 1, Cores(1, 1)),
        (SMALL_BYTES + 1, 2, Cores(1, 2, 2)),
        (MEDIUM_BYTES, 8, Cores(2, 4, 4)),
        (MEDIUM_BYTES, 32, Cores(4, 8)),
        (MEDIUM_BYTES + 1, 1, Cores(1, 1)),
        (MEDIUM_BYTES + 1, 2, Cores(2, 1)),
        (MEDIUM_BYTES + 1, 8, Cores(4, 2)),
        (MEDIUM_BYTES + 1, 32, Cores(4, 8)),
        (MEDIUM_BYTES + 1, 128, Cores(4, MAX_AT_ONCE)),
        (LARGE_BYTES, 6, Cores(6, 1)),
        (LARGE_BYTES, 32, Cores(8, 4)),
    ],
)
def test_others_have_several_cores_for_a_batch_and_batches_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int, cores: int, expected: Cores
) -> None:
    monkeypatch.setattr(cores_module, "available", lambda: cores)
    assert share(0, _model(tmp_path, size)) == expected


def test_what_the_operator_says_holds_for_every_model(tmp_path: Path) -> None:
    assert share(3, demo_path()) == share(3, _model(tmp_path, LARGE_BYTES)) == Cores(3)


def test_on_a_gpu_one_batch_runs_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores_module, "available", lambda: 8)
    assert share(0, demo_path(), "cuda").max_concurrency == 1


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        (None, 6),
        ("max 100000", 6),
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("900000 100000", 6),
    ],
)
def test_cores_are_those_that_the_container_leaves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str | None, cores: int
) -> None:
    quota_file = tmp_path / "cpu.max"
    if quota is not None:
        quota_file.write_text(f"{quota}\n")
    monkeypatch.setattr(cores_module, "CGROUP_QUOTA", quota_file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert available() == cores

"""How many cores there are, and how a speech model on CPU shares them out."""

import os
from dataclasses import dataclass
from pathlib import Path

SMALL_BYTES = 32 << 20
MEDIUM_BYTES = 256 << 20
LARGE_BYTES = 1 << 30
MAX_THREADS, MAX_THREADS_OF_LARGE = 4, 8
MIN_BATCHES = 4
"""Of a model up to `MEDIUM_BYTES`, beside each other, before one of them gets a second thread."""
MAX_AT_ONCE = 8
CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Cores:
    """A share of the cores: ``max_concurrency`` batches at a time, each on ``threads`` threads.

    ``lone_threads``: those of a batch that has no other beside it, if that is more than ``threads``; else 0.
    """

    threads: int
    max_concurrency: int = 1
    lone_threads: int = 0


def share(threads: int, model: Path, device: str = "cpu") -> Cores:
    """For the CTranslate2 model in the folder ``model``. ``threads`` as an operator says, or 0.

    0: a small model has one core for each batch. Its steps are so short that threads spend more time waiting for each
    other than they save: the demo model takes half as long again on two cores as on one. Whisper tiny and base hardly
    decode faster on two threads than on one, and batches beside each other need the cores, so they get a second thread
    only where `MIN_BATCHES` run beside each other; but a batch that is alone leaves cores idle, so it runs on up to
    `MAX_THREADS`, by a second copy of the weights. Others have up to `MAX_THREADS` cores for a batch,
    large ones twice as many, and what is left is for batches beside it: a decoder's step reads all weights for a few
    windows, so memory bounds it, and more threads for one batch bring next to nothing.
    """
    cores = available()
    if threads or device != "cpu":
        return Cores(threads or cores)
    size = _weights(model)
    if size <= SMALL_BYTES:
        return Cores(1, min(cores, MAX_AT_ONCE))
    if size <= MEDIUM_BYTES:
        a_batch, lone = min(max(1, cores // MIN_BATCHES), MAX_THREADS), min(cores, MAX_THREADS)
        return Cores(a_batch, min(cores // a_batch, MAX_AT_ONCE), lone if lone > a_batch else 0)
    a_batch = min(cores, MAX_THREADS_OF_LARGE if size >= LARGE_BYTES else MAX_THREADS)
    return Cores(a_batch, min(cores // a_batch, MAX_AT_ONCE))


def available() -> int:
    """Cores that this process may keep busy: a container or `taskset` may leave it fewer than the machine has."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    try:
        quota, period = map(int, CGROUP_QUOTA.read_text().split())
    except (OSError, ValueError):  # "max": no quota
        return cores
    return min(cores, max(1, quota // period))


def _weights(model: Path) -> int:
    """Return the size of the weights in bytes; 0 without any, which loading reports."""
    try:
        return (model / "model.bin").stat().st_size
    except OSError:
        return 0

"""Threads and replicas that run at a lower priority on a busy processor."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

FILES, SPEAKERS, SUMMARIES = 5, 10, 15
"""Higher is later: what somebody waits for live goes first, then the text of files, then voices, summaries last."""

Made = TypeVar("Made")


def step_back(niceness: int) -> None:
    """Let others go first. Linux counts by threads: it holds for this one and for those that it makes from now on."""
    if os.getpriority(os.PRIO_PROCESS, 0) < niceness:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)


def made_at(niceness: int, make: Callable[[], Made]) -> Made:
    """Return what ``make`` returns, called in a thread that has stepped back: so do the threads that it starts."""
    with ThreadPoolExecutor(1, initializer=step_back, initargs=(niceness,)) as thread:
        return thread.submit(make).result()

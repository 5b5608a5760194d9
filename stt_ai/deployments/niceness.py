"""Replicas that run at a lower priority on a busy processor."""

import os

SPEAKERS, SUMMARIES = 5, 10
"""Higher is later: what somebody waits for live, and a text without speakers, go before voices, and summaries last."""


def step_back(niceness: int) -> None:
    """Let others go first. Linux counts by threads: it holds for this one and for those that it makes from now on."""
    if os.getpriority(os.PRIO_PROCESS, 0) < niceness:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)

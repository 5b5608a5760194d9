"""What audio costs."""

import math

from stt_ai.accounts import PlanName, WorkKind


def credits_for(seconds: float) -> int:
    """Minutes of audio rounded up, at least 1. Counted on hundredths of a second, as answers show them."""
    return max(1, math.ceil(round(seconds, 2) / 60))


def cost_of(kind: WorkKind, plan: PlanName, seconds: float) -> int:
    """Return how much of its caller's allowance a request takes: one of a day's pieces of work, or minutes."""
    if kind is WorkKind.SUMMARY or plan is PlanName.ANONYMOUS:
        return 1
    return credits_for(seconds)

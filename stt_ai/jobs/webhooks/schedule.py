"""When a webhook that failed is sent again: the retry schedule of the Standard Webhooks specification, with jitter."""

MINUTE_S, HOUR_S = 60.0, 3600.0
DELAYS_S = (
    5.0,
    5 * MINUTE_S,
    30 * MINUTE_S,
    2 * HOUR_S,
    5 * HOUR_S,
    10 * HOUR_S,
    14 * HOUR_S,
    20 * HOUR_S,
    24 * HOUR_S,
)
"""From the failure of the first attempt to the second, and so on: 75 hours and 35 minutes in all."""
MAX_ATTEMPTS = len(DELAYS_S) + 1
JITTER = 0.1
"""The share of each delay by which it is lengthened at most, so that what failed together does not come together."""
MAX_RETRY_AFTER_S = 24 * HOUR_S


def next_delay(attempt: int, retry_after: float | None, random: float) -> float | None:
    """Return the seconds from the failure of ``attempt``, from 1, to the next one; None: it was the last.

    ``retry_after``: seconds that the receiver asked for, which only lengthen the delay. ``random``: from 0 to 1.
    """
    if attempt >= MAX_ATTEMPTS:
        return None
    planned = DELAYS_S[attempt - 1] * (1 + JITTER * random)
    return max(planned, min(retry_after or 0.0, MAX_RETRY_AFTER_S))

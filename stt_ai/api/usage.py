"""What a transcription costs. Nobody is charged yet: the answer only says it."""

import math


def credits_for(seconds: float) -> int:
    """Minutes of audio rounded up, at least 1. Counted on hundredths of a second, as the answer shows them."""
    return max(1, math.ceil(round(seconds, 2) / 60))

"""Media files damaged at random: each is refused, decoded whole, or decoded with a warning; none hangs."""

from collections import Counter

from tests import mutations
from tests.support.media_files import children

FILES = 104


def test_no_damage_is_passed_over_in_silence() -> None:
    answers = list(mutations.judged(seed=3, numbers=range(FILES), workers=3))
    assert not [answer for answer in answers if answer.wrong]
    verdicts = Counter(answer.verdict for answer in answers)
    assert min(verdicts[kind] for kind in ("refused", "warned", "whole")) > FILES // 20
    assert not children()

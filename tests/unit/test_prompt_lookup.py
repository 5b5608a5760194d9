"""Guesses at the next tokens, copied from where the last ones stood before."""

from hypothesis import given
from hypothesis import strategies as st

from stt_ai.engines.prompt_lookup import PromptLookup

TOKENS = st.lists(st.integers(0, 4), min_size=1, max_size=40)


def test_a_draft_is_what_followed() -> None:
    assert PromptLookup([1, 2, 3, 4, 5, 6, 7, 1, 2, 3]).draft(3) == [4, 5, 6]


def test_what_more_of_the_last_tokens_stood_before_goes_first() -> None:
    assert PromptLookup([1, 2, 3, 8, 9, 3, 7, 1, 2, 3]).draft(1) == [8], "not 7, which follows a 3 alone"


def test_of_several_places_the_last_is_taken() -> None:
    assert PromptLookup([1, 2, 8, 1, 2, 9, 1, 2]).draft(1) == [9]


def test_nothing_is_drafted_behind_a_new_token_or_where_nothing_is_wanted() -> None:
    assert PromptLookup([1, 2, 3]).draft(5) == []
    assert PromptLookup([1, 1, 1]).draft(0) == []


@given(TOKENS, TOKENS, st.integers(1, 8))
def test_it_makes_no_difference_what_of_the_tokens_was_the_prompt(
    prompt: list[int], rest: list[int], many: int
) -> None:
    grown = PromptLookup(prompt)
    for token in rest:
        grown.add(token)
    whole = [*prompt, *rest]
    assert grown.last == whole[-1]
    draft = grown.draft(many)
    assert draft == PromptLookup(whole).draft(many)
    assert len(draft) <= many
    # It follows, somewhere, the longest of the last few tokens that stands anywhere before the last.
    for count in range(min(3, len(whole)), 0, -1):
        places = [at for at in range(count, len(whole)) if whole[at - count : at] == whole[-count:]]
        if places:
            assert draft == whole[places[-1] : places[-1] + many]
            break
    else:
        assert draft == []

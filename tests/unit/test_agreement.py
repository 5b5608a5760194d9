"""Which words two hypotheses decide."""

from hypothesis import given
from hypothesis import strategies as st

from stt_ai.speech.agreement import MIN_DISTANCE, Agreement, common_prefix, plain, prefix_distances
from stt_ai.types import TokenizedWord

NEVER = 10**9


def _pieces(text: str) -> tuple[TokenizedWord, ...]:
    return tuple(TokenizedWord(f" {word}", (len(word), index)) for index, word in enumerate(text.split()))


def _after(*hypotheses: tuple[float, str], latest: int = NEVER) -> str:
    agreement = Agreement(min_distance=round(0.8 * 16_000))
    for seconds, text in hypotheses:
        agreement.add(_pieces(text)[len(agreement.committed) :], round(seconds * 16_000), latest)
    return agreement.text


def test_what_two_hypotheses_begin_with_is_decided_but_for_the_last_word() -> None:
    assert _after((1, "We can"), (2, "We can care fully")) == "We"
    assert _after((1, "We can care"), (2, "We can carefully go")) == "We can"
    assert _after((1, "We can care full he"), (2, "We can care fully agree")) == "We can care"


def test_one_hypothesis_decides_nothing() -> None:
    assert _after((9, "We can carefully go")) == ""


def test_hypotheses_on_nearly_the_same_audio_decide_nothing() -> None:
    assert _after((1.0, "We can carefully go"), (1.5, "We can carefully go")) == ""
    assert _after((1.0, "We can carefully go"), (1.5, "We may"), (1.8, "We can carefully go")) == "We can carefully"


def test_the_newest_one_that_is_far_enough_off_is_asked() -> None:
    assert (
        _after((1, "We may carefully go"), (2, "We can carefully go"), (3, "We can carefully go")) == "We can carefully"
    )


def test_how_words_are_written_does_not_matter_and_the_newest_way_is_kept() -> None:
    assert _after((1, "we can. Go now"), (2, "We can, go on")) == "We can, go"


def test_what_may_still_be_cut_off_is_not_decided() -> None:
    assert _after((1, "We can go"), (3, "We can go now"), latest=16_000) == "We can"
    assert _after((2, "We can go"), (3, "We can go now"), latest=16_000) == ""


def test_a_last_word_is_shown_when_it_was_recognized_twice() -> None:
    agreement = Agreement()
    shown = []
    for step, text in enumerate(["We can care", "We can carefully", "We can carefully", "We can carefully go", "We"]):
        agreement.add(_pieces(text)[len(agreement.committed) :], step * 4000, NEVER)
        shown.append(agreement.shown)
    assert shown == ["We can", "We can", "We can carefully", "We can carefully", "We"]


@given(
    st.lists(st.tuples(st.integers(1, 3 * MIN_DISTANCE), st.lists(st.sampled_from("abc"), max_size=9)), max_size=12),
    st.integers(0, 12 * MIN_DISTANCE),
)
def test_what_is_decided_only_grows(hypotheses: list[tuple[int, list[str]]], latest: int) -> None:
    agreement, end = Agreement(), 0
    for step, words in hypotheses:
        end += step
        before = agreement.committed
        agreement.add(_pieces(" ".join(words))[len(before) :], end, latest)
        assert agreement.committed[: len(before)] == before
        assert agreement.shown.startswith(agreement.text)
        assert len(agreement.tokens) == 2 * len(agreement.committed)


@given(st.lists(st.sampled_from("ab")), st.lists(st.sampled_from("ab")))
def test_a_common_prefix_is_one_and_could_not_be_longer(one: list[str], other: list[str]) -> None:
    length = common_prefix(one, other)
    assert one[:length] == other[:length]
    assert length == min(len(one), len(other)) or one[length] != other[length]


def test_signs_alone_are_compared_as_they_are() -> None:
    assert plain(" ¿Qué?") == "qué"
    assert plain(" —") == "—"


def test_the_distance_to_each_beginning_is_counted_in_words() -> None:
    assert prefix_distances(["we", "can", "go"], ["we", "can", "not", "go"]) == [3, 2, 1, 1, 1]
    assert prefix_distances([], ["we"]) == [0, 1]
    assert prefix_distances(["we"], []) == [1]

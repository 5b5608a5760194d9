"""What a person corrects in a segment: its words stay where they are spoken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.speech.corrections import with_text
from stt_ai.types import Segment, Word

Timed = list[tuple[str, float, float]]


def segment(*words: str, blank: str = " ") -> Segment:
    """One word a second from second 10 on."""
    return Segment(
        tuple(
            Word(blank + word, 10.0 + number, 11.0 + number, 0.5, 2, "Speaker 1") for number, word in enumerate(words)
        ),
        "Speaker 1",
    )


def timed(found: Segment) -> Timed:
    return [(word.word, round(word.start, 3), round(word.end, 3)) for word in found.words]


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (["I", "sow", "it."], "I saw it.", [("I", 10, 11), ("saw", 11, 12), ("it.", 12, 13)]),
        (["icecream", "now"], "ice cream now", [("ice", 10, 10.375), ("cream", 10.375, 11), ("now", 11, 12)]),
        (["an", "ice", "cream", "now"], "an icecream now", [("an", 10, 11), ("icecream", 11, 13), ("now", 13, 14)]),
        (["one", "two", "three"], "one three", [("one", 10, 11), ("three", 12, 13)]),
        (["one", "two"], "one and two", [("one", 10, 10.5), ("and", 10.5, 11), ("two", 11, 12)]),
        (["one", "two"], "So one two", [("So", 10, 10.4), ("one", 10.4, 11), ("two", 11, 12)]),
        (["one", "two"], "Zanzibar", [("Zanzibar", 10, 12)]),
        (["one", "two"], "  one\n two ", [("one", 10, 11), ("two", 11, 12)]),
        (["one", "two"], "", []),
    ],
)  # fmt: skip
def test_words_that_are_corrected_share_the_time_of_those_they_replace(
    words: list[str], text: str, expected: Timed
) -> None:
    found = with_text(segment(*words), text)
    assert timed(found) == expected
    assert found.text == " ".join(text.split())


def test_what_stays_keeps_its_confidence_and_what_is_new_is_sure() -> None:
    found = with_text(segment("I", "sow", "it."), "I saw it.")
    assert [(word.confidence, word.tokens) for word in found.words] == [(0.5, 2), (1.0, 1), (0.5, 2)]
    assert {word.speaker for word in found.words} == {found.speaker} == {"Speaker 1"}


def test_a_script_without_blanks_is_aligned_by_its_characters() -> None:
    spoken = segment("你好", "世界", "再见", blank="")
    found = with_text(spoken, "你好时界再见")
    assert timed(found) == [("你好", 10, 11), ("时", 11, 11.5), ("界", 11.5, 12), ("再见", 12, 13)]
    assert found.raw_text == "你好时界再见"


def test_pieces_that_the_model_wrote_without_a_blank_stay_as_they_are() -> None:
    spoken = Segment((Word(" well", 1, 2, 0.5), Word("-known", 2, 3, 0.5), Word(" man", 3, 4, 0.5)))
    assert with_text(spoken, "well-known men").words[:2] == spoken.words[:2]


def test_a_word_of_which_only_the_beginning_stays_keeps_its_blank() -> None:
    assert with_text(segment("a", "สวัสดี"), "a a สวัสดีสวัสดี").text == "a a สวัสดีสวัสดี"


WORDS = st.lists(
    st.sampled_from(["a", "bb", "ccc", "don't", "再", "见", "สวัสดี", "é", "well-known", "日本語"]), max_size=8
)


@given(before=WORDS.filter(bool), after=WORDS, blanks=st.lists(st.booleans(), min_size=8, max_size=8))
def test_any_text_is_spelled_as_it_was_given_and_no_time_runs_backwards(
    before: list[str], after: list[str], blanks: list[bool]
) -> None:
    spoken = Segment(
        tuple(
            Word((" " if blank else "") + word, float(number), number + 1.0, 0.5)
            for number, (word, blank) in enumerate(zip(before, blanks, strict=False))
        )
    )
    text = "".join((" " if blank else "") + word for word, blank in zip(after, blanks[::-1], strict=False))
    found = with_text(spoken, text)
    assert found.text == text.strip()
    times = [time for word in found.words for time in (word.start, word.end)]
    assert times == sorted(times) and all(0 <= time <= len(before) for time in times)
    assert found.raw_text[:1].isspace() == spoken.raw_text[:1].isspace() or not found.words
    assert with_text(spoken, spoken.text) == spoken

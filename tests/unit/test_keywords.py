"""Keywords are written where they were said, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.speech.keywords import corrected, keyword_prompt, settled, similarity, sounds_like_any
from stt_ai.types import Word


def words(text: str) -> list[Word]:
    return [Word(f" {word}", float(n), n + 0.8, 0.9) for n, word in enumerate(text.split())]


def text(of: tuple[Word, ...]) -> str:
    return "".join(word.text for word in of).strip()


@pytest.mark.parametrize(
    ("plain", "biased", "keyword", "expected"),
    [
        ("Mr. Kilter spoke.", "Mr. Quilter spoke.", "Quilter", "Mr. Quilter spoke."),
        ("he met Ada Loveless, today", "he met Ada Lovelace, today", "Ada Lovelace", "he met Ada Lovelace, today"),
        ("it runs on cuber netties now", "it runs on Kubernetes now", "Kubernetes", "it runs on Kubernetes now"),
        ("ask open ai.", "ask OpenAI.", "OpenAI", "ask OpenAI."),
        ("we like café", "we like Café", "Café", "we like Café"),
    ],
)
def test_what_sounds_like_a_keyword_is_spelled_like_it(plain: str, biased: str, keyword: str, expected: str) -> None:
    assert text(corrected(words(plain), words(biased), [keyword])) == expected


@pytest.mark.parametrize(
    ("plain", "biased"),
    [
        ("good morning everybody", "good morning Quilter"),
        ("good morning", "Quilter, Quilter, good morning"),
        ("the weather is fine", "Quilter"),
        ("so it goes", "so it goes Quilter"),
    ],
)
def test_a_keyword_that_was_not_said_is_not_inserted(plain: str, biased: str) -> None:
    assert text(corrected(words(plain), words(biased), ["Quilter"])) == plain


def test_all_else_of_the_biased_text_is_left_out() -> None:
    found = corrected(words("she met mister Kilter here"), words("we saw Mr. Quilter there"), ["Quilter"])
    assert text(found) == "she met mister Quilter here"


def test_times_stay_within_those_of_the_words_replaced() -> None:
    plain = words("on cuber netties now")
    found = corrected(plain, words("on Kubernetes now"), ["Kubernetes"])
    assert (found[1].start, found[1].end) == (plain[1].start, plain[2].end)


@given(
    st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "Quilter", "kilter"]), max_size=12).map(" ".join),
    st.data(),
)
def test_words_without_the_biased_decoding_are_never_changed(spoken: str, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from(["", "alpha beta", "gamma delta alpha"]))
    assert corrected(words(spoken), words(other), ["Quilter"]) == tuple(words(spoken))


sentences = st.lists(st.sampled_from(["alpha", "beta", "quill", "ter", "cuber", "netties", "Kilter"]), max_size=8)
KEYWORDS = ["Quilter", "Kubernetes", "beta quill"]


@given(sentences, sentences)
def test_nothing_is_respelled_where_nothing_sounds_like_a_keyword(plain: list[str], biased: list[str]) -> None:
    found = words(" ".join(plain))
    if corrected(found, words(" ".join([*biased, *KEYWORDS])), KEYWORDS) != tuple(found):
        assert sounds_like_any(plain, KEYWORDS)


@given(sentences, st.lists(st.integers(0, 8)), sentences)
def test_settled_words_stay_whatever_is_said_next(plain: list[str], steps: list[int], biased: list[str]) -> None:
    count = 0
    for length in sorted({*steps, len(plain)}):
        before, count = count, settled(plain[:length], KEYWORDS, count)
        assert before <= count <= len(plain)
    final = corrected(words(" ".join(plain)), words(" ".join([*biased, *KEYWORDS])), KEYWORDS)
    assert [word.word for word in final[:count]] == plain[:count]


def test_words_settle_before_the_utterance_ends() -> None:
    assert settled(["the", "weather", "is", "fine", "and", "so", "are", "we"], ["Quilter"], 0) == 6
    assert settled(["said", "that", "Kilter", "whether", "it", "is", "fine"], ["Quilter"], 0) == 2
    assert settled(["all", "of", "it"], [], 0) == 3


def test_sounds_count_as_well_as_letters() -> None:
    assert similarity("Filip", "Phillip") == 1.0
    assert similarity("weather", "Quilter") < 0.6


def test_the_prompt_names_the_keywords_before_what_was_said() -> None:
    assert keyword_prompt(["Ada", "Babbage"], "Hello.") == "Ada, Babbage. Hello."
    assert keyword_prompt([], "Hello.") == "Hello."

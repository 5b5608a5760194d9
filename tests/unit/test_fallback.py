"""Fallback, loops and hallucinations: speech is kept; loops and made-up text are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.speech.fallback import (
    DecodingResult,
    FallbackThresholds,
    best,
    compression_ratio,
    is_doubtful,
    is_silence,
    likeliest,
)
from stt_ai.speech.hallucinations import is_hallucination
from stt_ai.speech.loops import collapse_loops, tail_loop, without_tail_loop
from stt_ai.types import Word

GUARDS = FallbackThresholds()
PROSE = "The committee meets on Tuesday in the green room, and everyone who has a question may bring it along."


def _decoding_result(
    text: str = PROSE, log_probability: float = -0.2, no_speech: float = 0.0, **more: float
) -> DecodingResult:
    return DecodingResult(text, tuple(text.encode()), log_probability, no_speech, **more)


def _words(text: str) -> list[Word]:
    return [Word(f" {word}", n, n + 1, 0.9) for n, word in enumerate(text.split())]


def _text(words: tuple[Word, ...]) -> str:
    return "".join(word.text for word in words).strip()


def test_prose_compresses_little_and_a_loop_much() -> None:
    assert compression_ratio(PROSE) < 1.5
    assert compression_ratio("Thank you. " * 40) > GUARDS.compression_ratio
    assert compression_ratio("  ") == 0.0


def test_believed_text_is_not_doubted() -> None:
    assert not is_doubtful(_decoding_result(), GUARDS)


@pytest.mark.parametrize(
    "attempt",
    [
        _decoding_result(log_probability=-1.1),
        _decoding_result("and so on " * 30),
        _decoding_result("I went there. No! No! No! No! No! No! No! No!"),
    ],
    ids=["guessed", "repeated throughout", "a loop at the end"],
)
def test_guessed_or_repeated_text_is_doubted(attempt: DecodingResult) -> None:
    assert is_doubtful(attempt, GUARDS)


def test_a_guess_over_silence_is_silence_and_not_decoded_again() -> None:
    silent = _decoding_result("Thank you.", log_probability=-1.4, no_speech=0.9)
    assert is_silence(silent, GUARDS)
    assert not is_doubtful(silent, GUARDS)


@pytest.mark.parametrize(
    ("log_probability", "no_speech", "silent"),
    [(-0.99, 0.72, True), (-1.5, 0.38, True), (-0.85, 0.38, False), (-0.5, 0.44, False), (-2.5, 0.1, False)],
)
def test_the_less_speech_the_model_finds_the_likelier_the_text_has_to_be(
    log_probability: float, no_speech: float, silent: bool
) -> None:
    assert is_silence(_decoding_result(log_probability=log_probability, no_speech=no_speech), GUARDS) is silent


def test_sure_text_is_kept_although_the_model_found_silence() -> None:
    assert not is_silence(_decoding_result(log_probability=-0.3, no_speech=0.9), GUARDS)


def test_the_believed_attempt_is_kept_though_another_scored_higher() -> None:
    loop = _decoding_result("la la la la " * 20, log_probability=-0.01)
    believed = _decoding_result(log_probability=-0.8, temperature=0.4)
    assert best([loop, believed], GUARDS) is believed


def test_when_none_is_believed_the_likeliest_without_repetition_is_kept() -> None:
    loop = _decoding_result("la la la la " * 20, log_probability=-0.01)
    guessed = _decoding_result(log_probability=-1.5, temperature=0.2)
    wilder = _decoding_result(log_probability=-2.5, temperature=0.4)
    assert best([loop, guessed, wilder], GUARDS) is guessed
    assert best([loop], GUARDS) is loop


@given(
    st.lists(st.integers(0, 3), max_size=30), st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(8, 12)
)
def test_whatever_ends_by_repeating_itself_is_found(head: list[int], gram: list[int], times: int) -> None:
    units = head + gram * times
    size = tail_loop(units)
    assert 0 < size <= len(gram)
    once = list(without_tail_loop(units))
    assert once == units[: len(once)]
    assert once[-size:] == units[-size:]
    assert once[-2 * size : -size] != once[-size:]


@given(st.lists(st.integers(), unique=True, max_size=100))
def test_what_never_repeats_is_no_loop(units: list[int]) -> None:
    assert tail_loop(units) == 0
    assert without_tail_loop(units) == units
    words = [Word(f" w{unit}", 0, 1, 1) for unit in units]
    assert collapse_loops(words) == tuple(words)


@pytest.mark.parametrize(
    "said",
    [
        "no no no I said no",
        "two two two four",
        "very very very very good",
        "we will we will rock you",
        "ha ha ha ha ha",
    ],
)
def test_what_people_repeat_is_kept(said: str) -> None:
    assert _text(collapse_loops(_words(said))) == said


@pytest.mark.parametrize("said", ["let it be " * 4, "one two three " * 5, "no " * 12, "the green garden " * 7])
def test_what_is_said_again_and_again_is_kept_where_the_model_ended_by_itself(said: str) -> None:
    assert _text(collapse_loops(_words(said))) == said.strip()
    assert len(collapse_loops(_words(said), truncated=True)) < 4
    hurried = [Word(word.text, word.start / 20, word.end / 20, 0.9) for word in _words(said)]
    assert len(collapse_loops(hurried)) < 4, "nobody says twenty words a second"


def test_a_loop_is_left_once_wherever_it_stands() -> None:
    assert _text(collapse_loops(_words("first " + "so it goes " * 9 + "last"))) == "first so it goes last"
    assert _text(collapse_loops(_words("and then " + "no " * 30))) == "and then no"


def test_a_loop_is_found_whatever_its_case_and_punctuation() -> None:
    assert (
        _text(collapse_loops(_words("Thank you. thank you, THANK YOU! thank you thank you."), truncated=True))
        == "Thank you."
    )


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=60))
def test_collapsing_keeps_order_and_invents_nothing(texts: list[str]) -> None:
    words = [Word(f" {text}", n, n + 1, 1) for n, text in enumerate(texts)]
    kept = collapse_loops(words)
    assert [word.start for word in kept] == sorted({word.start for word in kept})
    assert set(kept) <= set(words)
    assert bool(kept) == bool(words)


@pytest.mark.parametrize(
    ("text", "seconds", "no_speech", "log_probability", "invented"),
    [
        ("Thank you.", 0.4, 0.5, -0.3, True),
        ("Thank you.", 0.4, 0.1, -0.9, True),
        ("Thank you.", 0.4, 0.1, -0.2, False),
        ("¡Gracias por ver el vídeo!", 0.9, 0.0, -0.1, True),
        ("Thanks for watching!", 5.0, 0.0, -0.1, False),
        ("This is far too much to be said in no time at all", 0.3, 0.0, -0.1, True),
        ("Good morning", 0.7, 0.0, -0.3, False),
        ("Thank you.", 5.0, 0.69, -0.88, True),
        ("Thank you.", 5.0, 0.69, -0.3, False),
        ("Thank you.", 5.0, 0.1, -0.88, False),
        ("Thank you, Alice.", 5.0, 0.69, -0.88, False),
    ],
)
def test_a_phrase_is_invented_only_where_there_was_hardly_any_speech_or_the_model_found_none(
    text: str, seconds: float, no_speech: float, log_probability: float, invented: bool
) -> None:
    assert is_hallucination(text, seconds, no_speech, log_probability) is invented


def test_the_likeliest_text_is_never_a_loop_where_there_is_another() -> None:
    loop, guess, prose = (
        _decoding_result("no way " * 40, -0.01),
        _decoding_result(log_probability=-0.6),
        _decoding_result(log_probability=-0.4),
    )
    assert likeliest([loop, guess, prose], GUARDS) == 2
    assert likeliest([loop], GUARDS) == 0

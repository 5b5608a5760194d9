"""One language for a file out of several windows' guesses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.speech.language import candidates, combine, is_enough
from stt_ai.types import LanguageDetection

CODES = ["en", "es", "gl", "de"]


@st.composite
def detections(draw: st.DrawFn) -> LanguageDetection:
    weights = draw(st.lists(st.floats(0.01, 1), min_size=len(CODES), max_size=len(CODES)))
    table = sorted(((c, w / sum(weights)) for c, w in zip(CODES, weights, strict=True)), key=lambda p: -p[1])
    return LanguageDetection(tuple(table), draw(st.floats(0.1, 30)))


@given(st.lists(detections(), min_size=1, max_size=5), st.randoms())
def test_the_order_of_the_guesses_does_not_matter(some: list[LanguageDetection], random: object) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert combine(shuffled) == combine(some)


@given(detections())
def test_one_guess_stands_as_it_is(detection: LanguageDetection) -> None:
    code, probability = combine([detection])
    assert probability == pytest.approx(detection.probability)
    assert dict(detection.probabilities)[code] == pytest.approx(detection.probability)


@given(st.lists(detections(), min_size=1, max_size=5))
def test_the_winner_is_the_likeliest_by_seconds(some: list[LanguageDetection]) -> None:
    code, probability = combine(some)
    seconds = sum(detection.seconds for detection in some)
    means = {c: sum(dict(g.probabilities)[c] * g.seconds for g in some) / seconds for c in CODES}
    assert probability == pytest.approx(max(means.values()))
    assert means[code] == pytest.approx(max(means.values()))


def test_a_short_sure_window_does_not_outvote_a_long_one() -> None:
    short = LanguageDetection((("gl", 0.95), ("es", 0.05)), 2.0)
    long = LanguageDetection((("es", 0.7), ("gl", 0.3)), 28.0)
    assert combine([short, long])[0] == "es"


def test_a_tie_goes_to_the_first_code() -> None:
    assert combine([LanguageDetection((("es", 0.5), ("en", 0.5)), 3.0)]) == ("en", 0.5)


def test_nothing_to_combine_is_an_error() -> None:
    with pytest.raises(ValueError, match="no guesses"):
        combine([])


@pytest.mark.parametrize(
    ("probability", "seconds", "windows", "enough"),
    [(0.99, 29.0, 5, True), (0.99, 3.0, 5, False), (0.5, 29.0, 5, False), (0.3, 1.0, 1, True)],
)
def test_a_long_clear_window_is_enough_and_so_is_the_only_one(
    probability: float, seconds: float, windows: int, enough: bool
) -> None:
    assert is_enough(probability, seconds, windows) is enough


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ((("en", 0.99), ("de", 0.01)), ("en",)),
        ((("it", 0.58), ("ca", 0.12), ("es", 0.11), ("pt", 0.1)), ("it", "ca", "es")),
        ((("la", 0.45), ("es", 0.39), ("it", 0.03)), ("la", "es")),
        ((("fr", 0.6), ("it", 0.01)), ("fr",)),
        ((("en", 1.0),), ("en",)),
    ],
)
def test_only_a_doubtful_language_has_rivals(table: tuple[tuple[str, float], ...], expected: tuple[str, ...]) -> None:
    assert candidates(table) == expected

"""Segments hold every word once, within their limits, and read as sentences."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stt_ai.speech.segments import MAX_CHARACTERS, MAX_SECONDS, PAUSE, ends_sentence, split
from stt_ai.types import Word

TEXTS = [" one", " two", " three,", " four.", " five?", " «six!»", "七。", "八", " nine…", " ", " ten"]


@st.composite
def recognized_words(draw: st.DrawFn) -> list[Word]:
    """Words in the order of speech. Times wobble a little, as aligners' do."""
    words, at = [], 0.0
    for text, gap, length in draw(
        st.lists(st.tuples(st.sampled_from(TEXTS), st.floats(-0.5, 3), st.floats(0, 40)), max_size=120)
    ):
        start = max(0.0, at + gap)
        words.append(Word(text, start, start + length, 0.5, 2))
        at = start + length
    return words


def _spoken(*texts: str, gap: float = 0.0) -> list[Word]:
    return [Word(text, n * (0.5 + gap), n * (0.5 + gap) + 0.5, 0.9) for n, text in enumerate(texts)]


@given(recognized_words(), st.floats(0, 1000))
def test_every_word_lies_in_one_segment_in_order(words: list[Word], duration: float) -> None:
    texts = [word.text for segment in split(words, duration) for word in segment.words]
    assert texts == [word.text for word in words if word.text.strip()]


@given(recognized_words(), st.floats(0, 1000))
def test_times_stay_in_the_audio_and_never_run_backwards(words: list[Word], duration: float) -> None:
    segments = split(words, duration)
    assert all(0 <= s.start <= s.end <= duration for s in segments)
    assert all(before.start <= after.start for before, after in pairwise(segments))
    flat = [word for segment in segments for word in segment.words]
    assert all(0 <= word.start <= word.end <= duration for word in flat)
    assert all(before.start <= after.start for before, after in pairwise(flat))


@given(recognized_words())
def test_no_segment_of_several_words_is_too_long(words: list[Word]) -> None:
    for segment in split(words, 1e6):
        if len(segment.words) > 1:
            assert segment.end - segment.start <= MAX_SECONDS
            assert len(segment.raw_text) <= MAX_CHARACTERS


@given(recognized_words())
def test_sentences_and_pauses_end_segments(words: list[Word]) -> None:
    for segment in split(words, 1e6):
        for before, after in pairwise(segment.words):
            assert not ends_sentence(before.text)
            assert after.start - before.end < PAUSE


def test_joining_the_segments_spells_the_text() -> None:
    words = _spoken(" Hello", " there.", " How", " are", " you?")
    segments = split(words, 10)
    assert [segment.text for segment in segments] == ["Hello there.", "How are you?"]
    assert "".join(segment.raw_text for segment in segments) == " Hello there. How are you?"


def test_a_new_speaker_starts_a_segment() -> None:
    words = [Word(" yes", 0, 1, 1, speaker="Speaker 1"), Word(" no", 1, 2, 1, speaker="Speaker 2")]
    assert [(s.text, s.speaker) for s in split(words, 2)] == [("yes", "Speaker 1"), ("no", "Speaker 2")]


def test_a_long_sentence_is_cut_at_a_comma() -> None:
    words = _spoken(*[" word"] * 30, " comma,", *[" word"] * 15)
    first, second = split(words, 100)
    assert first.text.endswith("comma,")
    assert len(second.words) == 15


def test_a_long_sentence_without_commas_is_cut_at_its_longest_gap() -> None:
    words = [Word(" word", n + (0.4 if n >= 35 else 0), n + 0.9 + (0.4 if n >= 35 else 0), 1) for n in range(50)]
    first, *_ = split(words, 100, max_characters=200, max_seconds=60)
    assert len(first.words) == 35


def test_quotes_after_the_full_stop_end_a_sentence_too() -> None:
    assert ends_sentence(' "Yes."')
    assert ends_sentence("はい。」")
    assert not ends_sentence(" 3.5")

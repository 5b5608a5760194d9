"""A file's text in pieces: the same whole, in whatever order its windows are transcribed."""

from hypothesis import given
from hypothesis import strategies as st

from stt_ai.speech.incremental_text import IncrementalText
from stt_ai.speech.segments import split
from stt_ai.types import Transcript, WindowTranscript, Word

texts = st.text(alphabet=" \n\tab.,é", max_size=6)
windows = st.lists(st.lists(texts, max_size=4), max_size=6)


@given(windows, st.randoms(use_true_random=False), st.booleans())
def test_the_pieces_joined_are_the_transcripts_text(spoken: list[list[str]], random: object, each: bool) -> None:
    windows = [WindowTranscript(tuple(Word(t, 0.0, 0.0, 0.9) for t in said), "en", 1.0) for said in spoken]
    order = list(range(len(windows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    so_far, known, pieces = IncrementalText(), {}, []
    for index in order:
        known[index] = windows[index]
        if each or len(known) == len(windows):
            pieces.append(so_far.advance(known))
    words = [word for window in windows for word in window.words]
    assert "".join(pieces) == Transcript(split(words, 1.0), "en", 1.0, 1.0, "m").text
    assert so_far.advance(known) == ""


def test_a_window_is_told_when_all_before_it_are_known() -> None:
    a, b, c = (WindowTranscript((Word(text, 0.0, 0.1, 0.9),), "en", 1.0) for text in (" one", " two ", " three"))
    so_far = IncrementalText()
    assert so_far.advance({2: c, 1: b}) == ""
    assert so_far.advance({0: a, 1: b}) == "one two"
    assert so_far.advance({0: a, 1: b, 2: c}) == "  three"

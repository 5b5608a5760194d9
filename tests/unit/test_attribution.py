"""Every word gets one speaker, the one whom the turns and the sense of the sentences say."""

from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from stt_ai.speech.attribution import attribute
from stt_ai.speech.segments import split
from stt_ai.types import SpeakerTurn, Word

TEXTS = [" one", " two,", " three.", " four?", "五", "。", ""]
VOICES = ["SPEAKER_02", "SPEAKER_00", "a", "SPEAKER_07"]


@st.composite
def talk(draw: st.DrawFn) -> list[Word]:
    """Words in the order of speech; some overlap, as aligners' do, some last for minutes, some no time at all."""
    words, at = [], 0.0
    rows = st.tuples(st.sampled_from(TEXTS), st.floats(-0.5, 3), st.sampled_from([0.0, 0.1, 0.3, 0.9, 200.0]))
    for text, gap, length in draw(st.lists(rows, max_size=60)):
        start = max(0.0, at + gap)
        words.append(Word(text, start, start + length, 0.5, 2))
        at = start + min(length, 1.0)
    return words


@st.composite
def turns(draw: st.DrawFn) -> list[SpeakerTurn]:
    """Turns in any order; some overlap, some are empty."""
    rows = st.tuples(st.floats(0, 100), st.floats(0, 20), st.sampled_from(VOICES))
    return [SpeakerTurn(start, start + length, who) for start, length, who in draw(st.lists(rows, max_size=40))]


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Word], list[SpeakerTurn], list[str]]:
    """A talk whose speakers change at sentence ends only, and whose turns may be 0.1 s too early or late."""
    words, exact, truth, at = [], [], [], 0.5
    for who, count in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 8)), min_size=1, max_size=12)):
        start = at
        for index in range(count):
            words.append(Word(" word." if index == count - 1 else " word", at, at + 0.3, 0.9))
            truth.append(VOICES[who])
            at += 0.35
        exact.append((start, at, VOICES[who]))
        at += 0.3
    off = draw(st.lists(st.floats(-0.1, 0.1), min_size=2 * len(exact), max_size=2 * len(exact)))
    turns = [SpeakerTurn(a + off[2 * i], b + off[2 * i + 1], who) for i, (a, b, who) in enumerate(exact)]
    return words, turns, truth


def _words(*rows: tuple[str, float, float]) -> list[Word]:
    return [Word(text, start, end, 0.9) for text, start, end in rows]


def _numbers(words: list[Word], turns: list[SpeakerTurn]) -> str:
    return "".join((word.speaker or "?").removeprefix("Speaker ") for word in attribute(words, turns))


@given(talk(), turns())
def test_no_word_is_lost_doubled_moved_or_changed(words: list[Word], turns: list[SpeakerTurn]) -> None:
    attributed = attribute(words, turns)
    assert [(w.text, w.start, w.end, w.confidence, w.tokens) for w in attributed] == [
        (w.text, w.start, w.end, w.confidence, w.tokens) for w in words
    ]


@given(talk(), turns())
def test_speakers_are_numbered_by_first_speech(words: list[Word], turns: list[SpeakerTurn]) -> None:
    names = list(dict.fromkeys(word.speaker for word in attribute(words, turns)))
    assert names == [f"Speaker {number + 1}" for number in range(len(names))]
    assert len(names) <= max(1, len({turn.speaker for turn in turns}))


@given(talk(), turns())
def test_every_segment_has_one_speaker_and_every_word_a_segment(words: list[Word], turns: list[SpeakerTurn]) -> None:
    segments = split(attribute(words, turns), 1e4)
    assert [word.text for s in segments for word in s.words] == [word.text for word in words if word.word]
    assert all({word.speaker for word in segment.words} == {segment.speaker} for segment in segments)
    assert None not in {segment.speaker for segment in segments}


@given(sentences())
def test_speakers_who_take_turns_keep_their_sentences(case: tuple[list[Word], list[SpeakerTurn], list[str]]) -> None:
    words, turns, truth = case
    number: dict[str, int] = {}
    expected = [f"Speaker {number.setdefault(who, len(number) + 1)}" for who in truth]
    assert [word.speaker for word in attribute(words, turns)] == expected


@given(talk(), turns())
def test_the_names_of_the_voices_do_not_matter(words: list[Word], turns: list[SpeakerTurn]) -> None:
    other = [SpeakerTurn(turn.start, turn.end, f"voice {turn.speaker}") for turn in turns]
    assert attribute(words, turns) == attribute(words, other)


@given(st.floats(0.05, 0.95))
@example(0.5)
def test_a_sentence_of_one_word_goes_to_who_holds_most_of_it(change: float) -> None:
    words = _words((" Yes.", 10, 10.8), (" No.", 11, 11.8), (" Yes.", 12, 12.8))
    turns = [SpeakerTurn(9, 11 + 0.8 * change, "a"), SpeakerTurn(11 + 0.8 * change, 13, "b")]
    if abs(change - 0.5) > 0.01:
        assert _numbers(words, turns) == ("112" if change > 0.5 else "122")


def test_a_word_in_no_turn_goes_to_the_nearest_however_far() -> None:
    turns = [SpeakerTurn(10, 11, "a"), SpeakerTurn(20, 21, "b")]
    assert _numbers(_words((" In.", 10.2, 10.5), (" Near.", 12, 13), (" Nearer.", 17, 18)), turns) == "112"
    assert _numbers(_words((" Before.", 0, 1), (" All.", 20.1, 20.3), (" After.", 900, 901)), turns) == "122"


def test_a_flip_inside_a_sentence_is_smoothed_and_at_its_end_is_not() -> None:
    turns = [SpeakerTurn(0, 1, "a"), SpeakerTurn(1, 1.3, "b"), SpeakerTurn(1.3, 3, "a")]
    texts = [" so", " we", " then", " met", " again"]
    words = _words(*((text, 0.4 * n, 0.4 * n + 0.35) for n, text in enumerate(texts)))
    assert _numbers(words, turns) == "11111"
    words = _words((" So.", 0.2, 0.9), (" Yes.", 1.0, 1.3), (" Then", 1.4, 1.8), (" again.", 1.8, 2.4))
    assert _numbers(words, turns) == "1211"


def test_a_change_inside_a_sentence_stands_when_the_words_after_it_do() -> None:
    words = _words(*((f" word{n}", 0.4 * n, 0.4 * n + 0.35) for n in range(20)))
    assert _numbers(words, [SpeakerTurn(0, 4, "a"), SpeakerTurn(4, 8, "b")]) == "1" * 10 + "2" * 10


def test_the_silence_that_ends_up_in_a_word_is_not_the_next_speakers() -> None:
    words = _words((" Well", 0.0, 0.4), (" then.", 0.4, 6.0), (" Yes.", 6.0, 6.4))
    assert _numbers(words, [SpeakerTurn(0, 0.9, "a"), SpeakerTurn(2, 7, "b")]) == "112"


def test_one_voice_or_none_is_speaker_1() -> None:
    words = _words((" Hello", 0, 1), (" you.", 1, 2))
    assert _numbers(words, []) == "11"
    assert _numbers(words, [SpeakerTurn(5, 6, "b")]) == "11"
    assert attribute([], [SpeakerTurn(0, 1, "a")]) == []


def test_four_hours_of_words_and_turns() -> None:
    """As many as a long meeting has; each ten minutes of it come out as they do alone."""
    rng = np.random.default_rng(0)
    ends = np.cumsum(rng.uniform(1, 9, 3000))
    turns = [SpeakerTurn(a, b, f"v{rng.integers(6)}") for a, b in pairwise(ends.tolist())]
    starts = np.arange(turns[0].start, turns[-1].end, 0.4).tolist()
    words = [Word(" word" + "." * (n % 10 == 9), start, start + 0.38, 0.9) for n, start in enumerate(starts)]
    attributed = attribute(words, turns)
    part = [word for word in attributed if 3000 <= word.start < 3600]
    alone = attribute([word for word in words if 3000 <= word.start < 3600], turns)
    pairs = {(one.speaker, other.speaker) for one, other in zip(part[20:-20], alone[20:-20], strict=True)}
    assert len(pairs) == len({one for one, _ in pairs}) == 6

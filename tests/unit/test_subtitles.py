"""Cues keep their limits and lose nothing, whatever the words; checked on what other libraries read."""

import itertools
import re
import unicodedata

import pysubs2
import pytest
import wcwidth
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.captions.subtitles import to_srt, to_txt, to_vtt
from stt_ai.types import Segment, Transcript, Word
from tests.support.api import TALK, segment, unhurried

# Words as models write them, and what breaks naive cutters: markup, arrows, no blanks, no end, no shape.
WORDS = (
    *("a", "I", "we", "the", "meeting", "Hello,", "welcome.", "really?", "twenty-one", "it's", "añadió", "Straße;"),
    *("internationalisation", "<b>", "</v>", "&amp;", "&", "-->", "--", ">", "{\\an8}", "\\N", "1"),
    *("会议", "记录", "。", "、", "ー", "สวัสดี", "မင်္ဂလာပါ", "한국어", "مرحبا", "e\u0301" * 30, "👩🏽\u200d🚀" * 15),
    *(
        "x" * 41,
        "x" * 42,
        "x" * 43,
        "x" * 200,
        "\u0301" * 90,
        "New York",
        "a\n\nb",
        "\x00",
        "",
        "\ud800",
        "\ufeff",
        "\u2028",
    ),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from([" ", " ", " ", "", "\n"]),
        st.sampled_from(WORDS),
        st.sampled_from([0.0, 0.0, 0.0, 0.05, 0.7, 2.5, 9.0]),
        st.sampled_from([0.0, 0.02, 0.18, 0.3, 0.5, 1.2, 8.0]),
    ),
    min_size=1,
    max_size=16,
)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Words in order of time, as decoders make them: some of no length, some with pauses, speakers or none."""
    clock, segments = 0.0, []
    diarized = draw(st.booleans())
    for rows in draw(st.lists(ROWS, max_size=3)):
        speaker = f"Speaker {len(rows) % 12 + 1}" if diarized else None
        words = []
        for blank, text, pause, length in rows:
            start = clock + pause
            clock = start + length
            words.append(Word(blank + text, start, clock, 0.9, 1, speaker))
        segments.append(Segment(tuple(words), speaker))
    return Transcript(tuple(segments), "en", 1.0, clock + draw(st.sampled_from([0.0, 0.5])), "small")


def letters(text: str) -> str:
    """What must be kept: everything but blanks and what cannot be shown."""
    shown = (char for char in text if unicodedata.category(char) not in ("Cc", "Cs") and char != "\ufeff")
    return "".join("".join(shown).split())


def spoken(transcript: Transcript) -> str:
    text = "".join(segment.raw_text for segment in transcript.segments)
    return letters(text.encode("utf-8", "replace").decode())


def srt_looks(text: str) -> str:
    return text.translate(str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")", "\\": "⧵"}))


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def cues(text: str) -> list[tuple[float, float, list[str]]]:
    """(start, end, lines) of each cue by the plain rules of both formats."""
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.strip("\n").split("\n") if line]
        if timed := [index for index, line in enumerate(lines) if " --> " in line]:
            start, end = lines[timed[0]].split(" --> ")
            found.append((seconds(start), seconds(end), lines[timed[0] + 1 :]))
    return found


def check_limits(text: str, unescape: bool) -> None:
    previous_start = previous_end = 0.0
    for start, end, lines in cues(text):
        shown = [re.sub(r"^<v [^>]*>", "", line) for line in lines]
        if unescape:
            shown = [line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for line in shown]
        assert 1 <= len(shown) <= 2
        assert all(0 < len(line) <= 42 for line in shown), shown
        assert start < end <= start + 7.0005
        assert (start >= previous_end - 0.0005 and start > previous_start) or not previous_end
        previous_start, previous_end = start, end


@unhurried
@given(transcripts())
def test_srt_keeps_its_limits_and_every_word(transcript: Transcript) -> None:
    text = to_srt(transcript)
    check_limits(text, unescape=False)
    kept = "".join(re.sub(r"^Speaker \d+: ", "", "\n".join(lines)) for _, _, lines in cues(text))
    assert letters(kept) == srt_looks(spoken(transcript))
    read = pysubs2.SSAFile.from_string(text, "srt") if text else pysubs2.SSAFile()
    expected = [(round(start * 1000), round(end * 1000), "\n".join(lines)) for start, end, lines in cues(text)]
    assert [(event.start, event.end, event.plaintext) for event in read] == expected
    assert all(event.duration <= 7000 for event in read)


@pytest.mark.parametrize("text", [f"{'x' * 41} 1", f"{'x' * 42} {'1' * 42} 2", f"{'x' * 41} ١٢٠٠"])
def test_no_reader_takes_a_number_that_is_said_for_that_of_a_cue(text: str) -> None:
    words = tuple(Word(f" {word}", at, at + 0.5, 0.9, 1) for at, word in enumerate(text.split()))
    written = to_srt(Transcript((Segment(words),), "en", 1.0, len(words), "small"))
    check_limits(written, unescape=False)
    read = pysubs2.SSAFile.from_string(written, "srt")
    assert " ".join(event.plaintext for event in read).split() == text.split()


@unhurried
@given(transcripts())
def test_vtt_keeps_its_limits_and_every_word(transcript: Transcript) -> None:
    text = to_vtt(transcript)
    check_limits(text, unescape=True)
    kept = "".join(re.sub(r"^<v [^>]*>", "", "\n".join(lines)) for _, _, lines in cues(text))
    kept = kept.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert letters(kept) == spoken(transcript)
    read = list(webvtt.from_string(text))
    for caption, (start, end, lines) in zip(read, cues(text), strict=True):
        assert (seconds(caption.start), seconds(caption.end)) == (start, end)
        voice = re.match(r"<v ([^>]*)>", lines[0])
        assert caption.voice == (voice[1] if voice else None)
        assert caption.text == re.sub(r"^<v [^>]*>", "", "\n".join(lines))


@unhurried
@given(transcripts())
def test_txt_has_one_paragraph_a_speaker_turn_and_every_word(transcript: Transcript) -> None:
    paragraphs = to_txt(transcript).split("\n\n") if spoken(transcript) else []
    assert letters("".join(re.sub(r"^Speaker \d+: ", "", paragraph) for paragraph in paragraphs)) == spoken(transcript)
    assert all("\n" not in paragraph.strip("\n") for paragraph in paragraphs)


@unhurried
@given(
    st.lists(
        st.tuples(st.integers(1, 14), st.sampled_from(["", ",", "."]), st.floats(0, 4), st.floats(0.65, 2)),
        min_size=1,
        max_size=40,
    )
)
def test_a_cue_begins_with_its_first_word_and_ends_with_its_last(rows: list[tuple[int, str, float, float]]) -> None:
    clock, words = 0.0, []
    for index, (size, mark, pause, length) in enumerate(rows):
        start, clock = clock + pause, clock + pause + length
        words.append(Word(f" {chr(97 + index % 26) * size}{mark}", start, clock, 0.9))
    queue = list(words)
    for start, end, lines in cues(to_vtt(transcript(Segment(tuple(words)), duration=clock))):
        count = len(" ".join(lines).split())
        shown, queue = queue[:count], queue[count:]
        assert [word.word for word in shown] == " ".join(lines).split()
        assert abs(start - shown[0].start) < 0.001
        assert abs(end - shown[-1].end) < 0.002
    assert not queue


def test_the_look_of_srt() -> None:
    assert to_srt(TALK) == (
        "1\n00:00:00,000 --> 00:00:01,000\nSpeaker 1: Hello, welcome.\n\n"
        "2\n00:00:01,200 --> 00:00:03,200\nSpeaker 2: Thank you & ‹all›.\n"
    )


def test_the_look_of_vtt() -> None:
    assert to_vtt(TALK) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v Speaker 1>Hello, welcome.\n\n"
        "00:00:01.200 --> 00:00:03.200\n<v Speaker 2>Thank you &amp; &lt;all&gt;.\n"
    )


def test_the_look_of_txt() -> None:
    assert to_txt(TALK) == "Speaker 1: Hello, welcome.\n\nSpeaker 2: Thank you & <all>.\n"
    plain = transcript(segment("One two."), segment("Three\nfour.", 2.0))
    assert to_txt(plain) == "One two. Three four.\n"


def transcript(*segments: Segment, duration: float = 60.0) -> Transcript:
    return Transcript(segments, "en", 1.0, duration, "small")


def test_nothing_said_is_an_empty_file() -> None:
    assert (to_srt(transcript()), to_vtt(transcript()), to_txt(transcript())) == ("", "WEBVTT\n", "")


def test_a_turn_of_several_segments_is_one_paragraph() -> None:
    talk = transcript(*(segment(text, speaker=f"Speaker {who}") for who, text in ((1, "A b."), (1, "C."), (2, "D."))))
    assert to_txt(talk) == "Speaker 1: A b. C.\n\nSpeaker 2: D.\n"


def test_cues_are_cut_at_the_end_of_a_sentence() -> None:
    text = (
        "Good morning and welcome to the quarterly review of our numbers. "
        "Today we look at the revenue, the costs and at what the next months will bring us all."
    )
    first, *rest = cues(to_vtt(transcript(segment(text, seconds_a_word=0.2))))
    assert " ".join(first[2]) == "Good morning and welcome to the quarterly review of our numbers."
    assert " ".join(line for _, _, lines in rest for line in lines).startswith("Today we look")


def test_two_lines_are_about_as_long_as_each_other() -> None:
    ((_, _, lines),) = cues(to_vtt(transcript(segment("one two three four five six seven eight nine ten", 0, 0.2))))
    assert len(lines) == 2
    assert abs(len(lines[0]) - len(lines[1])) <= 5


def test_chinese_breaks_without_blanks_and_not_before_its_full_stop() -> None:
    text = "今天我们讨论季度收入的增长。" * 8
    words = [Word(char, index * 0.2, (index + 1) * 0.2, 0.9) for index, char in enumerate(text)]
    lines = [line for _, _, lines in cues(to_vtt(transcript(Segment(tuple(words))))) for line in lines]
    assert "".join(lines) == text
    assert not any(line.startswith("。") for line in lines)
    assert max(map(len, lines)) <= 21


WIDE_WORDS = st.lists(
    st.sampled_from(["日本語", "です。", "漢", "ＡＢＣ", "한국어", " word", "👩", "ｱ"]), min_size=1, max_size=60
)


@unhurried
@given(WIDE_WORDS, st.sampled_from([None, "Speaker 1"]))
def test_no_line_takes_more_cells_than_a_screen_has(texts: list[str], speaker: str | None) -> None:
    words = tuple(Word(text, n * 0.3, (n + 1) * 0.3, 0.9, 1, speaker) for n, text in enumerate(texts))
    for spelled in (to_srt, to_vtt):
        for _, _, lines in cues(spelled(transcript(Segment(words, speaker)))):
            shown = [re.sub(r"^<v [^>]*>", "", line) for line in lines]
            assert max(map(wcwidth.wcswidth, shown)) <= 42


# Syllables between bars; a line may end at some of them, and nowhere else.
THAI = "ประ|เทศ|ไทย|มี|ภา|ษา|ที่|สวย|งาม|และ|วัฒ|น|ธรรม|อัน|เก่า|แก่|เรา|ไป|เที่ยว|เมือง|เชียง|ใหม่|เมื่อ|วาน|นี้|หมา|เปลี่ยน|ใจ|"
LAO = "ສະ|ບາຍ|ດີ|ປະ|ເທດ|ລາວ|ມີ|ພາ|ສາ|ທີ່|ງາມ|ເຮົາ|ໄປ|ໂຮງ|ຮຽນ|ມື້|ນີ້|"


@pytest.mark.parametrize("syllables", [THAI, LAO])
@given(data=st.data())
def test_no_line_ends_inside_a_syllable(syllables: str, data: st.DataObject) -> None:
    """Wherever the model cuts its words: its tokens know no syllables."""
    text = syllables.replace("|", "") * 4
    at = list(itertools.accumulate(map(len, (syllables * 4).split("|"))))
    cuts = sorted({0, *data.draw(st.lists(st.integers(0, len(text)), max_size=120)), len(text)})
    words = [Word(text[a:b], a * 0.05, b * 0.05, 0.9) for a, b in itertools.pairwise(cuts)]
    lines = [line for _, _, lines in cues(to_vtt(transcript(Segment(tuple(words))))) for line in lines]
    assert "".join(lines) == text
    assert set(itertools.accumulate(map(len, lines))) <= set(at)
    assert len(lines) < len(text) / 15


def test_words_without_duration_are_shown_as_long_as_it_takes_to_read_them() -> None:
    crowd = tuple(Word(f" word{index:02}", 5.0, 5.0, 0.9) for index in range(60))
    later = Segment((Word(" Later.", 30.0, 31.0, 0.9),))
    *shown, last = cues(to_vtt(transcript(Segment(crowd), later)))
    assert last == (30.0, 31.0, ["Later."])
    assert all(len("".join(lines).replace(" ", "")) / (end - start) <= 25.1 for start, end, lines in shown)
    assert shown[0][0] == 5.0
    # Where there is no room behind, the silence before has some.
    shown = cues(to_vtt(transcript(Segment(crowd), Segment((Word(" Next.", 5.0, 6.0, 0.9),)))))[:-1]
    assert shown[0][0] == 0.0 and shown[-1][1] <= 5.0


def test_a_pause_ends_a_cue() -> None:
    talk = transcript(Segment((*segment("Before it.", 0).words, *segment("After it.", 9).words)))
    assert [lines for _, _, lines in cues(to_vtt(talk))] == [["Before it."], ["After it."]]


def test_a_word_that_lasts_longer_than_a_cue_may_is_cut_in_time() -> None:
    ((start, end, _),) = cues(to_vtt(transcript(Segment((Word(" Ooh", 1.0, 20.0, 0.9),)))))
    assert (start, end) == (1.0, 8.0)


def test_words_all_at_the_same_instant_still_have_cues_of_some_length() -> None:
    words = tuple(Word(f" word{index}", 5.0, 5.0, 0.9) for index in range(60))
    found = cues(to_vtt(transcript(Segment(words))))
    assert len(found) > 3
    assert all(end > start for start, end, _ in found)


@pytest.mark.parametrize("arrow", ["-->", " --> ", "--", ">"])
def test_an_arrow_in_the_text_cannot_pass_for_a_time_line(arrow: str) -> None:
    words = (Word(" a", 0, 1, 0.9), Word(arrow, 1, 2, 0.9), Word(">b", 2, 3, 0.9), Word(f" 00:00:01{arrow}", 3, 4, 0.9))
    talk = transcript(Segment(words))
    assert to_srt(talk).count("-->") == 1
    assert to_vtt(talk).count("-->") == 1


def test_a_late_file_shows_hours() -> None:
    assert "27:46:40,000 --> 27:46:41,000" in to_srt(transcript(segment("a b", 100_000), duration=100_010))

"""What the JavaScript client writes, for the console too, is what the Python client writes with the same options."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.api.transcription.rendering import transcript_body
from stt_ai.captions import subtitles
from stt_ai.sdk.parsing import parse
from stt_ai.sdk.results import Transcription
from stt_ai.types import Segment, Transcript, TranscriptWarning, Word
from tests.support import nodejs
from tests.support.api import TALK

pytestmark = nodejs.needed

# Sentence and clause ends, what SubRip and WebVTT read as markup, scripts without blanks, marks that combine, a word
# longer than a line, characters of two UTF-16 units, control characters.
SPELT = [
    *(
        "Hello",
        "a",
        "welcome,",
        "there.",
        "Why?",
        "3.5%",
        "1200",
        "٣",
        "<b>",
        "&amp;",
        "{\\an8}",
        "-->",
        "na\u00efve",
        "e\u0301e\u0301",
    ),
    *(
        "日本語",
        "です。",
        "ภาษาไทย",
        "เที่ยวเชียงใหม่",
        "ສະບາຍດີປະເທດລາວ",
        "မင်္ဂလာပါ",
        "한국어",
        "ｗｉｄｅ",
        "“quoted”",
        "x" * 50,
        "👩\u200d🚀👩\u200d🚀",
        "New York",
        "\x07bell",
        "ﬁn\ufeff",
    ),
]
MESSAGES = ["A part is missing.", "One --->\n\n two-->three.", " Much\t room "]
HUNDREDTHS = st.none() | st.integers(0, 1_000_000).map(lambda n: n / 100)
WARNINGS = st.builds(TranscriptWarning, st.just("audio_missing"), st.sampled_from(MESSAGES), HUNDREDTHS, HUNDREDTHS)
SPEAKERS = [None, "Speaker 1", "Speaker 2", "Speaker 2 who has a long name"]


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """With times of whole hundredths that never run backwards: what a JSON answer keeps exactly."""
    now, segments = draw(st.integers(0, 300)), []
    for _ in range(draw(st.integers(0, 6))):
        speaker, words = draw(st.sampled_from(SPEAKERS)), []
        for _ in range(draw(st.integers(1, 14))):
            start = now + draw(st.sampled_from([0, 0, 0, 1, 20, 150, 400]))
            now = start + draw(st.sampled_from([0, 1, 3, 10, 40, 100, 800]))
            text = draw(st.sampled_from(["", " ", " ", " "])) + draw(st.sampled_from(SPELT))
            words.append(Word(text, start / 100, now / 100, 0.9, 1, speaker))
        segments.append(Segment(tuple(words), speaker))
    duration, warnings = (now + draw(st.integers(0, 200))) / 100, tuple(draw(st.lists(WARNINGS, max_size=2)))
    return Transcript(tuple(segments), "en", 0.9, duration, "small", warnings=warnings)


FORMATS = ("txt", "srt", "vtt", "tsv")
JAVASCRIPT = {"speakers": "speakers", "line_width": "lineWidth", "lines": "lines", "words_per_cue": "wordsPerCue"}
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "speakers": st.booleans(),
        "line_width": st.sampled_from([30, 42, 60]),
        "lines": st.integers(1, 4),
        "words_per_cue": st.none() | st.integers(1, 9),
    },
)
Case = tuple[Transcript, dict[str, Any]]


def written_in_node(cases: list[Case]) -> list[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cases.jsonl"
        file.write_text("\n".join(json.dumps(_spelled(*case)) for case in cases))
        found: list[dict[str, str]] = json.loads(nodejs.run("subtitles.mjs", file).stdout)
    return found


def _spelled(transcript: Transcript, options: dict[str, Any]) -> dict[str, Any]:
    named = {JAVASCRIPT[name]: value for name, value in options.items()}
    return {"transcript": transcript_body(transcript, "r"), "options": named}


def written_in_python(transcript: Transcript, options: dict[str, Any]) -> dict[str, str]:
    answer = parse(Transcription, transcript_body(transcript, "r"))
    speakers = {name: value for name, value in options.items() if name == "speakers"}
    taken = {"srt": options, "vtt": options, "txt": speakers, "tsv": speakers}
    return {form: getattr(answer, f"to_{form}")(**taken[form]) for form in FORMATS}


@settings(max_examples=25)
@given(st.lists(st.tuples(transcripts(), OPTIONS), min_size=1, max_size=10))
def test_both_clients_write_the_same(cases: list[Case]) -> None:
    assert written_in_node(cases) == [written_in_python(*case) for case in cases]


def test_without_options_it_is_what_the_service_answers() -> None:
    expected = {form: getattr(subtitles, f"to_{form}")(TALK) for form in FORMATS}
    assert written_in_node([(TALK, {})]) == [expected]
    assert "<v Speaker 2>Thank you &amp; &lt;all&gt;." in expected["vtt"]
    assert "Speaker 2: Thank you & ‹all›." in expected["srt"]
    assert expected["txt"] == "Speaker 1: Hello, welcome.\n\nSpeaker 2: Thank you & <all>.\n"


def test_half_milliseconds_are_rounded_to_the_same_side() -> None:
    word = Word("x" * 112, 0.0, 0.71, 0.9)
    made = Transcript((Segment((word,), None),), "en", 0.9, 1.0, "small")
    (ours,) = written_in_node([(made, {})])
    assert ours == written_in_python(made, {})
    assert "--> 00:00:00,532\n" in ours["srt"]

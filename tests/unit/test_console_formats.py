"""What the console saves is what the service would have answered in that format."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.api.transcription.rendering import transcript_body
from stt_ai.captions.subtitles import to_srt, to_txt, to_vtt
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


def saved(transcripts: list[Transcript]) -> list[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        bodies = Path(folder) / "bodies.jsonl"
        bodies.write_text("\n".join(json.dumps(transcript_body(each, "r")) for each in transcripts))
        found: list[dict[str, Any]] = json.loads(nodejs.run("console_formats.mjs", bodies).stdout)
    return found


def answered(transcript: Transcript) -> dict[str, str]:
    return {"txt": to_txt(transcript), "srt": to_srt(transcript), "vtt": to_vtt(transcript)}


@settings(max_examples=25)
@given(st.lists(transcripts(), min_size=1, max_size=10))
def test_the_formats_are_the_services_own(made: list[Transcript]) -> None:
    assert saved(made) == [answered(each) for each in made]


def test_voices_are_named_and_markup_is_escaped() -> None:
    (formats,) = saved([TALK])
    assert "<v Speaker 2>Thank you &amp; &lt;all&gt;." in formats["vtt"]
    assert "Speaker 2: Thank you & ‹all›." in formats["srt"]
    assert formats["txt"] == "Speaker 1: Hello, welcome.\n\nSpeaker 2: Thank you & <all>.\n"


def test_half_milliseconds_are_rounded_to_the_same_side() -> None:
    word = Word("x" * 112, 0.0, 0.71, 0.9)
    made = Transcript((Segment((word,), None),), "en", 0.9, 1.0, "small")
    assert saved([made]) == [answered(made)]
    assert "--> 00:00:00,532\n" in answered(made)["srt"]

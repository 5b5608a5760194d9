"""From words and turns to every response format: who says what is named in each, or in none."""

import io
import itertools
import re

import pysubs2
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.api.transcription.rendering import transcript_body
from stt_ai.captions.subtitles import to_srt, to_txt, to_vtt
from stt_ai.speech.attribution import attribute
from stt_ai.speech.segments import split
from stt_ai.types import SpeakerTurn, Transcript, Word

TURNS = [SpeakerTurn(0.0, 2.1, "SPEAKER_01"), SpeakerTurn(2.1, 3.3, "SPEAKER_00"), SpeakerTurn(3.3, 6.0, "SPEAKER_01")]
SENTENCES = ((" Good", " morning."), (" Hello.",), (" Shall", " we", " begin?"))
WORDS = [
    Word(text, 0.1 + 0.9 * n, 0.8 + 0.9 * n, 0.9) for n, text in enumerate(w for words in SENTENCES for w in words)
]


def _transcript(words: list[Word]) -> Transcript:
    return Transcript(split(words, 6.0), "en", 0.9, 6.0, "small")


def test_each_format_names_the_speakers() -> None:
    talk = _transcript(attribute(WORDS, TURNS))
    body = transcript_body(talk, "id")
    assert body["speakers"] == ["Speaker 1", "Speaker 2"]
    assert [(s["speaker"], s["text"]) for s in body["segments"]] == [
        ("Speaker 1", "Good morning."),
        ("Speaker 2", "Hello."),
        ("Speaker 1", "Shall we begin?"),
    ]
    assert all(word["speaker"] == segment["speaker"] for segment in body["segments"] for word in segment["words"])
    assert to_txt(talk) == "Speaker 1: Good morning.\n\nSpeaker 2: Hello.\n\nSpeaker 1: Shall we begin?\n"
    srt = pysubs2.SSAFile.from_string(to_srt(talk), format_="srt")
    assert [event.text for event in srt] == [
        "Speaker 1: Good morning.",
        "Speaker 2: Hello.",
        "Speaker 1: Shall we begin?",
    ]
    vtt = webvtt.from_buffer(io.StringIO(to_vtt(talk)))
    assert [(cue.voice, cue.text) for cue in vtt] == [
        ("Speaker 1", "Good morning."),
        ("Speaker 2", "Hello."),
        ("Speaker 1", "Shall we begin?"),
    ]


def test_without_diarization_no_format_names_anybody() -> None:
    talk = _transcript(WORDS)
    body = transcript_body(talk, "id")
    assert body["speakers"] == []
    assert all("speaker" not in part for s in body["segments"] for part in (s, *s["words"]))
    for text in (to_txt(talk), to_srt(talk), to_vtt(talk)):
        assert "Speaker" not in text
        assert "<v" not in text


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=30))
def test_txt_has_a_paragraph_for_each_change_of_speaker(voices: list[str]) -> None:
    words = [Word(f" word{n}.", n, n + 0.9, 0.9) for n in range(len(voices))]
    turns = [SpeakerTurn(n, n + 0.95, voice) for n, voice in enumerate(voices)]
    paragraphs = to_txt(Transcript(split(attribute(words, turns), 99), "en", 1.0, 99, "small")).split("\n\n")
    changes = sum(one != other for one, other in itertools.pairwise(voices))
    assert len(paragraphs) == changes + 1
    assert [re.match(r"Speaker \d: ", paragraph) is not None for paragraph in paragraphs] == [True] * len(paragraphs)

"""A finished transcription becomes subtitles and text in the client, as the service writes them."""

import io
from dataclasses import replace
from pathlib import Path

import pysubs2
import pytest
import webvtt
from starlette.testclient import TestClient

from stt_ai.api.transcription.rendering import transcript_body
from stt_ai.captions import subtitles
from stt_ai.captions.scripts import cells
from stt_ai.sdk import TranscriptWarning
from stt_ai.sdk.parsing import parse
from stt_ai.sdk.rendering import written
from stt_ai.sdk.results import Transcription
from stt_ai.types import Segment, Transcript, Word
from tests.support.api import HELLO, TALK, Recorder, make_app

SENTENCE = "It was the best of times, it was the worst of times, and it was the age of wisdom for all of us."


def spoken(sentence: str, speaker: str | None, begin: float = 0.0) -> Segment:
    words = [
        Word(f" {word}", begin + n * 0.3, begin + n * 0.3 + 0.25, 0.9, 1, speaker)
        for n, word in enumerate(sentence.split())
    ]
    return Segment(tuple(words), speaker)


LONG = Transcript((spoken(SENTENCE, "Speaker 1"), spoken(SENTENCE, "Speaker 2", 10.0)), "en", 1.0, 20.0, "m")
CHINESE = Transcript((Segment((Word("你好", 0, 1, 0.9), Word("世界。", 1, 2, 0.9))),), "zh", 1.0, 3.0, "m")


def answered(transcript: Transcript) -> Transcription:
    return parse(Transcription, transcript_body(transcript, "r"))


@pytest.mark.parametrize("transcript", [HELLO, TALK, LONG, CHINESE, replace(TALK, segments=())])
@pytest.mark.parametrize("form", ["srt", "vtt", "txt", "tsv"])
def test_the_client_writes_what_the_service_writes(transcript: Transcript, form: str) -> None:
    ours = getattr(answered(transcript), f"to_{form}")()
    assert ours == getattr(subtitles, f"to_{form}")(transcript)


def test_speakers_may_be_left_out() -> None:
    made = answered(LONG)
    for text in (made.to_srt(), made.to_vtt(), made.to_txt(), made.to_tsv()):
        assert "Speaker 2" in text
    for text in (*(getattr(made, f"to_{form}")(speakers=False) for form in ("srt", "vtt", "txt", "tsv")),):
        assert "Speaker" not in text and "wisdom" in text


@pytest.mark.parametrize(("line_width", "lines"), [(42, 1), (42, 2), (30, 3), (60, 2)])
def test_lines_are_as_long_and_as_many_as_asked(line_width: int, lines: int) -> None:
    made = answered(LONG).to_srt(line_width=line_width, lines=lines)
    cues = [cue.plaintext.split("\n") for cue in pysubs2.SSAFile.from_string(made)]
    assert max(len(cue) for cue in cues) == lines
    assert all(cells(line) <= line_width for cue in cues for line in cue)
    shown = " ".join(" ".join(cue) for cue in cues)
    assert shown.replace("Speaker 1: ", "").replace("Speaker 2: ", "") == f"{SENTENCE} {SENTENCE}"


@pytest.mark.parametrize("words", [1, 3])
def test_cues_have_as_few_words_as_asked(words: int) -> None:
    made = answered(LONG).to_vtt(words_per_cue=words, speakers=False)
    cues = [cue.text.split() for cue in webvtt.from_buffer(io.StringIO(made))]
    assert max(len(cue) for cue in cues) == words
    assert [word for cue in cues for word in cue] == f"{SENTENCE} {SENTENCE}".split()


@pytest.mark.parametrize("bad", [{"line_width": 5}, {"lines": 0}, {"lines": 99}, {"words_per_cue": 0}])
def test_options_that_make_no_subtitles_are_refused(bad: dict[str, int]) -> None:
    (name,) = bad
    with pytest.raises(ValueError, match=name):
        answered(LONG).to_srt(**bad)


def test_times_of_a_part_and_warnings_are_kept() -> None:
    part = replace(answered(HELLO), start=60.0, warnings=(TranscriptWarning("quiet", "It is quiet."),))
    assert "Warning: It is quiet. [quiet]" in part.to_vtt()
    assert part.to_tsv().splitlines()[0] == "start\tend\ttext"


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_the_service_takes_the_same_options(form: str, tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path, Recorder(LONG)))
    asked = {"response_format": form, "line_width": "60", "lines": "1", "words_per_cue": "4"}
    answer = client.post("/v1/transcribe", files={"file": b"sound"}, data=asked)
    expected = written(answered(LONG), form, line_width=60, lines=1, words_per_cue=4)
    assert (answer.status_code, answer.text) == (200, expected)
    assert expected != written(answered(LONG), form)

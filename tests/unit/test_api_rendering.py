import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stt_ai.api.openai.rendering import spoken_segments, usage
from stt_ai.api.schemas import TranscriptBody
from stt_ai.api.transcription.rendering import settled_times, transcript_body
from stt_ai.billing.pricing import credits_for
from stt_ai.types import SAMPLE_RATE, Segment, Transcript, Word
from tests.support.api import TALK, segment, unhurried

SECONDS = st.floats(-5, 500, allow_nan=False)


@unhurried
@given(times=st.lists(st.tuples(SECONDS, SECONDS), max_size=30), duration=st.floats(0, 400, allow_nan=False))
def test_times_are_hundredths_in_order_within_the_duration(times: list[tuple[float, float]], duration: float) -> None:
    words = [Word(" a", start, end, 0.9) for start, end in times]
    settled = list(settled_times(words, duration))
    assert len(settled) == len(words)
    assert all(0 <= start <= end <= round(duration, 2) for start, end in settled)
    assert all(value == round(value, 2) for pair in settled for value in pair)
    assert all(before[1] <= after[0] for before, after in pairwise(settled))


@unhurried
@given(st.integers(0, 10 * SAMPLE_RATE) | st.integers(0, 2_000).map(lambda n: n * 160 + 80))
@example(17_840)
def test_what_is_said_to_the_last_sample_ends_with_the_duration_shown(samples: int) -> None:
    """Also where that is half a hundredth."""
    duration = samples / SAMPLE_RATE
    said = Transcript((Segment((Word(" a", 0.0, duration, 0.9),)),), "en", 1.0, duration, "small")
    body = transcript_body(said, "id")
    (spoken,) = spoken_segments(said)
    assert body["duration"] - 0.01 - 1e-9 < body["segments"][0]["end"] <= body["duration"]
    assert spoken["end"] == body["segments"][0]["end"] <= usage(said)["seconds"]


@unhurried
@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), max_size=30))
def test_times_that_are_in_order_are_only_rounded(rows: list[tuple[float, float]]) -> None:
    clock, words = 0.0, []
    for pause, length in rows:
        words.append(Word(" a", clock + pause, clock + pause + length, 0.9))
        clock += pause + length
    for word, (start, end) in zip(words, settled_times(words, clock + 1), strict=True):
        assert abs(start - word.start) <= 0.0051
        assert abs(end - word.end) <= 0.0051


def test_segments_begin_and_end_with_their_words() -> None:
    overlapping = Transcript((segment("One two", 0.0, 1.0), segment("three", 1.5, 1.0)), "en", 1.0, 2.2, "small")
    body = transcript_body(overlapping, "id")
    first, second = body["segments"]
    assert (first["start"], first["end"]) == (0.0, 1.5)
    assert (second["start"], second["end"]) == (1.5, 2.2)
    for part in body["segments"]:
        assert (part["start"], part["end"]) == (part["words"][0]["start"], part["words"][-1]["end"])


def test_text_is_the_segments_joined() -> None:
    body = transcript_body(TALK, "id")
    assert body["text"] == " ".join(part["text"] for part in body["segments"]) == "Hello, welcome. Thank you & <all>."


def test_chinese_text_is_joined_without_blanks() -> None:
    talk = Transcript((Segment((Word("今天", 0, 1, 0.9), Word("。", 1, 1, 0.9))),), "zh", 1.0, 2.0, "small")
    assert transcript_body(talk, "id")["text"] == "今天。"


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.0000001, -0.1, float("nan"), float("inf")])
def test_confidences_are_probabilities_whatever_comes(confidence: float) -> None:
    talk = Transcript((Segment((Word(" a", 0, 1, confidence),)),), "en", confidence, 2.0, "small")
    body = transcript_body(talk, "id")
    TranscriptBody.model_validate(body)
    json.dumps(body, allow_nan=False)


@pytest.mark.parametrize(
    ("seconds", "credits"),
    [(0, 1), (0.2, 1), (59.99, 1), (60.0, 1), (60.004, 1), (60.01, 2), (120, 2), (125.4, 3), (3600, 60), (3600.5, 61)],
)
def test_credits_are_minutes_rounded_up_and_at_least_one(seconds: float, credits: int) -> None:
    assert credits_for(seconds) == credits


@unhurried
@given(st.floats(0, 1e6))
def test_credits_follow_from_the_seconds_shown(duration: float) -> None:
    usage = transcript_body(Transcript((), "en", 1.0, duration, "small"), "id")["usage"]
    assert usage["credits"] == credits_for(usage["seconds"])
    assert 60 * (usage["credits"] - 1) < max(usage["seconds"], 0.01) <= 60 * usage["credits"]

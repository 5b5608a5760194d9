"""The warnings of an answer in a header, and as both clients read them from it."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.api.transcription.answer_headers import MAX_CHARACTERS, answer_headers, warning_header
from stt_ai.sdk import TranscriptWarning as Read
from stt_ai.sdk.warning_header import read_warnings
from stt_ai.types import TranscriptWarning
from tests.support import nodejs
from tests.support.api import unhurried

CODES = st.sampled_from(["audio_missing", "audio_damaged", "quiet", "model_substituted", "x2"])
HUNDREDTHS = st.none() | st.integers(0, 10_000_000).map(lambda n: n / 100)
ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
WARNINGS = st.lists(st.builds(TranscriptWarning, CODES, ASCII, HUNDREDTHS, HUNDREDTHS), max_size=8)


def reported(warnings: list[TranscriptWarning]) -> tuple[Read, ...]:
    return tuple(Read(warning.code, warning.message, warning.start, warning.end) for warning in warnings)


@unhurried
@given(WARNINGS)
def test_what_is_written_is_read(warnings: list[TranscriptWarning]) -> None:
    assert read_warnings(warning_header(warnings)) == reported(warnings)


@nodejs.needed
def test_the_javascript_client_reads_the_same() -> None:
    made: list[list[TranscriptWarning]] = [
        [],
        [TranscriptWarning("quiet", "It is quiet.")],
        [
            TranscriptWarning("audio_missing", 'A "part", here; there\\ = missing,', 1.4, 3.0),
            TranscriptWarning("x2", ""),
        ],
        [TranscriptWarning("audio_damaged", "Cut off.", 0.0), TranscriptWarning("audio_damaged", ", ; =", None, 2.5)],
    ]
    headers = [warning_header(warnings) for warnings in made]
    found = json.loads(nodejs.run("warning_header.mjs", json.dumps([*headers, None])).stdout)
    rows = [
        [{k: v for k, v in vars_of(one).items() if v is not None} for one in read_warnings(header)]
        for header in headers
    ]
    assert found == [*rows, []]


def vars_of(warning: Read) -> dict[str, object]:
    return {"code": warning.code, "message": warning.message, "start": warning.start, "end": warning.end}


@unhurried
@given(st.lists(st.builds(TranscriptWarning, CODES, st.text(max_size=300), HUNDREDTHS, HUNDREDTHS), max_size=200))
def test_it_is_a_short_line_of_ascii_that_has_every_code(warnings: list[TranscriptWarning]) -> None:
    header = warning_header(warnings)
    assert re.fullmatch("[ -~]*", header) and len(header) <= MAX_CHARACTERS
    assert {warning.code for warning in read_warnings(header)} == {warning.code for warning in warnings}


def test_too_many_of_one_code_are_one_that_spans_them() -> None:
    holes = [TranscriptWarning("audio_missing", "A part is missing.", n, n + 0.5) for n in range(500)]
    header = warning_header([*holes, TranscriptWarning("quiet", "It is quiet.")])
    assert header == (
        'audio_missing;start=0.00;end=499.50;message="A part is missing.";count=500, quiet;message="It is quiet."'
    )


@pytest.mark.parametrize(
    ("header", "codes"),
    [
        ("", []),
        ("quiet", ["quiet"]),
        ('quiet;start=x, a;b;c="d\\""', ["quiet", "a"]),
        ("quiet;;, a", ["quiet"]),
        ('"', []),
    ],
)
def test_of_what_is_not_well_formed_the_beginning_is_read(header: str, codes: list[str]) -> None:
    assert [warning.code for warning in read_warnings(header)] == codes


def test_the_model_is_told_whatever_its_name() -> None:
    assert answer_headers("whisper-base", False, ()) == (("x-stt-model", "whisper-base"),)
    assert answer_headers("m\u00f6del\n", True, ()) == (("x-stt-model", "m?del?"), ("x-stt-demo-model", "true"))

"""Held-out sentences in the published voices, through the service: half of them words in random order."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.support.long_tests import ASKED_FOR
from tests.support.service import Service
from tests.support.word_errors import DATA, matched_words, spoken_files, word_error_rate, words_of


@pytest.fixture(scope="module")
def recognized(service: Service, manifest: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(what was said, the service's answer) for some of the held-out sentences; the model's card has all of them."""
    entries = spoken_files(manifest, "held_out/")[:: 1 if ASKED_FOR else 5]

    def transcribe(entry: dict[str, Any]) -> dict[str, Any]:
        path = DATA / Path(entry["file"])
        with path.open("rb") as file:
            answer = httpx.post(
                f"{service.url}/v1/transcribe", files={"file": file}, data={"diarize": "false"}, timeout=300
            )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    with ThreadPoolExecutor(8) as pool:
        return list(zip(entries, pool.map(transcribe, entries), strict=True))


# What the shipped model reaches, and a little room: see its model card.
@pytest.mark.parametrize(("language", "limit"), [("en", 0.06), ("es", 0.06)])
def test_word_error_rate(recognized: list[tuple[dict[str, Any], dict[str, Any]]], language: str, limit: float) -> None:
    pairs = [(said["text"], answer["text"]) for said, answer in recognized if said["language"] == language]
    assert len(pairs) >= 12
    assert word_error_rate([said for said, _ in pairs], [text for _, text in pairs]) <= limit


def test_languages_are_told_apart(recognized: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    assert np.mean([said["language"] == answer["language"] for said, answer in recognized]) >= 0.98


def test_words_start_where_they_are_spoken(recognized: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    errors = [
        abs(words_of(answer)[h]["start"] - said["words"][s]["start"])
        for said, answer in recognized
        if answer["segments"]
        for s, h in matched_words(said["words"], words_of(answer))
    ]
    assert np.median(errors) <= 0.15

"""Who said it, through the running service: named in every format, counted right, and never silently missing."""

import io
import json
import socket
import subprocess
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import numpy as np
import pysubs2
import pytest
import webvtt
from scipy.optimize import linear_sum_assignment

from tests.integration.test_faults import Call, busy, plain
from tests.support.fault_report import Faults
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA, matched_words, words_of

CONVERSATIONS = DATA / "conversations"
# What the demo model that ships reaches, and a little room. The aims are 0.90 and 0.97: see its model card.
COUNTED_RIGHT = 0.90
WORDS_RIGHT = 0.95


def said_in_conversations() -> list[dict[str, Any]]:
    return list(json.loads((CONVERSATIONS / "manifest.json").read_text())["files"])


SAID = said_in_conversations()
TWO = next(entry for entry in SAID if len(entry["voices"]) == 2)


def send(service: Service, path: Path, **fields: Any) -> httpx.Response:
    with path.open("rb") as file:
        return httpx.post(f"{service.url}/v1/transcribe", files={"file": (path.name, file)}, data=fields, timeout=300)


@pytest.fixture(scope="module")
def answers(service: Service) -> dict[str, dict[str, Any]]:
    """What the service answers to each conversation, given its language and nothing else."""
    found = {}
    for entry in SAID:
        answer = send(service, CONVERSATIONS / entry["file"], language=entry["language"])
        assert answer.status_code == 200, answer.text
        found[entry["file"]] = dict(answer.json())
    return found


@pytest.fixture(scope="module")
def two(answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return answers[TWO["file"]]


def right_words(said: dict[str, Any], recognized: list[dict[str, Any]]) -> tuple[int, int]:
    """(words with the right speaker, words) of those that were recognized right, under the best pairing of names."""
    pairs = [
        (said["words"][i]["speaker"], recognized[j]["speaker"]) for i, j in matched_words(said["words"], recognized)
    ]
    names = [sorted({pair[side] for pair in pairs}) for side in (0, 1)]
    counted = Counter(pairs)
    table = np.array([[counted[a, b] for b in names[1]] for a in names[0]])
    return int(table[linear_sum_assignment(table, maximize=True)].sum()), len(pairs)


def test_words_go_to_who_said_them(answers: dict[str, dict[str, Any]]) -> None:
    counts = [right_words(entry, words_of(answers[entry["file"]])) for entry in SAID]
    right, words = (sum(column) for column in zip(*counts, strict=True))
    assert words > 500
    assert right / words >= WORDS_RIGHT, counts


def test_speakers_are_counted_right(answers: dict[str, dict[str, Any]]) -> None:
    right = [len(answers[entry["file"]]["speakers"]) == len(entry["voices"]) for entry in SAID]
    assert sum(right) / len(right) >= COUNTED_RIGHT


def test_names_are_given_by_first_speech_and_a_segment_holds_one_speaker(answers: dict[str, dict[str, Any]]) -> None:
    for answer in answers.values():
        assert answer["speakers"] == [f"Speaker {n}" for n in range(1, len(answer["speakers"]) + 1)]
        words = words_of(answer)
        assert list(dict.fromkeys(word["speaker"] for word in words)) == answer["speakers"]
        for segment in answer["segments"]:
            assert {word["speaker"] for word in segment["words"]} == {segment["speaker"]}
        assert [warning["code"] for warning in answer["warnings"]] == ["demo_model", "demo_diarization"]


def test_text_has_a_paragraph_for_each_turn(service: Service, two: dict[str, Any]) -> None:
    text = send(service, CONVERSATIONS / TWO["file"], language="en", response_format="txt").text
    turns = [
        f"{speaker}: {' '.join(segment['text'] for segment in segments)}"
        for speaker, segments in groupby(two["segments"], key=lambda segment: segment["speaker"])
    ]
    assert [line for line in text.splitlines() if line] == turns


def test_subtitles_name_who_speaks(service: Service, two: dict[str, Any]) -> None:
    path = CONVERSATIONS / TWO["file"]
    srt = send(service, path, language="en", response_format="srt").text
    cues = pysubs2.SSAFile.from_string(srt, format_="srt")
    assert {cue.plaintext.split(":")[0] for cue in cues} == set(two["speakers"])
    captions = webvtt.from_buffer(io.StringIO(send(service, path, language="en", response_format="vtt").text))
    assert {caption.voice for caption in captions} == set(two["speakers"])


@pytest.mark.parametrize("response_format", ["json", "txt", "srt", "vtt"])
def test_without_diarization_nobody_is_named(service: Service, response_format: str) -> None:
    path = CONVERSATIONS / TWO["file"]
    answer = send(service, path, language="en", diarize="false", response_format=response_format)
    assert answer.status_code == 200
    assert "Speaker 1" not in answer.text
    if response_format == "json":
        assert answer.json()["speakers"] == []
        assert all("speaker" not in word for word in words_of(answer.json()))


@pytest.mark.parametrize(
    ("fields", "speakers"),
    [
        ({"speakers": 1}, range(1, 2)),
        ({"speakers": 40}, range(2, 41)),
    ],
)
def test_as_many_speakers_as_the_caller_says(service: Service, fields: dict[str, int], speakers: range) -> None:
    answer = send(service, CONVERSATIONS / TWO["file"], language="en", **fields)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["speakers"]) in speakers


@pytest.mark.parametrize("sound", ["anullsrc=r=16000:cl=mono", "anoisesrc=r=16000:a=0.01"])
def test_no_speech_has_no_speakers(service: Service, tmp_path: Path, sound: str) -> None:
    path = tmp_path / "sound.wav"
    make = ["-f", "lavfi", "-i", sound, "-t", "20", str(path)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *make], check=True)
    answer = send(service, path).json()
    assert (answer["text"], answer["speakers"], answer["segments"]) == ("", [], [])


@pytest.fixture(scope="module")
def long_talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Minutes of conversation: long enough for something to happen meanwhile."""
    folder = tmp_path_factory.mktemp("talk")
    listed = folder / "list.txt"
    english = [entry["file"] for entry in SAID if entry["language"] == "en"][:2]
    listed.write_text("".join(f"file '{CONVERSATIONS / name}'\n" for name in english * 4))
    path = folder / "talk.wav"
    join = ["-f", "concat", "-safe", "0", "-i", str(listed), "-ar", "16000", "-ac", "1", str(path)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *join], check=True)
    return path


def test_a_diarizer_that_is_killed_in_the_middle_changes_no_speaker(
    service: Service, long_talk: Path, faults: Faults
) -> None:
    undisturbed = send(service, long_talk, language="en")
    assert undisturbed.status_code == 200, undisturbed.text
    call = Call(service, long_talk, language="en")
    wait_until(lambda: busy(service, "diarizer"))
    fault = faults.begin("diarizer killed", "a conversation")
    for replica in service.replicas("diarizer"):
        replica.kill()
    call.join(400)
    assert call.answer is not None, call.error
    assert call.answer.status_code == 200, call.answer.text
    assert plain(call.answer)["speakers"] == plain(undisturbed)["speakers"]
    wait_until(service.is_well, 200)
    wait_until(lambda: not service.upload_files())
    fault.tell("the same speakers")


def test_a_client_that_leaves_ends_the_diarization(service: Service, long_talk: Path) -> None:
    form = httpx.Request("POST", service.url, files={"file": long_talk.read_bytes()}, data={"language": "en"})
    body, kind = form.read(), form.headers["Content-Type"]
    head = f"POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port)) as caller:
        caller.sendall(head.encode() + body)
        wait_until(lambda: busy(service, "diarizer"))
    wait_until(lambda: not busy(service, "diarizer"), 30)
    wait_until(lambda: not service.upload_files())

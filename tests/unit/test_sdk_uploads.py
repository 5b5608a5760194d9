"""`client.uploads`, and recordings that are sent in pieces, against the API over real uploads, queue and runner."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from stt_ai.sdk import UploadInterrupted, errors
from stt_ai.sdk.resumable import PIECE_BYTES, RESUMABLE_BYTES, Transfer, UploadState, sent_in_pieces
from stt_ai.sdk.uploads import Upload
from tests.support.api import TALK
from tests.support.billed_api import books
from tests.support.cutting_proxy import cutting
from tests.support.jobs_api import JobsHouse, jobs_house
from tests.support.scripted_server import Script, answer, failure, scripted
from tests.unit.test_sdk_jobs import Called, kind

__all__ = ["books", "jobs_house", "kind", "scripted"]

RECORDING = os.urandom(PIECE_BYTES + 2_000_000)


@pytest.fixture
def key(jobs_house: JobsHouse) -> str:
    return jobs_house.books.account(credits=9)


def test_a_recording_goes_on_where_it_was_cut(kind: str, jobs_house: JobsHouse, key: str, tmp_path: Path) -> None:
    file = tmp_path / "long.mp3"
    file.write_bytes(RECORDING)
    reported: list[tuple[int, int | None]] = []
    with cutting(jobs_house.url, 3_000_000, 4_000_000) as proxy:
        call = Called(kind, proxy.url, key)
        job = call("jobs.create", file, resumable=True, progress=lambda *at: reported.append(at))
        assert (job.title, job.status) == ("long.mp3", "queued")
        with jobs_house.working():
            assert call("jobs.result", call("jobs.wait", job, timeout=60)).text == TALK.text
    assert jobs_house.transcription.sizes == [len(RECORDING)]
    assert proxy.received < 1.5 * len(RECORDING), "only the rest is sent again"
    assert reported[-1] == (len(RECORDING), len(RECORDING)) and len(reported) > 3
    assert not list(tmp_path.glob("store/uploads/*/*")), "the job has its own copy"


def test_an_upload_that_was_interrupted_goes_on_later(
    kind: str, jobs_house: JobsHouse, key: str, tmp_path: Path
) -> None:
    with cutting(jobs_house.url, *[2_000_000] * 9) as proxy, pytest.raises(UploadInterrupted) as interrupted:
        Called(kind, proxy.url, key, max_retries=0)("uploads.send", RECORDING)
    upload_id = interrupted.value.upload_id
    call = Called(kind, jobs_house.url, key)
    with pytest.raises(ValueError, match=f"{len(RECORDING)} bytes"):
        call("uploads.send", b"another file", upload_id=upload_id)
    assert call("uploads.send", RECORDING, upload_id=upload_id) == upload_id
    arrived = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("store/uploads/*/*/pieces/*")))
    assert hashlib.sha256(arrived).digest() == hashlib.sha256(RECORDING).digest()
    assert call("transcribe", upload_id=upload_id).text == TALK.text
    with jobs_house.working():
        assert call("jobs.wait", call("jobs.create", upload_id=upload_id), timeout=60).status == "succeeded"
    call("uploads.delete", upload_id)
    call("uploads.delete", upload_id)
    with pytest.raises(errors.NotFound):
        call("jobs.create", upload_id=upload_id)


def test_what_is_wrong_is_said_before_anything_is_sent(kind: str) -> None:
    call = Called(kind, "http://127.0.0.1:1", "k")
    with pytest.raises(TypeError, match="speaker_count"):
        call("jobs.create", b"sound", resumable=True, speaker_count=2)
    with pytest.raises(TypeError, match="seek"):
        call("uploads.send", Unseekable())


class Unseekable:
    def read(self, size: int = -1) -> bytes:
        return b""


def test_large_recordings_of_callers_with_a_key_are_sent_in_pieces(tmp_path: Path) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    small.write_bytes(b"sound")
    with large.open("wb") as file:
        file.truncate(RESUMABLE_BYTES)
    found = {path: [_pieces(path, wanted, key) for wanted in (None, True, False) for key in (True, False)]
             for path in (large, small)}  # fmt: skip
    assert found[large] == [True, False, True, True, False, False]
    assert found[small] == [False, False, True, True, False, False]


def _pieces(path: Path, wanted: bool | None, has_key: bool) -> bool:
    with Upload(path) as upload:
        return sent_in_pieces(upload, wanted, has_key)


def test_a_service_without_uploads_gets_a_form(kind: str, scripted: Script, monkeypatch: Any) -> None:
    monkeypatch.setattr("stt_ai.sdk.resumable.RESUMABLE_BYTES", 1)
    queued = {"id": "job_1", "status": "queued", "created_at": "2026-11-22T12:00:00+00:00"}
    with scripted(failure(404, "not_found"), answer(queued)) as (server, url):
        assert Called(kind, url, "k")("jobs.create", b"sound").id == "job_1"
    assert [asked.path for asked in server.asked] == ["/v1/uploads", "/v1/jobs"]


def test_progress_gives_new_patience_and_its_lack_does_not() -> None:
    with Upload(b"x" * 10) as upload:
        transfer = Transfer(upload, 1, "up_1", jitter=lambda: 1.0)
        broken = errors.ConnectionFailed("It broke.")
        for offset in (0, 3, 6):
            transfer.answered(UploadState("up_1", offset, 10))
            assert transfer.wait(broken) == 0.5
        transfer.answered(UploadState("up_1", 6, 10))
        with pytest.raises(UploadInterrupted) as raised:
            transfer.wait(broken)
        assert raised.value.upload_id == "up_1"
        with pytest.raises(errors.BadRequest):
            transfer.wait(errors.BadRequest("No.", "empty_file"))

"""Jobs on the running service: queued with a file, followed, fetched in every form, cancelled and erased."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from stt_ai.environment import StoreKey
from stt_ai.jobs import stored
from stt_ai.storage.encryption import MAGIC, Keyring
from tests.support.observability import STORE_KEYS
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

MEETING = DATA / "meeting_en.flac"
FIELDS = {"diarize": "true", "language": "en"}


def queue(
    service: Service, key: str | None, path: Path = MEETING, fields: Mapping[str, str] = FIELDS, **headers: str
) -> httpx.Response:
    authorization = {"Authorization": f"Bearer {key}"} if key else {}
    with path.open("rb") as file:
        files = {"file": (path.name, file)}
        url = f"{service.url}/v1/jobs"
        return httpx.post(url, files=files, data=fields, headers=authorization | headers, timeout=120)


def ended(service: Service, key: str | None, job_id: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}

    def job() -> dict[str, Any]:
        return dict(httpx.get(f"{service.url}/v1/jobs/{job_id}", headers=headers, timeout=60).json())

    wait_until(lambda: job()["status"] not in ("queued", "running"), 300)
    return job()


@pytest.fixture(scope="module")
def key(service: Service) -> str:
    return service.new_key(credits=100)


@pytest.fixture(scope="module")
def done(service: Service, key: str) -> dict[str, Any]:
    answer = queue(service, key)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    return ended(service, key, answer.json()["id"])


def test_a_job_gives_the_transcript_that_the_request_gives_in_every_form(
    service: Service, key: str, done: dict[str, Any]
) -> None:
    assert (done["status"], done["error"], done["usage"]["credits"]) == ("succeeded", None, 1), done
    headers = {"Authorization": f"Bearer {key}"}
    for form in ("json", "txt", "srt", "vtt"):
        url = f"{service.url}/v1/jobs/{done['id']}/result"
        result = httpx.get(url, params={"response_format": form}, headers=headers, timeout=60)
        assert result.status_code == 200, result.text
        with MEETING.open("rb") as file:
            data = {"diarize": "true", "language": "en", "response_format": form}
            url = f"{service.url}/v1/transcribe"
            direct = httpx.post(url, files={"file": file}, data=data, headers=headers, timeout=300)
        if form == "json":
            assert result.json() | {"request_id": ""} == direct.json() | {"request_id": ""}
        else:
            assert result.text == direct.text


def test_what_is_kept_is_encrypted_on_the_disk(service: Service, done: dict[str, Any]) -> None:
    path = service.folder / "jobs" / done["id"] / stored.RESULT
    assert path.read_bytes().startswith(MAGIC)
    ring = Keyring(StoreKey.parse_all(STORE_KEYS))
    assert json.loads(ring.decrypted(path.read_bytes(), f"{done['id']}/{stored.RESULT}"))["language"] == "en"


def test_speakers_are_renamed_in_every_form(service: Service, key: str, done: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{service.url}/v1/jobs/{done['id']}"
    changed = httpx.patch(f"{url}/speakers", json={"speakers": {"Speaker 1": "Ada"}}, headers=headers, timeout=60)
    assert changed.status_code == 200, changed.text
    text = httpx.get(f"{url}/result", params={"response_format": "txt"}, headers=headers, timeout=60).text
    assert text.startswith("Ada: ")
    restored = httpx.patch(f"{url}/speakers", json={"speakers": {"Speaker 1": ""}}, headers=headers, timeout=60)
    assert restored.json()["speakers"] == {}


def test_strangers_see_nothing_and_what_is_erased_is_gone(service: Service, key: str) -> None:
    job = queue(service, key, **{"Idempotency-Key": "once"}).json()
    assert queue(service, key, **{"Idempotency-Key": "once"}).json()["id"] == job["id"]
    url = f"{service.url}/v1/jobs/{job['id']}"
    assert httpx.get(url, timeout=60).status_code == 404
    headers = {"Authorization": f"Bearer {key}"}
    listed = httpx.get(f"{service.url}/v1/jobs", headers=headers, timeout=60).json()["jobs"]
    assert job["id"] in [one["id"] for one in listed]
    assert httpx.delete(url, headers=headers, timeout=60).status_code == 204
    assert httpx.get(url, headers=headers, timeout=60).status_code == 404


def test_what_is_no_recording_fails_and_costs_nothing(service: Service, key: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are no sounds. " * 100)
    found = ended(service, key, queue(service, key, path).json()["id"])
    assert (found["status"], found["attempt"], found["usage"]) == ("failed", 1, None)
    assert found["error"]["code"] == "unsupported_format"


def test_a_webhook_is_tried_and_reaches_nothing_on_this_machine(service: Service, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with socket.create_server(("127.0.0.1", 0)) as canary:
        webhook = json.dumps({"url": f"https://localhost:{canary.getsockname()[1]}/", "metadata": {"n": 1}})
        job = queue(service, key, DATA / "hello_3s.flac", FIELDS | {"webhook": webhook}).json()
        url = f"{service.url}/v1/jobs/{job['id']}/deliveries"

        def attempts() -> list[dict[str, Any]]:
            found = httpx.get(url, headers=headers, timeout=60).json()["deliveries"]
            return [attempt for delivery in found for attempt in delivery["attempts"]]

        wait_until(lambda: bool(attempts()), 300)
        assert "not on the public internet" in attempts()[0]["error"]
        canary.setblocking(False)
        with pytest.raises(BlockingIOError):
            canary.accept()
    secret = httpx.get(f"{service.url}/v1/account/webhook-secret", headers=headers, timeout=60).json()["secret"]
    assert secret.startswith("whsec_")

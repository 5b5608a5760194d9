"""Jobs on the running service: queued with a file, followed, fetched in every form, cancelled and erased."""

import http.server
import json
import queue as queue_
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from stt_ai import Client
from stt_ai.environment import StoreKey
from stt_ai.jobs import stored
from stt_ai.sdk import errors
from stt_ai.storage.encryption import MAGIC, Keyring
from tests.support.observability import STORE_KEYS
from tests.support.service import OWN_ADDRESS, Service, wait_until
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
            segments = result.json()["segments"]
            assert [segment.pop("id") for segment in segments] == list(range(len(segments)))
            assert result.json() | {"segments": segments} | {"request_id": ""} == direct.json() | {"request_id": ""}
        else:
            assert result.text == direct.text


def test_what_is_kept_is_encrypted_on_the_disk(service: Service, done: dict[str, Any]) -> None:
    path = service.folder / "jobs" / done["id"] / stored.RESULT
    assert path.read_bytes().startswith(MAGIC)
    ring = Keyring(StoreKey.parse_all(STORE_KEYS))
    assert json.loads(ring.decrypted(path.read_bytes(), f"{done['id']}/{stored.RESULT}"))["language"] == "en"


def test_speakers_are_renamed_and_words_corrected_in_every_form(
    service: Service, key: str, done: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{service.url}/v1/jobs/{done['id']}"
    changed = httpx.patch(f"{url}/speakers", json={"speakers": {"Speaker 1": "Ada"}}, headers=headers, timeout=60)
    assert changed.status_code == 200, changed.text
    text = httpx.get(f"{url}/result", params={"response_format": "txt"}, headers=headers, timeout=60).text
    assert text.startswith("Ada: ")
    correction = {"segments": [{"id": 0, "text": "Zanzibar."}]}
    assert httpx.patch(f"{url}/segments", json=correction, headers=headers, timeout=60).status_code == 200
    for form in ("txt", "srt", "vtt", "json", "verbose_json"):
        assert "Zanzibar." in httpx.get(f"{url}/result?response_format={form}", headers=headers, timeout=60).text
    correction["segments"][0]["text"] = None
    httpx.patch(f"{url}/segments", json=correction, headers=headers, timeout=60).raise_for_status()
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


class Receiver(http.server.ThreadingHTTPServer):
    """Takes webhooks: ``taken`` has the headers and the body of each."""

    def __init__(self) -> None:
        self.taken: queue_.Queue[tuple[dict[str, str], bytes]] = queue_.Queue()
        super().__init__((OWN_ADDRESS, 0), Taking)


class Taking(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.put((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_webhook_is_delivered_signed_where_the_operator_allows_it(
    service: Service, key: str, receiver: Receiver
) -> None:
    hook = {"url": f"http://{OWN_ADDRESS}:{receiver.server_port}/hook", "metadata": {"n": 1}, "include_text": True}
    with Client(key, service.url) as client:
        job = client.jobs.create(DATA / "hello_3s.flac", language="en", webhook=hook)
        headers, body = receiver.taken.get(timeout=300)
        message = Webhook(client.webhook_secret().secret).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(client.rotate_webhook_secret(overlap_hours=0).secret).verify(body, headers)
        assert (message["type"], message["data"]["id"], message["data"]["metadata"]) == (
            "job.succeeded",
            job.id,
            {"n": 1},
        )
        assert message["data"]["text"] == client.jobs.result(job).text
        wait_until(lambda: client.jobs.deliveries(job)[0].status == "delivered")
        (delivery,) = client.jobs.deliveries(job)
        assert (delivery.id, [one.status for one in delivery.attempts]) == (headers["webhook-id"], [204])


def test_a_webhook_reaches_nothing_else_on_this_machine(service: Service, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary, Client(key, service.url) as client:
        port = canary.getsockname()[1]
        with pytest.raises(errors.BadRequest) as refused:
            client.jobs.create(DATA / "hello_3s.flac", webhook=f"http://127.0.0.1:{port}/")
        assert refused.value.code == "source_forbidden"
        job = client.jobs.create(DATA / "hello_3s.flac", language="en", webhook=f"http://localhost:{port}/")
        wait_until(lambda: any(one.attempts for one in client.jobs.deliveries(job)), 300)
        assert "not on the public internet" in str(client.jobs.deliveries(job)[0].attempts[0].error)
        canary.setblocking(False)
        with pytest.raises(BlockingIOError):
            canary.accept()

"""Callers, plans and charges over HTTP, against the running service and its books."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from stt_ai.billing import accounts
from stt_ai.billing.database import Database
from stt_ai.billing.ledger import Pool
from stt_ai.billing.operators import Operators
from stt_ai.billing.plans import BillingConfig, Meter, MeterName, day_of
from stt_ai.billing.service import BillingService
from stt_ai.billing.tables import EntryKind
from tests.integration.test_faults import busy, ten_minutes
from tests.support.fault_report import Fault, Faults
from tests.support.long_tests import long
from tests.support.service import GENEROUS, Service, wait_until
from tests.support.utc_days import seconds_to_midnight
from tests.support.word_errors import DATA

__all__ = ["ten_minutes"]

HELLO = DATA / "hello_3s.flac"
ERROR = {"error", "code", "request_id"}


def transcribe(
    service: Service, key: str | None = None, path: Path = HELLO, headers: dict[str, str] | None = None, **fields: Any
) -> httpx.Response:
    said = {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
    fields = {"diarize": "false", "language": "en", **fields}
    with path.open("rb") as file:
        return httpx.post(f"{service.url}/v1/transcribe", files={"file": file}, data=fields, headers=said, timeout=600)


def ask(service: Service, method: str, path: str, key: str | None = None, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.request(method, f"{service.url}{path}", headers=headers, timeout=60, **options)


def account(service: Service, key: str) -> dict[str, Any]:
    answer = ask(service, "GET", "/v1/account", key)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def credits(service: Service, key: str) -> tuple[int, int]:
    """(to spend, reserved)."""
    found = account(service, key)["credits"]
    return found["available"], found["reserved"]


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """Its message, once it is the refusal that it should be."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert set(answer.json()) == ERROR
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]
    return str(answer.json()["error"])


def limits(answer: httpx.Response) -> list[str | None]:
    return [answer.headers.get(f"RateLimit-{name}") for name in ("Limit", "Remaining")]


@contextmanager
def books(service: Service) -> Iterator[BillingService]:
    """The service's own, opened beside it."""
    database = Database(service.database_url)
    try:
        yield BillingService(database, BillingConfig.model_validate({"anonymous": GENEROUS}))
    finally:
        database.close()


@pytest.fixture(scope="module", autouse=True)
def the_books_agree_in_the_end(service: Service) -> Iterator[None]:
    yield
    with books(service) as found:
        assert Operators(found).reconcile() == ()


def three_a_day(service: Service, address: str) -> str:
    """The same address, with the contract's allowance instead of the one that other tests need."""
    with books(service) as found:
        now, secret = found.clock(), found._address_secret()
        with found.database.transaction() as session:
            caller = accounts.at_address(session, address, secret, now)
            pool = Pool(session, caller.id, Meter(MeterName.TRANSCRIPTIONS, day_of(now)), found.config)
            over = found.config.anonymous.transcriptions_per_day - 3
            pool.post(EntryKind.GRANT, f"test-{address}", now, amount=-over)
    return address


# Without a key.


@pytest.mark.usefixtures("within_a_day")
def test_the_fourth_of_a_day_from_one_address_is_429_until_midnight(service: Service) -> None:
    """The tests' own address is a trusted proxy, so that they can speak for others."""
    here = {"X-Forwarded-For": three_a_day(service, "203.0.113.1")}
    served = [transcribe(service, headers=here) for _ in range(3)]
    assert [(answer.status_code, *limits(answer)) for answer in served] == [(200, "3", left) for left in "210"]
    fourth = transcribe(service, headers=here)
    assert "midnight UTC" in refused(fourth, 429, "rate_limited")
    for name in ("Retry-After", "RateLimit-Reset"):
        assert float(fourth.headers[name]) == pytest.approx(seconds_to_midnight(), abs=60)
    forged = {"X-Forwarded-For": "203.0.113.200, 203.0.113.1"}
    assert transcribe(service, headers=forged).status_code == 429
    assert transcribe(service, headers={"X-Forwarded-For": "203.0.113.2"}).status_code == 200


@pytest.mark.usefixtures("within_a_day")
def test_nobody_else_is_believed_about_an_address(service: Service) -> None:
    """Callers from addresses of this machine that are no trusted proxies, through HAProxy."""
    three_a_day(service, "127.0.0.9")
    lies = ["203.0.113.7", "127.0.0.1", "203.0.113.8, 127.0.0.1", "unknown"]
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.9"), timeout=600) as client:

        def send(headers: dict[str, str]) -> httpx.Response:
            return client.post(
                f"{service.url}/v1/transcribe",
                files={"file": HELLO.read_bytes()},
                data={"language": "en"},
                headers=headers,
            )

        for left, lie in zip("210", lies, strict=False):
            answer = send({"X-Forwarded-For": lie, "X-Real-IP": lie, "Forwarded": f"for={lie}", "X-Peer": lie})
            assert (answer.status_code, *limits(answer)) == (200, "3", left)
        assert send({"X-Forwarded-For": lies[3]}).status_code == 429


# Keys.


@pytest.mark.parametrize(
    "value", ["Bearer", "Basic dXNlcjpwYXNz", "Bearer YOUR_API_KEY", "Bearer stt_live_" + "0" * 36]
)
def test_a_bad_key_is_401_before_a_byte_of_two_gigabytes_is_read(service: Service, value: str) -> None:
    head = (
        f"POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nAuthorization: {value}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 2000000000\r\n\r\n"
    )
    wait_until(lambda: not service.upload_files())  # of tests before
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as client:
        client.sendall(head.encode())
        data = client.recv(65536).decode().lower()
    assert data.startswith("http/1.1 401 ")
    assert "\r\nwww-authenticate: bearer\r\n" in data
    assert not service.upload_files()


def test_a_revoked_key_is_refused_at_once(service: Service) -> None:
    key = service.new_key()
    made = ask(service, "POST", "/v1/account/keys", key, json={"name": "laptop"}).json()
    assert transcribe(service, made["key"]).status_code == 200
    assert ask(service, "DELETE", f"/v1/account/keys/{made['id']}", key).status_code == 200
    assert "revoked" in refused(transcribe(service, made["key"]), 401, "unauthorized")
    assert transcribe(service, key).status_code == 200


# Plans.


@pytest.mark.usefixtures("within_a_day")
def test_a_free_account_signs_up_and_uses_its_minutes(service: Service) -> None:
    signed_up = httpx.post(
        f"{service.url}/v1/account", json={"name": "Ada"}, headers={"X-Forwarded-For": "203.0.113.3"}, timeout=60
    )
    assert signed_up.status_code == 201, signed_up.text
    made = signed_up.json()
    key = made["key"]["key"]
    assert re.fullmatch(r"stt_live_[0-9A-Za-z]{36}", key)
    assert (made["plan"], made["limits"]) == ("free", {"max_file_bytes": 500_000_000, "at_once": 2, "running": 0})
    answer = transcribe(service, key)
    assert (answer.status_code, *limits(answer)) == (200, "600", "599")
    assert answer.json()["usage"]["credits"] == 1
    (entry,) = ask(service, "GET", "/v1/account/usage", key).json()["requests"]
    assert (entry["request_id"], entry["credits"]) == (answer.json()["request_id"], 1)
    with books(service) as found, found.database.transaction() as session:
        caller = accounts.authenticate(session, key)
        month = Meter(MeterName.MINUTES, day_of(found.clock())[:7])
        Pool(session, caller.id, month, found.config).post(
            EntryKind.GRANT, "test-" + key[-6:], found.clock(), amount=-599
        )
    over = transcribe(service, key)
    refused(over, 429, "rate_limited")
    assert int(over.headers["Retry-After"]) > 0


def test_an_account_with_credits_pays_with_them(service: Service) -> None:
    key = service.new_key(credits=1)
    assert account(service, key)["limits"] == {"max_file_bytes": 2_000_000_000, "at_once": 5, "running": 0}
    answer = transcribe(service, key)
    assert (answer.status_code, answer.json()["usage"]["credits"], limits(answer)[1]) == (200, 1, "0")
    assert credits(service, key) == (0, 0)
    refusal = transcribe(service, key)
    assert refused(refusal, 402, "no_credits") == "No credits remaining. Upgrade your plan."


def test_credits_that_do_not_cover_the_audio_are_402_and_stay(service: Service, ten_minutes: Path) -> None:
    key = service.new_key(credits=9)
    refusal = refused(transcribe(service, key, ten_minutes), 402, "no_credits")
    assert refusal.startswith("This recording needs 10 credits; you have 9.")
    assert credits(service, key) == (9, 0)


@pytest.mark.parametrize(("plan", "limit"), [("free", 500), ("paid", 2000)])
def test_more_than_the_plans_file_limit_is_413_before_the_body_is_read(service: Service, plan: str, limit: int) -> None:
    key = service.new_key(credits=0 if plan == "free" else 5)
    for megabytes, first in ((limit + 2, b"HTTP/1.1 413"), (limit - 1, b"")):
        head = (
            f"POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {megabytes}000000\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as client:
            client.sendall(head.encode())
            if first:
                assert client.recv(12) == first
            else:  # it is let in: the service waits for the body
                wait_until(lambda: bool(service.upload_files()))
    wait_until(lambda: not service.upload_files())
    wait_until(lambda: account(service, key)["limits"]["running"] == 0)


@pytest.mark.parametrize(("plan", "at_once"), [("free", 2), ("paid", 5)])
def test_more_at_once_than_the_plan_allows_are_429(service: Service, plan: str, at_once: int) -> None:
    key = service.new_key(credits=0 if plan == "free" else 50)
    with waiting_uploads(service, key, at_once):
        refusal = transcribe(service, key)
        assert "at once" in refused(refusal, 429, "rate_limited")
        assert int(refusal.headers["Retry-After"]) >= 1
        assert account(service, key)["limits"]["running"] == at_once
    wait_until(lambda: account(service, key)["limits"]["running"] == 0)
    assert transcribe(service, key).status_code == 200


@contextmanager
def waiting_uploads(service: Service, key: str, count: int) -> Iterator[list[socket.socket]]:
    """Requests of this key whose bodies have begun and do not go on; at the end their clients leave."""
    head = (
        f"POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 50000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    )
    clients = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(count)]
    try:
        for client in clients:
            client.sendall(head.encode() + b"\0" * 1_000_000)
        wait_until(lambda: account(service, key)["limits"]["running"] == count)
        yield clients
    finally:
        for client in clients:
            client.close()


# What is charged.


def test_failures_cost_nothing(service: Service, tmp_path: Path) -> None:
    key = service.new_key(credits=5)
    (tmp_path / "noise.mp3").write_bytes(bytes(range(256)) * 40)
    assert transcribe(service, key, tmp_path / "noise.mp3").status_code == 400
    assert transcribe(service, key, model="none").status_code == 400
    found = account(service, key)
    assert (found["credits"], found["limits"]["running"]) == ({"available": 5, "reserved": 0}, 0)


def test_who_leaves_while_it_is_worked_on_pays_nothing(service: Service, ten_minutes: Path) -> None:
    key = service.new_key(credits=50)
    body = b"".join(parts(ten_minutes.read_bytes()))
    head = (
        f"POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(head.encode() + body)
        wait_until(lambda: credits(service, key) == (40, 10))
    wait_until(lambda: credits(service, key) == (50, 0))
    assert account(service, key)["limits"]["running"] == 0


class Call(threading.Thread):
    """A call that is under way while the test does something to the service."""

    def __init__(self, call: Callable[[], httpx.Response]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.answer: httpx.Response | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.answer = self._call()
        except httpx.HTTPError as error:
            self.error = error


@long  # tests/unit/test_api_billing.py has it over the same API and billing in one process
def test_two_hundred_callers_of_one_account_with_credits_for_fifty(service: Service) -> None:
    """Whoever is refused because too many are at work comes back after Retry-After; the others have their answer."""
    key, body = service.new_key(credits=50), b"".join(parts((DATA / "short_200ms.flac").read_bytes()))
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=b"}

    async def persist(client: httpx.AsyncClient, number: int) -> int:
        while True:
            try:
                answer = await client.post("/v1/transcribe", content=body)
                if answer.status_code not in (429, 503):
                    return answer.status_code
                assert int(answer.headers["Retry-After"]) > 0
            except httpx.ReadError:  # refused before a client this busy had sent its body: it could not read why
                pass
            # Much later than Retry-After says, for they are many, and not all at the same time.
            await asyncio.sleep(2 + number * 7 % 50 / 3)

    async def all_at_once() -> list[int]:
        at_once = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=service.url, headers=headers, limits=at_once, timeout=600) as client:
            return await asyncio.gather(*(persist(client, number) for number in range(200)))

    statuses = asyncio.run(all_at_once())
    assert (statuses.count(200), statuses.count(402)) == (50, 150)
    assert credits(service, key) == (0, 0)
    assert sum(entry["credits"] for entry in usage(service, key)) == 50


def usage(service: Service, key: str) -> list[dict[str, Any]]:
    """All of it, page by page."""
    found: list[dict[str, Any]] = []
    query = "limit=30"
    while True:
        page = ask(service, "GET", f"/v1/account/usage?{query}", key).json()
        found += page["requests"]
        if page["next_cursor"] is None:
            return found
        query = f"limit=30&cursor={page['next_cursor']}"


# Idempotency keys.


def test_the_same_request_again_is_answered_with_the_same_and_charged_once(service: Service) -> None:
    key, once = service.new_key(credits=5), {"Idempotency-Key": "order-7"}
    first, again = (transcribe(service, key, headers=once) for _ in range(2))
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Idempotency-Replayed"] == "true"
    other = transcribe(service, key, headers=once, response_format="srt")
    assert "Idempotency-Key" in refused(other, 400, "invalid_parameter")
    assert credits(service, key) == (4, 0)


def test_while_the_first_is_at_work_the_second_is_409(service: Service, three_minutes: Path) -> None:
    key, once = service.new_key(credits=50), {"Idempotency-Key": "order-8"}
    call = Call(lambda: transcribe(service, key, three_minutes, headers=once))
    wait_until(lambda: credits(service, key) == (47, 3))
    second = transcribe(service, key, headers=once)  # refused for its key, whatever the file
    refused(second, 409, "still_running")
    assert int(second.headers["Retry-After"]) >= 1
    call.join(300)
    assert call.answer is not None and call.answer.status_code == 200
    assert transcribe(service, key, three_minutes, headers=once).content == call.answer.content
    assert credits(service, key) == (47, 0)


# Death.


@pytest.mark.parametrize("step", [pytest.param("uploading", marks=long), "transcribing"])
def test_billing_that_is_killed_charges_once(service: Service, ten_minutes: Path, faults: Faults, step: str) -> None:
    key = service.new_key(credits=50)
    call, fault = killed_in_the_middle(service, "billing", key, ten_minutes, step, faults)
    fault.over()
    assert call.answer is not None, call.error
    assert call.answer.status_code == 200, call.answer.text
    assert credits(service, key) == (40, 0)
    assert transcribe(service, key).status_code == 200
    assert [entry["credits"] for entry in usage(service, key)] == [1, 10]
    fault.tell("its text", "10, once")


@long
@pytest.mark.parametrize("step", ["uploading", "transcribing"])
def test_an_ingress_that_is_killed_charges_nothing_and_locks_nobody_out(
    service: Service, ten_minutes: Path, faults: Faults, step: str
) -> None:
    key = service.new_key(credits=50)
    call, fault = killed_in_the_middle(service, "ingress", key, ten_minutes, step, faults)
    assert call.error is not None or (call.answer is not None and call.answer.status_code >= 500)
    wait_until(service.is_well, 120)
    assert transcribe(service, key).status_code == 200
    fault.over()
    wait_until(lambda: credits(service, key) == (49, 0), 120)
    assert [entry["credits"] for entry in usage(service, key)] == [1]
    fault.tell("the connection broken" if call.answer is None else str(call.answer.status_code))


def killed_in_the_middle(
    service: Service, deployment: str, key: str, path: Path, step: str, faults: Faults
) -> tuple[Call, Fault]:
    """A call with a key, during which every replica of ``deployment`` dies; it has ended."""
    go = threading.Event()

    def slowly() -> Iterator[bytes]:
        data = path.read_bytes()
        *begun, end = parts(data[: len(data) // 2], data[len(data) // 2 :])
        yield b"".join(begun[:-1])
        assert go.wait(120)
        yield begun[-1] + end

    headers = {"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=b"}
    url = f"{service.url}/v1/transcribe"
    call = Call(lambda: httpx.post(url, content=slowly(), headers=headers, timeout=600))
    wait_until(lambda: bool(service.upload_files()))
    if step == "transcribing":
        go.set()
        wait_until(lambda: busy(service, "transcriber-large-v3-turbo") and credits(service, key) == (40, 10))
    fault = faults.begin(f"{deployment} killed", "an upload" if step == "uploading" else "a file")
    for replica in service.replicas(deployment):
        replica.kill()
    go.set()
    call.join(400)
    assert not call.is_alive()
    return call, fault


def parts(*pieces: bytes) -> list[bytes]:
    """A form with these pieces of a file, whose boundary is b."""
    fields = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field
        for field in ((b"language", b"en"), (b"diarize", b"false"))
    )
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return [fields + file, *pieces, b"\r\n--b--\r\n"]


# Logs.


def test_no_key_and_no_address_stands_in_a_log(service: Service) -> None:
    key = service.new_key(credits=5)
    transcribe(service, key, headers={"X-Request-ID": "the-last-one", "X-Forwarded-For": "203.0.113.99"})
    refused(transcribe(service, key[:-1] + ("0" if key[-1] != "0" else "1")), 401, "unauthorized")
    wait_until(lambda: "the-last-one" in service.log.read_text())
    sessions = [
        path for path in Path(service._ray).rglob("*") if path.is_file() and path.suffix in (".log", ".out", ".err")
    ]
    for log in (service.log, *sessions):
        text = log.read_text(errors="replace")
        assert not re.search(r"stt_live_[0-9A-Za-z]{30}", text), log
        assert "203.0.113.99" not in text, log

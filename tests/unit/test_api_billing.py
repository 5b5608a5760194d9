"""Who may send what, and what it costs, at the HTTP edge over the real billing service on SQLite."""

import asyncio
import hashlib
import json
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.api.http.errors import status_of
from stt_ai.api.http.uploads import TemporaryUpload
from stt_ai.billing import ledger
from stt_ai.billing.client import BillingClient
from stt_ai.errors import DamagedMedia, LeaseExpired, ReplicaLost, StillRunning, SttError
from tests.support.api import PATIENCE, Failing, Patient
from tests.support.billed_api import FILE, HOME, Edge, Held, books, edge, lasting, limits, refused
from tests.support.billing import Books

__all__ = ["books", "edge"]

# Plans.


async def test_without_a_key_three_a_day_from_one_address(edge: Edge) -> None:
    """The books' clock stands at noon: it is twelve hours to midnight, UTC."""
    served = [await edge.transcribe() for _ in range(3)]
    assert [limits(answer) for answer in served] == [("3", left, "43200") for left in "210"]
    fourth = await edge.transcribe()
    assert "midnight UTC" in refused(fourth, 429, "rate_limited")
    assert fourth.headers["Retry-After"] == "43200"
    assert limits(fourth) == ("3", "0", "43200")
    assert (await edge.transcribe(address="192.0.2.2")).status_code == 200
    edge.books.clock.turn(43_200)
    assert (await edge.transcribe()).status_code == 200


async def test_a_free_account_has_minutes_each_month(edge: Edge) -> None:
    key, edge.transcription = edge.books.account(), lasting(61)
    assert limits(await edge.transcribe(key))[:2] == ("600", "598")
    edge.transcription = lasting(600 * 60 - 119)
    refusal = await edge.transcribe(key)
    assert "598" in refused(refusal, 429, "rate_limited")
    assert limits(refusal)[:2] == ("600", "598")
    edge.transcription = lasting(598 * 60)
    assert limits(await edge.transcribe(key))[:2] == ("600", "0")
    assert "used up" in refused(await edge.transcribe(key), 429, "rate_limited")


async def test_an_account_with_credits_pays_a_minute_at_a_time(edge: Edge) -> None:
    key, edge.transcription = edge.books.account(credits=5), lasting(61)
    answer = await edge.transcribe(key)
    assert answer.json()["usage"] == {"seconds": 61.0, "credits": 2}
    assert limits(answer)[1:] == ("3", None)
    edge.transcription = lasting(181)
    refusal = await edge.transcribe(key)
    assert "This recording needs 4 credits; you have 3." in refused(refusal, 402, "no_credits")
    assert edge.books.left(key) == (3, 0)
    assert (await edge.get("/v1/account/usage", key))["requests"] == [
        {
            "request_id": answer.json()["request_id"],
            "kind": "transcription",
            "at": "2026-11-22T12:00:00Z",
            "seconds": 61.0,
            "credits": 2,
        }
    ]


@pytest.mark.parametrize("credits", [None, 0, 5], ids=["anonymous", "free", "paid"])
async def test_each_plan_has_its_file_limit(edge: Edge, credits: int | None) -> None:
    sizes = {"anonymous": 1000, "free": 2000, "paid": 3000}
    edge.books.configure(**{plan: {"max_file_bytes": size} for plan, size in sizes.items()})
    key = None if credits is None else edge.books.account(credits)
    limit = {None: 1000, 0: 2000, 5: 3000}[credits]

    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    async with edge.client(key) as client:
        assert (await client.post("/v1/transcribe", files={"file": b"s" * limit})).status_code == 200
        over = await client.post("/v1/transcribe", files={"file": b"s" * (limit + 1)})
        headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(limit + 2_000_000)}
        early = await client.post("/v1/transcribe", content=unread(), headers=headers)
    for refusal in (over, early):
        advice = {None: "With an API key", 0: "An account with credits", 5: "Cut or compress"}[credits]
        assert advice in refused(refusal, 413, "file_too_large")
    assert edge.books.service.expire_overdue() == 0


@pytest.mark.parametrize(("credits", "at_once"), [(None, 1), (0, 2), (9, 5)], ids=["anonymous", "free", "paid"])
async def test_each_plan_has_its_number_at_once(edge: Edge, credits: int | None, at_once: int) -> None:
    key, edge.transcription = None if credits is None else edge.books.account(credits), Held()
    running = [asyncio.create_task(edge.transcribe(key)) for _ in range(at_once)]
    await edge.transcription.all_began(at_once)
    refusal = await edge.transcribe(key)
    assert "at once" in refused(refusal, 429, "rate_limited")
    assert int(refusal.headers["Retry-After"]) >= 1
    edge.transcription.go.set()
    assert [answer.status_code for answer in await asyncio.gather(*running)] == [200] * at_once
    assert (await edge.transcribe(key)).status_code == 200


# Keys.


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "stt_live_x", "Bearer a b", "Bearer YOUR_API_KEY", "Bearer \xe9"],
)
async def test_what_is_no_known_key_is_401_and_the_body_stays_unread(edge: Edge, value: str) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    async with edge.client() as client:
        headers = [(b"Authorization", value.encode("latin-1")), (b"Content-Length", b"2000000000")]
        refusal = await client.post("/v1/transcribe", content=unread(), headers=headers)
        others = [
            await client.request(method, path, headers=headers[:1])
            for method, path in (
                ("GET", "/v1/account"),
                ("GET", "/v1/account/usage"),
                ("GET", "/v1/account/keys"),
                ("POST", "/v1/account/keys"),
                ("DELETE", "/v1/account/keys/key_x"),
            )
        ]
    for answer in (refusal, *others):
        refused(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_without_anonymous_access_everybody_needs_a_key(edge: Edge) -> None:
    edge.books.configure(anonymous_allowed=False)
    refused(await edge.transcribe(), 401, "unauthorized")
    assert (await edge.transcribe(edge.books.account())).status_code == 200


async def test_a_revoked_key_is_refused_at_once_and_the_others_are_not(edge: Edge) -> None:
    first = edge.books.account()
    async with edge.client(first) as client:
        made = (await client.post("/v1/account/keys", json={"name": "laptop"})).json()
        assert (await edge.transcribe(made["key"])).status_code == 200
        revoked = await client.delete(f"/v1/account/keys/{made['id']}")
    assert revoked.status_code == 200 and revoked.json()["revoked_at"]
    assert "revoked" in refused(await edge.transcribe(made["key"]), 401, "unauthorized")
    assert (await edge.transcribe(first)).status_code == 200


# What is charged, and when.


@pytest.mark.parametrize("failure", [DamagedMedia("Damaged."), ZeroDivisionError(), ReplicaLost("Lost.")])
async def test_a_request_that_failed_costs_nothing_and_holds_nothing(edge: Edge, failure: Exception) -> None:
    key, edge.transcription = edge.books.account(credits=5), Failing(failure)
    assert (await edge.transcribe(key)).status_code in (400, 500, 503)
    assert edge.books.left(key) == (5, 0)
    edge.transcription = Failing(failure)
    failed = await edge.transcribe()
    assert failed.status_code == 500 or limits(failed) == ("3", "3", "43200"), failed.text
    assert (await edge.get("/v1/account", key))["limits"]["running"] == 0
    edge.transcription = None
    assert limits(await edge.transcribe()) == ("3", "2", "43200")


async def test_who_leaves_while_it_is_worked_on_pays_nothing_and_may_come_again(edge: Edge) -> None:
    key, edge.transcription = edge.books.account(credits=5), Patient()
    call = asyncio.create_task(edge.transcribe(key))
    assert await asyncio.to_thread(edge.transcription.began.wait, PATIENCE)
    assert edge.books.left(key) == (4, 1)
    call.cancel()
    await asyncio.wait([call])
    assert edge.transcription.cancelled.is_set()
    await until(lambda: edge.books.left(key) == (5, 0))
    assert (await edge.get("/v1/account", key))["limits"]["running"] == 0


class Slow(BillingClient):
    """Billing that waits at one operation until it may go on."""

    def __init__(self, books: Books, operation: str, after: bool = False) -> None:
        self.reached, self.go, self.done = asyncio.Event(), asyncio.Event(), asyncio.Event()
        carry = books.worker.run

        async def slowly(name: str, *arguments: Any) -> Any:
            if name != operation:
                return await carry(name, *arguments)
            result = await carry(name, *arguments) if after else None
            self.reached.set()
            await self.go.wait()
            self.done.set()
            return result if after else await carry(name, *arguments)

        super().__init__(slowly)


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
@pytest.mark.parametrize("operation", ["admit", "claim", "reserve", "settle"])
async def test_whoever_leaves_during_a_call_to_billing_leaves_nothing_behind(
    edge: Edge, operation: str, after: bool
) -> None:
    key, edge.billing = edge.books.account(credits=5), Slow(edge.books, operation, after)
    call = asyncio.create_task(edge.transcribe(key, headers={"Idempotency-Key": "k"}))
    await edge.billing.reached.wait()
    call.cancel()
    edge.billing.go.set()
    await asyncio.wait([call])
    await edge.billing.done.wait()
    await until(lambda: edge.books.service.account(key).running == 0)
    # Once settling has begun, it is charged, and the answer is kept for whoever asks again under the same key.
    assert edge.books.left(key) == ((4, 0) if operation == "settle" else (5, 0))
    edge.billing = None
    again = await edge.transcribe(key, headers={"Idempotency-Key": "k"})
    assert (again.status_code, "Idempotency-Replayed" in again.headers) == (200, operation == "settle")
    assert edge.books.left(key) == (4, 0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a database announces no change
            await asyncio.sleep(0)


async def test_a_lease_is_renewed_while_the_work_goes_on(edge: Edge) -> None:
    edge.books.configure(lease_s=0.4)
    edge.books.service.clock = time.time
    key, edge.transcription, renewals = edge.books.account(credits=5), Held(), asyncio.Semaphore(0)
    carry = edge.books.worker.run

    async def counting(name: str, *arguments: Any) -> Any:
        result = await carry(name, *arguments)
        if name == "renew":
            renewals.release()
        return result

    edge.billing = BillingClient(counting)
    call = asyncio.create_task(edge.transcribe(key))
    for _ in range(12):  # three times the lease's length
        async with asyncio.timeout(30):
            await renewals.acquire()
    assert not call.done()
    edge.transcription.go.set()
    assert (await call).status_code == 200
    assert edge.books.left(key) == (4, 0)


async def test_work_whose_lease_ran_out_is_charged_all_the_same_or_not_delivered(edge: Edge) -> None:
    key, edge.transcription = edge.books.account(credits=1), Held()
    for covered in (False, True):
        call = asyncio.create_task(edge.transcribe(key))
        await edge.transcription.all_began(1)
        edge.books.clock.turn(1000)
        assert edge.books.service.expire_overdue() == 1
        if not covered:
            edge.books.serve(key)  # by another request, meanwhile
        edge.transcription.go.set()
        answer = await call
        if covered:
            assert answer.status_code == 200
        else:
            refused(answer, 402, "no_credits")
            assert "text" not in answer.json()
            with edge.books.database.transaction() as session:
                caller = edge.books.service.account(key)
                assert caller.credits == 0
                ledger.grant(
                    session, found(session, caller.id), 1, "more", edge.books.clock(), edge.books.service.config
                )
        edge.transcription = Held()
    assert edge.books.left(key) == (0, 0)


def found(session: Any, caller_id: str) -> Any:
    caller = ledger.lock(session, caller_id)
    assert caller is not None
    return caller


@pytest.mark.parametrize("operation", ["admit", "reserve", "settle"])
async def test_without_billing_there_is_no_service(edge: Edge, operation: str) -> None:
    key, carry = edge.books.account(credits=5), edge.books.worker.run

    async def broken(name: str, *arguments: Any) -> Any:
        if name == operation:
            raise ReplicaLost("A part of the service could not be started. Please try again later.", 30)
        return await carry(name, *arguments)

    edge.billing = BillingClient(broken)
    answer = await edge.transcribe(key)
    refused(answer, 503, "replica_lost")
    assert answer.headers["Retry-After"] == "30"
    assert edge.books.left(key) == (5, 0)


async def test_two_hundred_at_once_with_credits_for_fifty(edge: Edge) -> None:
    edge.books.configure(paid={"max_concurrency": 200})
    key, edge.at_once = edge.books.account(credits=50), 200
    async with edge.client(key) as client:
        answers = await asyncio.gather(*(client.post("/v1/transcribe", files=FILE) for _ in range(200)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(402)) == (50, 150)
    assert edge.books.left(key) == (0, 0)
    assert {answer.json()["usage"]["credits"] for answer in answers if answer.status_code == 200} == {1}


# Idempotency keys.


async def test_the_same_request_again_gets_the_same_answer_and_is_charged_once(edge: Edge) -> None:
    key, edge.transcription = edge.books.account(credits=5), lasting(61)
    once = {"Idempotency-Key": "order 7/ä".encode("ascii", "ignore").decode()}
    first = await edge.transcribe(key, headers=once, response_format="srt", diarize="false")
    edge.transcription = Failing(AssertionError("worked twice"))
    again = await edge.transcribe(key, headers=once, response_format=" SRT ", diarize="0")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Content-Type"] == first.headers["Content-Type"] == "application/x-subrip; charset=utf-8"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert limits(again)[1] == limits(first)[1] == "3"
    assert edge.books.left(key) == (3, 0)


@pytest.mark.parametrize("change", [{"files": {"file": b"other"}}, {"data": {"language": "es"}}])
async def test_the_same_key_for_another_request_is_400(edge: Edge, change: dict[str, Any]) -> None:
    key, once = edge.books.account(credits=5), {"Idempotency-Key": "k"}
    await edge.transcribe(key, headers=once)
    async with edge.client(key) as client:
        other = await client.post("/v1/transcribe", **{"files": FILE, **change}, headers=once)
    assert "Idempotency-Key" in refused(other, 400, "invalid_parameter")
    assert edge.books.left(key) == (4, 0)


async def test_while_the_first_is_at_work_the_second_is_409(edge: Edge) -> None:
    key, once, edge.transcription = edge.books.account(credits=5), {"Idempotency-Key": "k"}, Held()
    first = asyncio.create_task(edge.transcribe(key, headers=once))
    await edge.transcription.all_began(1)
    second = await edge.transcribe(key, headers=once)
    refused(second, 409, "still_running")
    assert int(second.headers["Retry-After"]) >= 1
    edge.transcription.go.set()
    assert (await first).content == (await edge.transcribe(key, headers=once)).content


async def test_a_failure_is_not_kept(edge: Edge) -> None:
    key, once, edge.transcription = (
        edge.books.account(credits=5),
        {"Idempotency-Key": "k"},
        Failing(ReplicaLost("Lost.")),
    )
    assert (await edge.transcribe(key, headers=once)).status_code == 503
    edge.transcription = None
    assert (await edge.transcribe(key, headers=once)).status_code == 200


async def test_keys_of_different_callers_have_nothing_to_do_with_each_other(edge: Edge) -> None:
    once = {"Idempotency-Key": "k"}
    for caller in (edge.books.account(), edge.books.account(), None):
        assert "Idempotency-Replayed" not in (await edge.transcribe(caller, headers=once)).headers


@pytest.mark.parametrize("value", ["", "x" * 256, "a\tb", "\xe9"])
async def test_an_idempotency_key_is_printable_ascii(edge: Edge, value: str) -> None:
    async with edge.client() as client:
        header = [(b"Idempotency-Key", value.encode("latin-1"))]
        assert "Idempotency-Key" in refused(
            await client.post("/v1/transcribe", files=FILE, headers=header), 400, "invalid_parameter"
        )


@given(st.binary(max_size=3_000_000), st.integers(1, 1_500_000))
async def test_the_hash_is_of_the_whole_file_however_it_comes(data: bytes, piece: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = TemporaryUpload.create(Path(folder), hashed=True)
        try:
            for start in range(0, len(data), piece):
                await file.write(data[start : start + piece])
            await file.flush()
            assert file.sha256 == hashlib.sha256(data).hexdigest()
        finally:
            await file.remove()


# Logs.


async def test_no_key_gets_into_a_log(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key, edge.transcription = edge.books.account(credits=1), Failing(ZeroDivisionError())
    logging.getLogger("stt_ai").propagate = True
    await edge.transcribe(key, headers={"Idempotency-Key": "secret-enough"})
    await edge.transcribe(key[:-1] + ("A" if key[-1] != "A" else "B"))
    async with edge.client(key) as client:
        made = (await client.post("/v1/account/keys")).json()
        signed_up = (await client.post("/v1/account", json={"name": "Ada"})).json()
        await client.get("/v1/account", headers={"Authorization": f"Basic {key}"})
    text = caplog.text + json.dumps([str(record.__dict__) for record in caplog.records])
    for secret in (key[:-1], made["key"], signed_up["key"]["key"], HOME):
        assert secret not in text


def test_errors_of_billing_are_in_the_status_table() -> None:
    gone: list[tuple[SttError, int]] = [(LeaseExpired("Gone."), 503), (StillRunning("Wait."), 409)]
    assert all(status_of(error) == status for error, status in gone)

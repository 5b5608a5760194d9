"""What can only be seen at the running service: a death between charging and answering, and the anonymous plan."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from sqlmodel import select

from stt_ai.billing import accounts
from stt_ai.billing.tables import Lease, LeaseState
from tests.integration.test_billing import Call, books, credits, refused, transcribe, usage
from tests.support.long_tests import long
from tests.support.service import GENEROUS, Service, wait_until
from tests.support.word_errors import DATA

MEETING = DATA / "meeting_en.flac"


@long
def test_an_ingress_that_dies_between_charging_and_answering_answers_under_the_key_and_charges_once(
    service: Service,
) -> None:
    """One of the two processes stands still whenever the other runs, so that the charge is made in the dead moment."""
    key, once = service.new_key(credits=5), {"Idempotency-Key": "order-9"}
    (ingress,), (billing,) = service.replicas("ingress"), service.replicas("billing")
    try:
        call = Call(lambda: transcribe(service, key, MEETING, headers=once, diarize="true"))
        wait_until(lambda: credits(service, key) != (5, 0))
        while not settled(service, key):
            by_turns(billing, ingress)
            by_turns(ingress, billing)
        ingress.kill()
    finally:
        for process in (ingress, billing):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
    call.join(120)
    assert call.error is not None or (call.answer is not None and call.answer.status_code >= 500)
    wait_until(service.is_well, 120)
    again = transcribe(service, key, MEETING, headers=once, diarize="true")
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (200, "true"), again.text
    assert again.json()["text"].startswith("Hello Daniel")
    assert credits(service, key) == (4, 0)
    assert [entry["credits"] for entry in usage(service, key)] == [1]


def by_turns(standing: psutil.Process, running: psutil.Process) -> None:
    os.kill(standing.pid, signal.SIGSTOP)
    os.kill(running.pid, signal.SIGCONT)
    time.sleep(0.2)  # how long a turn is: what is awaited can come about in any of them


def settled(service: Service, key: str) -> bool:
    """By the database itself, for billing may stand still."""
    with books(service) as found, found.database.reading() as session:
        caller = accounts.authenticate(session, key)
        query = select(Lease.id).where(Lease.caller_id == caller.id, Lease.state == LeaseState.SETTLED)
        return session.exec(query).first() is not None


@pytest.fixture
def without_favours(service: Service) -> Iterator[Service]:
    """The service with the anonymous plan as it ships, put in place of the tests' generous one while it runs."""

    def change(anonymous: dict[str, int]) -> None:
        before = {process.pid for process in service.replicas("billing")}
        service.deploy({"billing": {"anonymous": anonymous}})
        wait_until(lambda: service.deployed() and not before & set(service.running("billing")), 120)
        wait_until(service.is_well, 60)

    change({})
    yield service
    change(GENEROUS)


@long
def test_who_has_no_key_sends_100_mb_at_most_and_one_file_at_once(without_favours: Service) -> None:
    service, here = without_favours, {"X-Forwarded-For": "203.0.113.50"}
    for megabytes, first in ((102, b"HTTP/1.1 413"), (99, b"")):
        head = (
            "POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.50\r\n"
            f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {megabytes}000000\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as client:
            client.sendall(head.encode())
            if first:
                assert client.recv(12) == first
                continue
            wait_until(lambda: bool(service.upload_files()))  # it is let in: the service waits for the body
            second = transcribe(service, headers=here)
            assert "one request at once" in refused(second, 429, "rate_limited")
            assert int(second.headers["Retry-After"]) >= 1
            assert transcribe(service, headers={"X-Forwarded-For": "203.0.113.51"}).status_code == 200
    wait_until(lambda: not service.upload_files())
    wait_until(lambda: transcribe(service, headers=here).status_code == 200)

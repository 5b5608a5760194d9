"""Who may stream, and what it costs, over a real socket and the real billing service on SQLite."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from stt_ai.api.stream import meter as stream_meter
from stt_ai.billing import keys
from stt_ai.billing.client import BillingClient
from stt_ai.errors import Unavailable
from tests.support.api import PATIENCE, eventually
from tests.support.billed_api import books
from tests.support.billing import Books
from tests.support.stream_client import Sessions, connected, connection_of, live_app, refusal, said, serving, texts

__all__ = ["books"]


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def port(books: Books, sessions: Sessions, tmp_path: Path) -> Iterator[int]:
    with serving(live_app(tmp_path / "uploads", sessions, books.client)) as port:
        yield port


def refused(answer: tuple[int, Any, dict[str, Any]], status: int, code: str) -> str:
    assert (answer[0], answer[2]["code"]) == (status, code), answer
    assert set(answer[2]) == {"error", "code", "request_id"}
    assert answer[1]["X-Request-ID"] == answer[2]["request_id"]
    assert answer[1]["Content-Type"] == "application/json"
    return str(answer[2]["error"])


def settled(books: Books, key: str) -> list[tuple[float, int]]:
    assert eventually(lambda: books.service.account(key).running == 0)
    return [(item.seconds, item.credits) for item in books.service.usage(key, None, 99).items]


# Before the connection is accepted.


def test_what_is_no_key_is_401(port: int) -> None:
    for credential in ("YOUR_API_KEY", keys.new_key()):
        answer = refusal(port, credential)
        refused(answer, 401, "unauthorized")
        assert answer[1]["WWW-Authenticate"] == "Bearer"


def test_without_credits_it_is_402(port: int, books: Books) -> None:
    key = books.account(credits=1)
    books.serve(key)
    assert refused(refusal(port, key), 402, "no_credits") == "No credits remaining. Upgrade your plan."


def test_over_the_plans_number_at_once_it_is_429_until_one_ends(port: int, books: Books) -> None:
    key = books.account()
    other = books.admit(key).lease
    with connected(port, key) as client:
        client.ready()
        answer = refusal(port, key)
        assert "at once" in refused(answer, 429, "rate_limited")
        assert int(answer[1]["Retry-After"]) >= 1
        books.service.release(other)
        with connected(port, key) as second:
            second.ready()
        assert eventually(lambda: books.service.account(key).running == 1)


def test_over_what_the_process_takes_it_is_503(books: Books, tmp_path: Path) -> None:
    app = live_app(tmp_path, Sessions(), books.client, max_streams=1)
    with serving(app) as port, connected(port, books.account()) as client:
        client.ready()
        answer = refusal(port)
        refused(answer, 503, "overloaded")
        assert "Retry-After" in answer[1]


def test_without_a_key_three_a_day_and_one_at_once(port: int, books: Books) -> None:
    for left in "210":
        with connected(port) as client:
            assert client.socket.response is not None
            assert client.socket.response.headers["RateLimit-Remaining"] == left
            refused(refusal(port), 429, "rate_limited")
            client.ready()
            client.audio(70)
            client.stop()
        assert eventually(lambda: books.service.expire_overdue() == 0)
    assert "midnight" in refused(refusal(port), 429, "rate_limited")


def test_where_everybody_needs_a_key_it_is_401(books: Books, tmp_path: Path) -> None:
    books.configure(anonymous_allowed=False)
    with serving(live_app(tmp_path, Sessions(), books.client)) as port:
        refused(refusal(port), 401, "unauthorized")


# Tokens.


def ask_token(port: int, key: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.post(f"http://127.0.0.1:{port}/v1/stream/token", headers=headers, timeout=PATIENCE)


def token(port: int, key: str) -> str:
    answer = ask_token(port, key)
    assert answer.status_code == 201
    assert set(answer.json()) == {"token", "expires_at", "expires_in"}
    assert (answer.headers["Cache-Control"], answer.json()["expires_in"]) == ("no-store", 60.0)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return str(answer.json()["token"])


def test_a_token_in_the_address_opens_one_stream_of_the_account(port: int, books: Books) -> None:
    key = books.account(credits=5)
    made = token(port, key)
    with connected(port, token=made) as client:
        client.ready()
        client.audio(61)
        client.stop()
    assert settled(books, key) == [(61.0, 2)]
    assert "used already" in refused(refusal(port, token=made), 401, "unauthorized")


def test_only_a_key_makes_a_token_and_a_key_is_none(port: int, books: Books) -> None:
    assert ask_token(port).status_code == 401
    assert ask_token(port, token(port, books.account())).status_code == 401
    refused(refusal(port, token="nonsense"), 401, "unauthorized")


def test_a_key_in_the_address_opens_nothing(port: int, books: Books) -> None:
    key = books.account(credits=5)
    said_why = refused(refusal(port, token=key), 401, "unauthorized")
    assert "POST /v1/stream/token" in said_why and "Authorization" in said_why and key not in said_why
    with connected(port, key) as client:
        client.ready()


# StreamMeter.


def test_a_stopped_stream_pays_for_each_begun_minute_of_its_audio(port: int, books: Books) -> None:
    key = books.account(credits=10)
    with connected(port, key) as client:
        client.ready()
        client.audio(121)
        messages, _ = client.stop()
    assert (messages[-1]["duration"], settled(books, key)) == (121.0, [(121.0, 3)])
    assert books.left(key) == (7, 0)


def test_a_client_that_leaves_pays_for_what_it_sent(port: int, books: Books, sessions: Sessions) -> None:
    key = books.account(credits=10)
    with connected(port, key) as client:
        client.ready(interim_results=False)
        client.audio(61)
        client.until(lambda message: message.get("end") == 60.0)
        assert eventually(lambda: books.left(key) == (8, 2))
        client.socket.socket.close()
    assert settled(books, key) == [(61.0, 2)]
    assert sessions.all[0].closed


@pytest.mark.parametrize("bad", [True, False])
def test_a_stream_without_audio_costs_nothing(port: int, books: Books, bad: bool) -> None:
    key = books.account(credits=1)
    with connected(port, key) as client:
        if bad:
            client.send(model="tiny")
            client.rest()
        else:
            client.ready()
            client.stop()
    assert (settled(books, key), books.left(key)) == ([], (1, 0))


def test_credits_that_run_out_end_the_stream_with_all_that_is_paid_sent(port: int, books: Books) -> None:
    key = books.account(credits=2)
    with connected(port, key) as client:
        client.ready(interim_results=False)
        for _ in range(5):
            client.audio(30.5)
        messages, code = client.rest()
    assert texts(messages) == said(120)
    assert (messages[-1]["code"], messages[-1]["error"]) == ("no_credits", "No credits remaining. Upgrade your plan.")
    assert (messages[-1]["retryable"], messages[-1]["offset"], code) == (False, 120.0, 1008)
    assert (settled(books, key), books.left(key)) == ([(120.0, 2)], (0, 0))


def test_free_minutes_that_run_out_end_the_stream_too(books: Books, tmp_path: Path) -> None:
    books.configure(free={"minutes_per_month": 1})
    key = books.account()
    with serving(live_app(tmp_path, Sessions(), books.client)) as port, connected(port, key) as client:
        client.ready(interim_results=False)
        client.audio(61)
        messages, code = client.rest()
    assert (texts(messages), messages[-1]["code"], code) == (said(60), "rate_limited", 1008)


def test_a_resumed_stream_does_not_pay_again_for_what_was_transcribed(
    port: int, books: Books, sessions: Sessions
) -> None:
    key = books.account(credits=10)
    with connected(port, key) as client:
        session_id = client.ready(interim_results=False)["session_id"]
        client.audio(60)
        client.until(lambda message: message.get("end") == 60.0)
    assert settled(books, key) == [(60.0, 1)]
    books.clock.turn(1)  # the books list what was at the same moment in any order
    with connected(port, key) as client:
        client.ready(session_id=session_id, offset=30.0)
        client.audio(31)
        messages, _ = client.stop()
    assert (texts(messages).split()[-1], settled(books, key)[0]) == ("w60", (1.0, 1))


def test_a_stream_whose_lease_was_given_up_ends_and_may_go_on_anew(port: int, books: Books) -> None:
    key = books.account(credits=10)
    with connected(port, key) as client:
        session_id = client.ready(interim_results=False)["session_id"]
        client.audio(58)
        client.until(lambda message: message.get("end") == 57.0)
        assert eventually(lambda: books.left(key) == (8, 2))
        books.clock.turn(books.service.config.lease_s + 1)
        books.service.expire_overdue()
        for _ in range(3):
            client.audio(25)
        messages, code = client.rest()
    assert (messages[-1]["code"], messages[-1]["retryable"], code) == ("lease_expired", True, 1013)
    # The second minute was reserved when the lease was given up, so the first is known to have begun.
    assert (settled(books, key), books.left(key)) == ([(60.0, 1)], (9, 0))
    with connected(port, key) as client:
        assert client.ready(session_id=session_id, offset=messages[-1]["offset"])["resumed"]


class Failing(BillingClient):
    """Billing that cannot be reached for some operations."""

    def __init__(self, books: Books, *operations: str) -> None:
        worker = books.worker

        async def carry(operation: str, *arguments: Any) -> Any:
            if operation in self.out:
                self.asked += 1
                raise Unavailable("Accounts cannot be reached.")
            return await worker.run(operation, *arguments)

        self.out, self.asked = set(operations), 0
        super().__init__(carry)


def test_a_charge_that_cannot_be_made_is_left_to_the_leases_end(books: Books, tmp_path: Path) -> None:
    key, billing = books.account(credits=10), Failing(books, "settle")
    with serving(live_app(tmp_path, Sessions(), billing)) as port:
        with connected(port, key) as client:
            client.ready(interim_results=False)
            client.audio(60.5)
            messages, code = client.stop()
        assert (messages[-1]["is_final"], code) == (True, 1000)
        assert eventually(lambda: billing.asked == 1)
        assert books.left(key) == (8, 2)
    books.clock.turn(books.service.config.lease_s + 1)
    books.service.expire_overdue()
    assert books.left(key) == (9, 0)


def test_a_charge_is_made_when_the_books_are_back(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_meter, "RETRY_INTERVAL_S", 0.05)
    key, billing = books.account(credits=10), Failing(books, "settle")
    with serving(live_app(tmp_path, Sessions(), billing)) as port:
        with connected(port, key) as client:
            client.ready(interim_results=False)
            client.audio(60.5)
            assert client.stop()[1] == 1000
        assert eventually(lambda: billing.asked > 3)
        assert books.left(key) == (8, 2)
        billing.out.clear()
        assert eventually(lambda: books.left(key) == (8, 0))
    assert settled(books, key) == [(60.5, 2)]


def test_a_fault_of_ours_at_the_door_is_500_with_the_error_body(
    books: Books, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def carry(operation: str, *arguments: Any) -> Any:
        raise ValueError("secret")

    with serving(live_app(tmp_path, Sessions(), BillingClient(carry))) as port:
        assert "secret" not in refused(refusal(port), 500, "internal_error")
    assert "secret" in caplog.text


@pytest.mark.parametrize("minute", [1, 2, 3])
def test_an_outage_of_the_books_before_a_minute_begins_is_not_noticed(
    books: Books, tmp_path: Path, minute: int
) -> None:
    key, billing = books.account(credits=10), Failing(books)
    with serving(live_app(tmp_path, Sessions(), billing)) as port, connected(port, key) as client:
        client.ready(interim_results=False)
        sent = 0
        for reserved in range(2, minute + 1):
            client.audio(60 * reserved - 65 - sent)
            sent = 60 * reserved - 65
            assert eventually(lambda wanted=reserved: books.left(key)[1] == wanted), "five seconds before it begins"
        billing.out.add("reserve")
        client.audio(60 * minute - 5 - sent)
        assert eventually(lambda: billing.asked == 1)
        billing.out.clear()
        client.audio(30)
        messages, code = client.stop()
    assert (messages[-1]["duration"], code, books.left(key)) == (60 * minute + 25, 1000, (9 - minute, 0))


async def test_whatever_is_cut_off_at_whatever_moment_is_charged_and_holds_nothing(
    books: Books, sessions: Sessions, tmp_path: Path
) -> None:
    """The handler is cancelled, as Ray Serve does, after any number of the messages that it sends and receives."""
    app = live_app(tmp_path, sessions, books.client)
    key = books.account(credits=1000)
    for moment in range(14):
        await cut_off(app, key, moment)
        async with asyncio.timeout(PATIENCE):
            while books.service.account(key).running:  # noqa: ASYNC110 - the books tell nobody that they changed
                await asyncio.sleep(0.01)
    assert books.left(key)[1] == 0
    assert all(session.closed for session in sessions.all)
    assert [item.credits for item in books.service.usage(key, None, 99).items] == [1] * (
        sum(session.position > 0 for session in sessions.all)
    )
    assert books.operators.reconcile() == ()


async def cut_off(app: Any, key: str, moment: int) -> None:
    steps = 0
    task: asyncio.Task[None] | None = None
    incoming = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "{}"}]
    incoming += [{"type": "websocket.receive", "bytes": bytes(32_000)} for _ in range(4)]
    incoming += [{"type": "websocket.receive", "text": '{"action": "stop"}'}]

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps > moment:
            assert task is not None
            task.cancel()

    async def receive() -> Any:
        step()
        await asyncio.sleep(0)
        return incoming.pop(0) if incoming else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        step()
        await asyncio.sleep(0)

    task = asyncio.create_task(app(connection_of(key), receive, send))
    await asyncio.wait([task], timeout=PATIENCE)
    assert task.done()

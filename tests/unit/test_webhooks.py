"""Webhooks to a real receiver, on a clock that is turned: when they are sent, what they say, and what ends them."""

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from stt_ai.accounts import WorkKind
from stt_ai.errors import LeaseExpired, NotFound, TooManyRequests
from stt_ai.jobs import stored
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.messages import NewJob
from stt_ai.jobs.service import JobService
from stt_ai.jobs.webhooks.client import WebhooksClient
from stt_ai.jobs.webhooks.deliverer import Deliverer
from stt_ai.jobs.webhooks.messages import Attempt, DeliveryStatus, DeliveryView, JobEvent
from stt_ai.jobs.webhooks.schedule import MAX_ATTEMPTS
from stt_ai.jobs.webhooks.service import LEASE_S, MAX_RUNNING, WebhookService
from stt_ai.jobs.webhooks.signing import new_secret
from stt_ai.storage.folder import FolderStore
from tests.support.api import HELLO
from tests.support.billing import NOON, Books
from tests.support.tls_server import Exchange, Reply, client, giving, response, serving

TAKEN = giving(response(status=204))
FAILING = giving(response(b"no", status=500))
SCHEDULE = [0, 5, 305, 2105, 9305, 27305, 63305, 113705, 185705, 272105]
"""Seconds from the first attempt, as the specification's table has them."""


class House:
    """Jobs that end, and what sends their webhooks. ``jitter``: from 0 to 1."""

    def __init__(self, books: Books, folder: Path, jitter: float = 0.0, **config: Any) -> None:
        self.books = books
        self.jobs = JobService(books.service, JobsConfig(**config))
        self.webhooks = WebhookService(books.service, lambda: jitter)
        self.store = FolderStore(folder / "store")
        self.key = books.account(credits=100)
        self.sent_at: list[float] = []

    def queue(self, url: str, key: str | None = None, **webhook: Any) -> str:
        lease = self.books.admit(key or self.key, kind=WorkKind.SUBMISSION).lease
        asked = {"url": url, "secret": "", "metadata": {}, "include_text": False} | webhook
        new = NewJob(f"job_{uuid.uuid4().hex}", "r", "a.wav", "{}", "{}", webhook=json.dumps(asked))
        self.jobs.create(lease, new)
        self.books.service.settle(lease, 0)
        return new.id

    def succeed(self, url: str, key: str | None = None, **webhook: Any) -> str:
        job_id = self.queue(url, key, **webhook)
        work = self.jobs.claim()
        assert work is not None and work.id == job_id
        self.jobs.succeed(job_id, work.fence, 90, "m")
        return job_id

    def deliverer(self, timeout_s: float = 20, **connection: Any) -> Deliverer:
        async def carry(operation: str, *arguments: Any) -> Any:
            return getattr(self.webhooks, operation)(*arguments)

        connecting = client(**connection)
        return Deliverer(
            WebhooksClient(carry), self.store, connecting, timeout_s=timeout_s, poll_s=0.01, clock=self.books.clock
        )

    async def send_due(self, **deliverer: Any) -> int:
        """Send all that is due now, one after the other; return how many messages that was."""
        sent, working = 0, self.deliverer(**deliverer)
        while (delivery := self.webhooks.claim_delivery()) is not None:
            self.sent_at.append(self.books.clock())
            await working.deliver(delivery)
            sent += 1
        return sent

    async def send_all(self, job_id: str, **deliverer: Any) -> DeliveryView:
        """Send until nothing is to be sent again, and turn the clock from one attempt to the next."""
        await self.send_due(**deliverer)
        while (next_at := self.delivery(job_id).next_attempt_at) is not None:
            self.books.clock.turn(next_at - 0.001 - self.books.clock())
            assert await self.send_due(**deliverer) == 0, "it was sent too early"
            self.books.clock.now = next_at
            assert await self.send_due(**deliverer) == 1
        return self.delivery(job_id)

    def delivery(self, job_id: str, key: str | None = None) -> DeliveryView:
        (found,) = self.webhooks.deliveries(key or self.key, job_id)
        return found

    @property
    def secret(self) -> str:
        return self.webhooks.webhook_secret(self.key).secret


@pytest.fixture
def house(books: Books, tmp_path: Path) -> House:
    return House(books, tmp_path)


def message(exchange: Exchange) -> dict[str, Any]:
    return dict(json.loads(exchange.body))


def signatures(exchange: Exchange) -> list[str]:
    return exchange.headers["webhook-signature"].split(" ")


def is_signed(exchange: Exchange, secret: str) -> bool:
    """By the specification's library, at whatever time it was sent."""
    at = datetime.fromtimestamp(int(exchange.headers["webhook-timestamp"]), UTC)
    expected = Webhook(secret).sign(exchange.headers["webhook-id"], at, exchange.body.decode())
    return expected in signatures(exchange)


async def test_the_end_of_a_job_is_announced_once_and_the_specifications_library_verifies_it(
    books: Books, tmp_path: Path
) -> None:
    books.clock.now = time.time()  # the library compares it with its own
    house = House(books, tmp_path, public_url="https://stt.example.com/")
    with serving(TAKEN) as server:
        job_id = house.succeed(server.url("/hook?a=b"), metadata={"order": "Nº 1"})
        delivery = await house.send_all(job_id)
    (exchange,) = server.exchanges
    verified = Webhook(house.secret).verify(exchange.body, exchange.headers)
    assert exchange.line == "POST /hook?a=b HTTP/1.1" and exchange.headers["content-type"] == "application/json"
    assert (verified["type"], verified["data"]["id"], verified["data"]["metadata"]) == (
        "job.succeeded",
        job_id,
        {"order": "Nº 1"},
    )
    assert verified["data"]["usage"] == {"seconds": 90, "credits": 2}
    job = f"https://stt.example.com/v1/jobs/{job_id}"
    assert verified["data"]["links"] == {"job": job, "result": f"{job}/result"}
    assert "text" not in verified["data"]
    assert (delivery.id, delivery.status) == (exchange.headers["webhook-id"], DeliveryStatus.DELIVERED)
    assert [(one.status, one.error) for one in delivery.attempts] == [(204, "")]


async def test_a_receiver_that_fails_for_ever_gets_what_the_schedule_says_and_no_more(house: House) -> None:
    with serving(FAILING) as server:
        job_id = house.succeed(server.url())
        delivery = await house.send_all(job_id)
    assert [at - NOON for at in house.sent_at] == SCHEDULE
    assert len(server.exchanges) == len(delivery.attempts) == MAX_ATTEMPTS == 10
    assert len({exchange.headers["webhook-id"] for exchange in server.exchanges}) == 1
    assert len({exchange.body for exchange in server.exchanges}) == 1
    stamps = [int(exchange.headers["webhook-timestamp"]) - int(NOON) for exchange in server.exchanges]
    assert stamps == SCHEDULE
    assert all(is_signed(exchange, house.secret) for exchange in server.exchanges)
    assert delivery.status is DeliveryStatus.FAILED
    assert delivery.attempts[0].error == "The receiver answered 500."


async def test_jitter_lengthens_every_delay_by_a_tenth_at_most(books: Books, tmp_path: Path) -> None:
    house = House(books, tmp_path, jitter=1.0)
    with serving(FAILING) as server:
        await house.send_all(house.succeed(server.url()))
    delays = [later - earlier for earlier, later in itertools.pairwise(house.sent_at)]
    planned = [later - earlier for earlier, later in itertools.pairwise(SCHEDULE)]
    assert delays == pytest.approx([1.1 * delay for delay in planned])


async def test_a_receiver_that_hangs_is_given_up_and_gets_the_message_later(house: House) -> None:
    with serving(giving(None), TAKEN) as server:
        delivery = await house.send_all(house.succeed(server.url()), timeout_s=0.3)
    assert [at - NOON for at in house.sent_at] == SCHEDULE[:2]
    assert [one.status for one in delivery.attempts] == [None, 204]
    assert "did not answer within" in delivery.attempts[0].error


async def test_a_receiver_that_dies_and_comes_back_gets_the_message(house: House) -> None:
    with serving(FAILING) as server:
        job_id = house.succeed(server.url())
        await house.send_due()
    for wait in (5, 300):
        house.books.clock.turn(wait)
        assert await house.send_due() == 1
    with serving(TAKEN, port=server.port) as back:
        house.books.clock.turn(1800)
        assert await house.send_due() == 1
    attempts = house.delivery(job_id).attempts
    assert [one.status for one in attempts] == [500, None, None, 204]
    assert is_signed(back.exchanges[0], house.secret)
    assert back.exchanges[0].headers["webhook-id"] == server.exchanges[0].headers["webhook-id"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_failures_and_nobody_follows_them(house: House, status: int) -> None:
    with serving(TAKEN, secure=False) as canary:
        away = giving(response(status=status, Location=f"http://127.0.0.1:{canary.port}/"))
        with serving(away, TAKEN) as server:
            delivery = await house.send_all(house.succeed(server.url()))
    assert canary.connections == 0
    assert [one.status for one in delivery.attempts] == [status, 204]


@pytest.mark.parametrize("networks", [(), ("10.0.0.0/8",)])
async def test_no_message_goes_to_an_address_that_is_not_public(house: House, networks: tuple[str, ...]) -> None:
    with serving(TAKEN) as canary:
        job_id = house.succeed(canary.url())
        delivery = await house.send_all(job_id, networks=networks)
    assert canary.connections == 0
    assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.FAILED, 10)


async def test_a_name_that_changes_its_address_is_asked_anew_each_time(house: House) -> None:
    addresses = ["127.0.0.1", "169.254.169.254"]

    async def resolver(host: str, port: int) -> list[str]:
        return [addresses[0]]

    with serving(FAILING, TAKEN) as server:
        job_id = house.succeed(server.url())
        await house.send_due(resolver=resolver)
        house.books.clock.turn(5)
        addresses.pop(0)
        await house.send_due(resolver=resolver)
    assert len(server.exchanges) == 1
    assert "not on the public internet" in house.delivery(job_id).attempts[1].error


async def test_410_ends_it(house: House) -> None:
    with serving(giving(response(status=410))) as server:
        delivery = await house.send_all(house.succeed(server.url()))
    assert (delivery.status, len(server.exchanges)) == (DeliveryStatus.FAILED, 1)


@pytest.mark.parametrize(
    ("retry_after", "delay"),
    [
        ("900", 900),
        ("1", 5),
        (format_datetime(datetime.fromtimestamp(NOON + 600, UTC), usegmt=True), 600),
        (format_datetime(datetime.fromtimestamp(NOON - 600, UTC), usegmt=True), 5),
        ("9999999", 86_400),
        ("soon", 5),
        ("", 5),
    ],
)
async def test_what_a_receiver_asks_for_puts_the_next_attempt_off(house: House, retry_after: str, delay: int) -> None:
    busy = giving(response(status=503, Retry_After=retry_after))
    with serving(busy, TAKEN) as server:
        await house.send_all(house.succeed(server.url()))
    assert [at - NOON for at in house.sent_at] == [0, delay]


async def test_an_answer_without_end_is_not_read(house: House) -> None:
    with serving(giving(response(b"x" * 100_000, length=10**12))) as server:
        delivery = await house.send_all(house.succeed(server.url()))
    assert delivery.status is DeliveryStatus.DELIVERED


async def test_a_deliverer_that_died_counts_as_an_attempt_and_cannot_come_back(house: House) -> None:
    with serving(TAKEN) as server:
        job_id = house.succeed(server.url())
        lost = house.webhooks.claim_delivery()
        assert lost is not None and house.webhooks.claim_delivery() is None
        house.books.clock.turn(LEASE_S)
        assert await house.send_due() == 1
        with pytest.raises(LeaseExpired):
            house.webhooks.attempted(lost.id, lost.fence, Attempt(0, 0, 500))
    assert house.delivery(job_id).status is DeliveryStatus.DELIVERED


def test_a_message_whose_every_deliverer_dies_is_given_up(house: House) -> None:
    job_id = house.succeed("https://localhost/")
    for _ in range(MAX_ATTEMPTS):
        assert house.webhooks.claim_delivery() is not None
        house.books.clock.turn(LEASE_S)
    assert house.webhooks.claim_delivery() is None
    assert house.delivery(job_id).status is DeliveryStatus.FAILED


def test_receivers_that_hang_delay_nobody_elses_messages(house: House) -> None:
    other = house.books.account(credits=5)
    for _ in range(MAX_RUNNING + 3):
        house.succeed("https://hanging.example.com/")
    theirs = house.succeed("https://quick.example.com/", other)
    claimed = []
    while (delivery := house.webhooks.claim_delivery()) is not None:
        claimed.append(delivery.job_id)
    assert len(claimed) == MAX_RUNNING + 1 and theirs in claimed


async def test_while_a_secret_is_changed_both_sign(house: House) -> None:
    old = house.secret
    with serving(FAILING, FAILING, TAKEN) as server:
        job_id = house.succeed(server.url())
        await house.send_due()
        new = new_secret()
        for _ in range(2):  # the answer to the first call may be lost
            assert house.webhooks.rotate_webhook_secret(house.key, new, 60).previous_until == NOON + 60
        assert house.secret == new
        await house.send_all(job_id)
    before, within, after = server.exchanges
    assert is_signed(before, old) and not is_signed(before, new)
    assert is_signed(within, old) and is_signed(within, new) and len(signatures(within)) == 2
    assert is_signed(after, new) and not is_signed(after, old)


async def test_a_secret_of_the_jobs_own_signs_alone(house: House) -> None:
    own = new_secret()
    with serving(TAKEN) as server:
        await house.send_all(house.succeed(server.url(), secret=own))
    assert is_signed(server.exchanges[0], own) and len(signatures(server.exchanges[0])) == 1


async def test_the_text_is_sent_where_it_was_asked_for(house: House) -> None:
    with serving(TAKEN) as server:
        for kept in (True, False):
            job_id = house.succeed(server.url(), include_text=True)
            if kept:
                await house.store.put(stored.key(job_id, stored.RESULT), stored.TRANSCRIPT.dump_json(HELLO))
            await house.send_all(job_id)
    assert [message(exchange)["data"]["text"] for exchange in server.exchanges] == [HELLO.text, None]
    assert all(is_signed(exchange, house.secret) for exchange in server.exchanges)


def ends(house: House) -> dict[JobEvent, Callable[[str], object]]:
    def fail(job_id: str) -> None:
        work = house.jobs.claim()
        assert work is not None
        house.jobs.fail(job_id, work.fence, "unsupported_format", "This is no recording.")

    def expire(job_id: str) -> None:
        house.books.clock.turn(30 * 24 * 3600)
        house.jobs.overdue()

    return {
        JobEvent.FAILED: fail,
        JobEvent.CANCELLED: lambda job_id: house.jobs.cancel(house.key, job_id),
        JobEvent.EXPIRED: expire,
    }


@pytest.mark.parametrize("event", [JobEvent.FAILED, JobEvent.CANCELLED, JobEvent.EXPIRED])
async def test_every_end_is_announced(house: House, event: JobEvent) -> None:
    with serving(TAKEN) as server:
        job_id = house.queue(server.url(), metadata={"n": 1})
        assert await house.send_due() == 0
        ends(house)[event](job_id)
        assert await house.send_due() == 1
    sent = message(server.exchanges[0])
    assert (sent["type"], sent["data"]["status"]) == (event, event.removeprefix("job."))
    assert sent["data"]["metadata"] == {"n": 1} and sent["data"]["links"]["result"] is None
    assert (sent["data"]["error"] or {}).get("code") == ("unsupported_format" if event is JobEvent.FAILED else None)


async def test_nothing_is_sent_about_a_job_that_was_erased(house: House) -> None:
    with serving(FAILING) as server:
        running, ended = house.queue(server.url()), house.queue(server.url())
        work = house.jobs.claim()
        assert work is not None
        house.jobs.cancel(house.key, ended)
        assert await house.send_due() == 1
        for job_id in (running, ended):
            house.jobs.erase(house.key, job_id)
            with pytest.raises(NotFound):
                house.webhooks.deliveries(house.key, job_id)
        house.books.clock.turn(400_000)
        assert await house.send_due() == 0


async def test_messages_are_forgotten_with_their_job_but_not_before_they_were_sent(house: House) -> None:
    with serving(FAILING) as server:
        job_id = house.queue(server.url())
        ends(house)[JobEvent.EXPIRED](job_id)
        house.jobs.erased(job_id)
        await house.send_due()
        house.books.clock.turn(26 * 3600)
        house.jobs.overdue()
        assert house.delivery(job_id).status is DeliveryStatus.PENDING
        await house.send_all(job_id)
        house.jobs.overdue()
        with pytest.raises(NotFound):
            house.webhooks.deliveries(house.key, job_id)


async def test_a_message_is_sent_again_when_that_is_asked_for_but_not_all_the_time(house: House) -> None:
    with serving(TAKEN, FAILING, TAKEN) as server:
        job_id = house.succeed(server.url())
        first = await house.send_all(job_id)
        with pytest.raises(TooManyRequests):
            house.webhooks.redeliver(house.key, job_id, first.id)
        house.books.clock.turn(10)
        again = house.webhooks.redeliver(house.key, job_id, first.id)
        assert house.webhooks.redeliver(house.key, job_id, first.id) == again
        assert (again.status, again.next_attempt_at) == (DeliveryStatus.PENDING, NOON + 10)
        last = await house.send_all(job_id)
    assert [at - NOON for at in house.sent_at] == [0, 10, 15]
    assert [one.status for one in last.attempts] == [204, 500, 204]
    assert {exchange.headers["webhook-id"] for exchange in server.exchanges} == {first.id}


def test_strangers_neither_see_nor_repeat_a_delivery(house: House) -> None:
    job_id, other = house.succeed("https://example.com/"), house.queue("https://example.com/")
    stranger, delivery = house.books.account(credits=1), house.delivery(job_id)
    for key, job in ((stranger, job_id), (None, job_id), (house.key, other)):
        with pytest.raises(NotFound):
            house.webhooks.redeliver(key, job, delivery.id)
    assert house.webhooks.webhook_secret(stranger).secret != house.secret


async def test_a_running_deliverer_sends_what_is_due_and_drains(house: House) -> None:
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def taken(exchange: Exchange) -> bytes | None:
        loop.call_soon_threadsafe(reached.set)
        return response(status=204)

    reply: Reply = taken
    with serving(reply) as server:
        job_id = house.succeed(server.url())
        deliverer = house.deliverer()
        running = asyncio.create_task(deliverer.run())
        await reached.wait()
        deliverer.drain()
        await running
    assert house.delivery(job_id).status is DeliveryStatus.DELIVERED

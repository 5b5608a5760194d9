"""Many at once, in threads and processes of their own, on each kind of database."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stt_ai.accounts import PlanName, StoredResponse
from stt_ai.billing.database import Database
from stt_ai.billing.messages import packed
from stt_ai.errors import PaymentRequired, StillRunning, TooManyRequests
from tests.support.billing import DATABASES, Books, new_database
from tests.support.long_tests import long


async def test_200_concurrent_requests_with_credits_for_50_are_served_50_times(books: Books) -> None:
    books.configure(paid={"max_concurrency": 200})
    key, client, lowest = books.account(credits=50), books.client, [50]

    async def request(number: int) -> bool:
        try:
            permit = await client.admit(key, "192.0.2.1", "transcription", f"r{number}")  # type: ignore[arg-type]
            try:
                left = await client.reserve(permit.lease, 30)
                assert left is not None
                lowest.append(left.remaining)
                await client.settle(permit.lease, 30)
            finally:
                await client.release(permit.lease)
        except PaymentRequired:
            return False
        return True

    served = await asyncio.gather(*(request(number) for number in range(200)))
    assert sum(served) == 50
    assert min(lowest) == 0
    assert books.left(key) == (0, 0)
    assert books.service.account(key).running == 0
    assert books.operators.reconcile() == ()


SPENDER = """
import sys
from stt_ai.billing.database import Database
from stt_ai.errors import PaymentRequired, TooManyRequests
from tests.support.billing import DATABASES, Books, new_database
books, served = Books(Database(sys.argv[1]), paid={"max_concurrency": 5}), 0
for _ in range(40):
    try:
        books.serve(sys.argv[2])
        served += 1
    except (PaymentRequired, TooManyRequests):
        pass
print(served)
"""


@long
def test_several_processes_on_one_database_serve_what_is_paid_and_no_more(books: Books, database_url: str) -> None:
    key = books.account(credits=50)
    command = [sys.executable, "-W", "ignore", "-c", SPENDER, database_url, key]
    root = Path(__file__).parents[2]
    spenders = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    served = [int(process.communicate(timeout=120)[0]) for process in spenders]
    assert sum(served) == 50
    assert books.left(key) == (0, 0)
    assert books.operators.reconcile() == ()


@pytest.mark.parametrize("plan", list(PlanName))
def test_no_more_slots_are_given_than_the_plan_has_however_many_ask_at_the_same_moment(
    books: Books, plan: PlanName
) -> None:
    key = None if plan is PlanName.ANONYMOUS else books.account(credits=100 if plan is PlanName.PAID else 0)
    together = threading.Barrier(16)

    def ask(number: int) -> bool:
        together.wait(30)
        try:
            books.admit(key)
        except TooManyRequests:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        admitted = sum(threads.map(ask, range(16)))
    assert admitted == books.service.config.limits(plan).max_concurrency


def test_one_of_many_with_the_same_idempotency_key_works_and_the_others_wait(books: Books) -> None:
    key = books.account(credits=10)
    books.configure(paid={"max_concurrency": 8})
    leases = [books.admit(key, idempotency_key="order").lease for _ in range(8)]
    together = threading.Barrier(8)

    def claim(lease: str) -> bool:
        together.wait(30)
        try:
            return books.service.claim(lease, "order", "body") is None
        except StillRunning:
            return False

    with ThreadPoolExecutor(8) as threads:
        working = [lease for lease, won in zip(leases, threads.map(claim, leases), strict=True) if won]
    assert len(working) == 1
    books.service.settle(working[0], 30, packed(StoredResponse(200, (), b"{}")))
    assert books.left(key) == (9, 0)


def test_the_first_requests_of_an_address_make_one_caller(books: Books) -> None:
    together = threading.Barrier(8)

    def sign_up(number: int) -> None:
        together.wait(30)
        books.service.sign_up("192.0.2.9", "Ada", f"acc_{number}", f"key_{number}", f"stt_live_{number:036}")

    books.configure(sign_ups_per_day=8)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(sign_up, range(8)))
    with pytest.raises(TooManyRequests):
        books.service.sign_up("192.0.2.9", "Ada", "acc_9", "key_9", f"stt_live_{9:036}")


@pytest.mark.parametrize("kind", DATABASES)
def test_several_replicas_may_start_on_an_empty_database_at_once(kind: str, tmp_path: Path) -> None:
    url = new_database(kind, tmp_path)
    databases = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda database: database.migrate(), databases))
    assert {database.version() for database in databases} == {"0006"}
    for database in databases:
        database.close()

"""The queue under jobs: each row has one worker, a worker that was given up commits nothing, owners take turns."""

import itertools
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from stt_ai.billing.database import Database
from stt_ai.errors import LeaseExpired
from stt_ai.jobs.queue import Queue, WorkState
from stt_ai.jobs.tables import Job

LEASE_S = 30.0
NOW = 1_000_000.0


@pytest.fixture
def queue() -> Queue[Job]:
    return Queue(Job)


def add(database: Database, queue: Queue[Job], owner: str, count: int, at: float = NOW) -> None:
    with database.transaction() as session:
        for number in range(count):
            row = Job(id=f"{owner}-{number:04}", owner=owner, created_at=at + number, request_id="r")
            row.retention_s, row.expires_at = 60.0, NOW + 60
            queue.add(session, row)


def claim(database: Database, queue: Queue[Job], now: float = NOW, passed_over: str = "") -> Job | None:
    with database.transaction() as session:
        return queue.claim(session, now, LEASE_S, lambda owner: owner != passed_over)


def test_the_oldest_comes_first_and_each_once(database: Database, queue: Queue[Job]) -> None:
    add(database, queue, "ada", 2)
    found = [claim(database, queue) for _ in range(3)]
    assert [row.id if row else None for row in found] == ["ada-0000", "ada-0001", None]


def test_two_claimers_share_the_work_and_never_a_row(database_url: str, database: Database, queue: Queue[Job]) -> None:
    owners = ["ada", "bob", "cleo", "dan", "eve"]
    for owner in owners:
        add(database, queue, owner, 12)
    other = Database(database_url)
    claimed: list[str] = []
    lock = threading.Lock()

    ticks = itertools.count()

    def work(mine: Database) -> None:
        for _ in range(30):
            now = NOW + next(ticks) / 10
            row = claim(mine, queue, now)
            while row is None:  # the other claimer held the only lanes that had work left
                row = claim(mine, queue, now)
            with lock:
                claimed.append(row.id)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work, database), pool.submit(work, other)]:
            done.result()
    other.close()
    assert len(claimed) == len(set(claimed)) == 60
    assert all(10 >= count >= 2 for count in Counter(name.split("-")[0] for name in claimed[:30]).values())


def test_owners_take_turns_however_much_one_has_queued(database: Database, queue: Queue[Job]) -> None:
    add(database, queue, "ada", 50)
    add(database, queue, "bob", 3, at=NOW + 100)
    claimed = [claim(database, queue, NOW + 200 + number) for number in range(6)]
    assert Counter(row.owner for row in claimed if row) == {"ada": 3, "bob": 3}


def test_an_owner_who_may_not_run_more_holds_up_nobody(database: Database, queue: Queue[Job]) -> None:
    add(database, queue, "ada", 2)
    add(database, queue, "bob", 1)
    row = claim(database, queue, passed_over="ada")
    assert row is not None
    assert row.owner == "bob"
    assert claim(database, queue, passed_over="ada") is None


def test_what_nobody_renews_is_claimed_again_and_the_first_worker_commits_nothing(
    database: Database, queue: Queue[Job]
) -> None:
    add(database, queue, "ada", 1)
    first = claim(database, queue)
    assert first is not None
    assert claim(database, queue, NOW + LEASE_S - 1) is None
    second = claim(database, queue, NOW + LEASE_S)
    assert second is not None
    assert (second.id, second.attempt, second.fence > first.fence) == (first.id, 2, True)
    with pytest.raises(LeaseExpired), database.transaction() as session:
        queue.held(session, first.id, first.fence)
    with database.transaction() as session:
        queue.end(session, queue.held(session, second.id, second.fence), WorkState.SUCCEEDED, NOW)
    assert claim(database, queue, NOW + 10 * LEASE_S) is None


def test_a_renewed_lease_keeps_others_away(database: Database, queue: Queue[Job]) -> None:
    add(database, queue, "ada", 1)
    row = claim(database, queue)
    assert row is not None
    with database.transaction() as session:
        queue.renew(session, queue.held(session, row.id, row.fence), NOW + 20, LEASE_S, progressed=True)
    assert claim(database, queue, NOW + LEASE_S) is None
    again = claim(database, queue, NOW + 20 + LEASE_S)
    assert again is not None
    assert (again.attempt, again.lost) == (2, 1)


def test_what_is_put_back_waits_for_its_time(database: Database, queue: Queue[Job]) -> None:
    add(database, queue, "ada", 1)
    row = claim(database, queue)
    assert row is not None
    with database.transaction() as session:
        queue.retry(session, queue.held(session, row.id, row.fence), NOW + 5)
    assert claim(database, queue, NOW + 4) is None
    assert claim(database, queue, NOW + 5) is not None


def test_ended_work_is_never_claimed_and_a_row_is_added_once(database: Database, queue: Queue[Job]) -> None:
    add(database, queue, "ada", 1)
    with database.transaction() as session:
        row = queue.find(session, "ada-0000")
        assert row is not None
        queue.end(session, row, WorkState.CANCELLED, NOW)
    add(database, queue, "ada", 1)
    assert claim(database, queue) is None

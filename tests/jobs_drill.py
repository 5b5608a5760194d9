"""Queues jobs of several accounts and has two claimers drain them: each is done once, shares are fair, books agree.

    python -m tests.jobs_drill --jobs 1000 --accounts 5

PostgreSQL is tried too where the tests find one. Exit code 1: something is not as it should be.
"""

import argparse
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stt_ai.accounts import WorkKind
from stt_ai.billing.database import Database
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.messages import NewJob
from stt_ai.jobs.service import JobService
from tests.support.billing import Books, new_database

SECONDS = 5.0
CREDITS = 1
"""What a job of so many seconds costs."""
PAUSE_S = 0.002
SKEW = 0.1
"""How far an account's share may be from an even one, at any quarter of the way."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of the jobs. ``order``: the account of each in the order of their ends."""

    order: Sequence[int]
    distinct: int
    left: Sequence[tuple[int, int]]
    reconciled: bool
    seconds: float

    def faults(self, jobs: int, accounts: int) -> list[str]:
        found = [] if len(self.order) == self.distinct == jobs else [f"{len(self.order)} ends, {self.distinct} jobs"]
        for quarter in (1, 2, 3):
            shares = Counter(self.order[: jobs * quarter // 4])
            even = jobs * quarter / 4 / accounts
            if any(abs(shares[account] - even) > SKEW * even for account in range(accounts)):
                found.append(f"after {quarter}/4: {dict(shares)}, not {even:g} each")
        if set(self.left) != {(jobs - CREDITS * jobs // accounts, 0)}:
            found.append(f"credits left and held: {self.left}")
        return found if self.reconciled else [*found, "the ledger does not agree"]


def drain(url: str, jobs: int, accounts: int) -> Drained:
    """Queue the jobs, account by account, and work them off with two claimers."""
    database = Database(url)
    database.migrate()
    books, service = _open(database)
    keys = [books.account(credits=jobs) for _ in range(accounts)]
    owners: dict[str, int] = {}
    for account, key in enumerate(keys):
        for _ in range(jobs // accounts):
            lease = books.admit(key, kind=WorkKind.SUBMISSION).lease
            job = service.create(lease, NewJob(f"job_{uuid.uuid4().hex}", "r", "a", "{}", "{}"))
            owners[job.id] = account
            books.service.settle(lease, 0)
    done: list[str] = []
    begun = time.monotonic()
    claimers = [threading.Thread(target=_claim_all, args=(url, jobs, done)) for _ in range(2)]
    for claimer in claimers:
        claimer.start()
    for claimer in claimers:
        claimer.join()
    seconds = time.monotonic() - begun
    left = [books.left(key) for key in keys]
    reconciled = books.operators.reconcile() == ()
    database.close()
    return Drained([owners[job] for job in done], len(set(done)), left, reconciled, seconds)


def _claim_all(url: str, jobs: int, done: list[str]) -> None:
    database = Database(url)
    _, service = _open(database)
    while len(done) < jobs:
        job = service.claim()
        if job is None:
            time.sleep(PAUSE_S)
            continue
        service.reserve(job.id, job.fence, SECONDS)
        service.succeed(job.id, job.fence, SECONDS, "m")
        done.append(job.id)
    database.close()


def _open(database: Database) -> tuple[Books, JobService]:
    books = Books(database)
    books.service.clock = time.time
    return books, JobService(books.service, JobsConfig())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000, help="of all accounts, a multiple of four and of these")
    parser.add_argument("--accounts", type=int, default=5)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    chosen = parser.parse_args()
    failed = False
    for kind in chosen.databases:
        with tempfile.TemporaryDirectory() as folder:
            found = drain(new_database(kind, Path(folder)), chosen.jobs, chosen.accounts)
        faults = found.faults(chosen.jobs, chosen.accounts)
        print(f"{kind}: {found.distinct} jobs in {found.seconds:.1f} s; {'; '.join(faults) or 'as it should be'}")
        failed |= bool(faults)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

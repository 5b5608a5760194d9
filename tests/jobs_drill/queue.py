"""Jobs of several accounts, worked off by runners in two processes: each is done once, shares are fair, books agree.

Queue, ledger, store and runners are the service's own; what transcribes answers at once, so that nothing waits for
anything but the queue. PostgreSQL is tried where the tests find one.
"""

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from stt_ai.accounts import WorkKind
from stt_ai.billing.database import Database
from stt_ai.jobs import stored
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.messages import NewJob
from stt_ai.jobs.queue import PENDING
from stt_ai.jobs.runner import Runner
from stt_ai.jobs.service import JobService
from stt_ai.jobs.tables import Job
from stt_ai.ports import OnDuration
from stt_ai.storage.folder import FolderStore
from stt_ai.types import Transcript, TranscriptionRequest, Upload
from tests.support.billing import Books, new_database

WORKERS = 2
SECONDS = 5.0
CREDITS = 1
"""What a job of so many seconds costs."""
POLL_S = 0.01
SKEW = 0.1
"""How far an account's share may be from an even one, at any quarter of the way."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of the jobs. ``order``: the account of each in the order of their ends. ``worked_on``: the jobs that
    each worker transcribed. ``left``: credits of each account, and those still reserved.
    """

    order: Sequence[int]
    worked_on: Sequence[Sequence[str]]
    left: Sequence[tuple[int, int]]
    reconciled: bool
    seconds: float

    def faults(self, jobs: int, accounts: int) -> list[str]:
        done = [job for worker in self.worked_on for job in worker]
        found = [] if len(self.order) == len(done) == len(set(done)) == jobs else [f"{len(self.order)}, {len(done)}"]
        found += [f"worker {number} did nothing" for number, worker in enumerate(self.worked_on) if not worker]
        for quarter in (1, 2, 3):
            shares = Counter(self.order[: jobs * quarter // 4])
            even = jobs * quarter / 4 / accounts
            if any(abs(shares[account] - even) > SKEW * even for account in range(accounts)):
                found.append(f"after {quarter}/4: {dict(shares)}, not {even:g} each")
        if set(self.left) != {(jobs - CREDITS * jobs // accounts, 0)}:
            found.append(f"credits left and held: {self.left}")
        return found if self.reconciled else [*found, "the ledger does not agree"]


class Instant:
    """Transcribes at once, and writes down which jobs, in lines of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    async def transcribe(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        on_duration: OnDuration | None = None,
        on_text: object = None,
        checkpoint: object = None,
    ) -> Transcript:
        assert on_duration is not None
        await on_duration(SECONDS)
        with self._path.open("a") as file:
            file.write(f"{upload.filename}\n")
        return Transcript((), "en", 1.0, SECONDS, "m")


def drain(url: str, folder: Path, jobs: int, accounts: int) -> Drained:
    """Queue the jobs, account by account, and have the workers work them off."""
    database = Database(url)
    database.migrate()
    books, service = _open(database)
    keys = [books.account(credits=jobs) for _ in range(accounts)]
    store = FolderStore(folder / "store")
    for number, key in enumerate(keys):
        for _ in range(jobs // accounts):
            asyncio.run(_queue(books, service, store, key, str(number)))
    context = multiprocessing.get_context("spawn")
    enough = context.Event()
    paths = [folder / f"worker{number}" for number in range(WORKERS)]
    workers = [context.Process(target=_work, args=(url, folder / "store", path, enough)) for path in paths]
    begun = time.monotonic()
    for worker in workers:
        worker.start()
    try:
        while _pending(database) and all(worker.is_alive() for worker in workers):
            time.sleep(0.1)
        seconds = time.monotonic() - begun
    finally:
        enough.set()
        for worker in workers:
            worker.join()
    with database.reading() as session:
        ends = session.exec(select(Job.title).where(Job.state == "succeeded").order_by(col(Job.ended_at))).all()
    left = [books.left(key) for key in keys]
    reconciled = books.operators.reconcile() == ()
    database.close()
    worked_on = [path.read_text().splitlines() for path in paths]
    return Drained([int(title) for title in ends], worked_on, left, reconciled, seconds)


async def _queue(books: Books, service: JobService, store: FolderStore, key: str, title: str) -> None:
    job_id = f"{stored.PREFIX}{uuid.uuid4().hex}"
    await store.put(stored.key(job_id, stored.AUDIO), b"sound")
    lease = books.admit(key, kind=WorkKind.SUBMISSION).lease
    source = json.dumps({"filename": job_id, "url": "", "headers": {}, "max_bytes": 1000})
    options = stored.REQUEST.dump_json(TranscriptionRequest("m")).decode()
    service.create(lease, NewJob(job_id, "r", title, options, source))
    books.service.settle(lease, 0)


def _pending(database: Database) -> bool:
    with database.reading() as session:
        return session.exec(select(Job.id).where(col(Job.state).in_(PENDING)).limit(1)).first() is not None


def _work(url: str, store: Path, record: Path, enough: Event) -> None:
    asyncio.run(_run_worker(url, store, record, enough))


async def _run_worker(url: str, store: Path, record: Path, enough: Event) -> None:
    database = Database(url)
    _, service = _open(database)

    async def carry(operation: str, *arguments: Any) -> Any:
        return await asyncio.to_thread(getattr(service, operation), *arguments)

    folder = record.with_suffix(".files")
    runner = Runner(JobsClient(carry), FolderStore(store), Instant(record), folder, poll_s=POLL_S)
    running = asyncio.create_task(runner.run())
    await asyncio.to_thread(enough.wait)
    runner.drain()
    await running
    database.close()


def _open(database: Database) -> tuple[Books, JobService]:
    books = Books(database)
    books.service.clock = time.time
    return books, JobService(books.service, JobsConfig())


def run(chosen: argparse.Namespace) -> bool:
    """Return whether something is not as it should be."""
    failed = False
    for kind in chosen.databases:
        with tempfile.TemporaryDirectory() as folder:
            found = drain(new_database(kind, Path(folder)), Path(folder), chosen.jobs, chosen.accounts)
        faults = found.faults(chosen.jobs, chosen.accounts)
        shares = " and ".join(str(len(worker)) for worker in found.worked_on)
        print(f"{kind}: {shares} jobs in {found.seconds:.1f} s; {'; '.join(faults) or 'as it should be'}", flush=True)
        failed |= bool(faults)
    return failed


def add_parser(drills: Any) -> None:
    """Add this drill to the command line."""
    parser = drills.add_parser("queue", help="two processes work off the jobs of several accounts", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="of all accounts, a multiple of four and of these")
    parser.add_argument("--accounts", type=int, default=5)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], help="PostgreSQL is the tests' own")
    parser.set_defaults(run=run)

"""What is kept of jobs is there as long as it is needed, and gone afterwards, wherever a sweep or a DELETE died."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from stt_ai.accounts import WorkKind
from stt_ai.jobs import stored
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.corrections import Correction, change
from stt_ai.jobs.messages import ClaimedJob, NewJob
from stt_ai.jobs.queue import PENDING
from stt_ai.jobs.runner import ORPHANED_S, Runner
from stt_ai.jobs.service import JobService
from stt_ai.jobs.tables import Job
from stt_ai.storage.folder import FolderStore
from tests.support.billing import Books

HOUR_S = 3600.0
CONFIG = JobsConfig(retention_hours=2, expired_kept_hours=1)
WINDOW = f"{stored.WINDOWS}/000000-0.json"


class Died(Exception):
    """Stands for the death of the process."""


class Mortal:
    """A store or a client whose user dies before the call that ``life`` runs out at."""

    def __init__(self, within: Any, life: "Life") -> None:
        self._within = within
        self._life = life

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any) -> Any:
            self._life.step()
            return await getattr(self._within, name)(*arguments)

        return call


class Life:
    """``calls`` more are made; None: as many as one likes."""

    def __init__(self, calls: int | None = None) -> None:
        self.calls = calls

    def step(self) -> None:
        if self.calls is not None:
            if not self.calls:
                raise Died
            self.calls -= 1


class House:
    """One account's jobs, their store, and what of them must be there."""

    def __init__(self, books: Books, folder: Path) -> None:
        self.books = books
        self.service = JobService(books.service, CONFIG)
        self.folder = folder
        self.store = FolderStore(folder / "store")
        self.key = books.account(credits=10_000)
        self.running: list[ClaimedJob] = []
        self.lease_until = 0.0
        """Of the last of these: its worker knows by then that it is lost."""
        self.turned = 0.0

        async def carry(operation: str, *arguments: Any) -> Any:
            return getattr(self.service, operation)(*arguments)

        self.client = JobsClient(carry)

    def runner(self, life: Life) -> Runner:
        transcription: Any = None
        jobs: Any = Mortal(self.client, life)
        store: Any = Mortal(self.store, life)
        clock = lambda: time.time() + self.turned  # noqa: E731
        return Runner(jobs, store, transcription, self.folder / "work", clock=clock)

    def turn(self, seconds: float) -> None:
        self.books.clock.turn(seconds)
        self.turned += seconds

    async def put(self, job_id: str, name: str) -> None:
        await self.store.put(stored.key(job_id, name), b"secret")

    async def queue(self, keep_audio: bool) -> str:
        """As the API does, the recording first."""
        job_id = stored.PREFIX + uuid.uuid4().hex
        await self.put(job_id, stored.AUDIO)
        lease = self.books.admit(self.key, kind=WorkKind.SUBMISSION).lease
        self.service.create(lease, NewJob(job_id, "r", "t", "{}", json.dumps({}), keep_audio=keep_audio))
        self.books.service.settle(lease, 0)
        return job_id

    async def begin(self) -> None:
        """Claim a job and save a window of it."""
        if (job := self.service.claim()) is not None:
            self.running.append(job)
            self.lease_until = self.books.clock() + CONFIG.lease_s
            await self.put(job.id, WINDOW)

    async def write_late(self) -> None:
        """A worker that does not know that its job ended saves another window."""
        if self.running and self.books.clock() < self.lease_until:
            await self.put(self.running[-1].id, WINDOW)

    async def succeed(self, life: Life) -> None:
        """As the runner does, the result first."""
        if self.running and self._holds(job := self.running.pop()):
            await self.put(job.id, stored.RESULT)
            self.service.reserve(job.id, job.fence, 5)
            self.service.succeed(job.id, job.fence, 5, "m")
            await self.runner(life)._clear(job.id, job.keep_audio)

    async def fail(self, life: Life) -> None:
        if self.running and self._holds(job := self.running.pop()):
            self.service.fail(job.id, job.fence, "damaged_media", "It is damaged.")
            await self.runner(life)._clear(job.id, job.keep_audio)

    async def erase(self, life: Life) -> None:
        """As DELETE does."""
        if rows := [row for row in self.rows() if row.owner]:
            self.service.erase(self.key, rows[0].id)
            life.step()
            await self.store.delete_group(rows[0].id)

    async def correct(self, life: Life) -> None:
        """As PATCH does, for a job that may be erased or expire meanwhile."""
        if done := [row for row in self.rows() if row.owner and row.state == "succeeded"]:
            jobs: Any = Mortal(self.client, life)
            store: Any = Mortal(self.store, life)
            text = Correction(uuid.uuid4().hex)
            await change(jobs, store, self.key, self.service.get(self.key, done[0].id), lambda before: {0: text})

    def rows(self) -> list[Job]:
        with self.service.database.reading() as session:
            return list(session.exec(select(Job).order_by(Job.id)).all())

    async def names(self, job_id: str) -> set[str]:
        return {found.name for found in await self.store.objects(job_id)}

    async def missing(self) -> list[str]:
        """Return what live jobs lack."""
        found: list[str] = []
        for row in self.rows():
            wanted = set()
            if row.owner and row.state in PENDING:
                wanted = {stored.AUDIO} | ({WINDOW} if row.attempt else set())
            elif row.owner and row.state == "succeeded":
                wanted = {stored.RESULT} | ({stored.AUDIO} if row.keep_audio else set())
                wanted |= {row.corrections} if row.corrections else set()
            found += [f"{row.state}: {name}" for name in wanted - await self.names(row.id)]
        return found

    def _holds(self, job: ClaimedJob) -> bool:
        return any(row.id == job.id and row.fence == job.fence and row.state in PENDING for row in self.rows())


@pytest.fixture
def house(books: Books, tmp_path: Path) -> Iterator[House]:
    yield House(books, tmp_path)


LIVES = st.one_of(st.none(), st.integers(0, 6))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("queue"), st.booleans()),
        st.tuples(st.just("begin")),
        st.tuples(st.just("write_late")),
        st.tuples(st.just("succeed"), LIVES),
        st.tuples(st.just("fail"), LIVES),
        st.tuples(st.just("erase"), LIVES),
        st.tuples(st.just("correct"), LIVES),
        st.tuples(st.just("sweep"), LIVES),
        st.tuples(st.just("turn"), st.sampled_from([10.0, 31.0, HOUR_S, 2 * HOUR_S + 1])),
        st.tuples(st.just("orphan")),
    ),
    max_size=25,
)


async def _step(house: House, name: str, *arguments: Any) -> None:
    if name == "turn":
        house.turn(*arguments)
    elif name == "orphan":  # the process died between storing a recording and queueing it
        await house.put(stored.PREFIX + uuid.uuid4().hex, stored.AUDIO)
    elif name == "sweep":
        await house.runner(Life(*arguments)).sweep()
    elif name in ("succeed", "fail", "erase", "correct"):
        await getattr(house, name)(Life(*arguments))
    else:
        await getattr(house, name)(*arguments)


# On one kind of database: the orders are many, and what each statement does on the other kind is proved below.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@given(steps=STEPS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_of_deeds_and_deaths_takes_what_is_needed_or_leaves_what_is_over(
    house: House, steps: list[tuple[Any, ...]]
) -> None:
    async def live() -> None:
        for step in steps:
            with contextlib.suppress(Died):
                await _step(house, *step)
            assert await house.missing() == [], step
        house.running.clear()
        for _ in range(6):  # the last of them after the time that a job is called expired
            house.turn(2 * HOUR_S + 1)
            await house.runner(Life()).sweep()
        assert await house.store.groups() == ()
        assert house.rows() == []

    asyncio.run(live())


@pytest.mark.parametrize("calls", range(8))
async def test_what_is_over_is_gone_also_after_a_sweep_that_died_anywhere(house: House, calls: int) -> None:
    done, erased = await house.queue(True), await house.queue(False)
    await house.begin()
    await house.succeed(Life())
    house.service.erase(house.key, erased)  # and the API died before it deleted the files
    house.turn(2 * HOUR_S + 1)
    with contextlib.suppress(Died):
        await house.runner(Life(calls)).sweep()
    await house.runner(Life()).sweep()
    assert await house.names(done) == await house.names(erased) == set()
    assert {row.id: (row.state, row.title, row.retention_s) for row in house.rows()} == {done: ("expired", "", 0)}


async def test_an_erased_job_leaves_nothing_though_its_worker_does_not_know(house: House) -> None:
    job = await house.queue(False)
    await house.begin()
    await house.erase(Life())
    assert await house.names(job) == set()
    await house.write_late()
    await house.runner(Life()).sweep()
    await house.write_late()
    assert await house.names(job)
    house.turn(CONFIG.lease_s)
    await house.runner(Life()).sweep()
    assert await house.names(job) == set()
    assert house.rows() == []


async def test_a_job_that_runs_out_while_it_is_worked_on_is_over_at_once(house: House) -> None:
    job = await house.queue(False)
    house.turn(2 * HOUR_S + 1)
    await house.begin()
    await house.runner(Life()).sweep()
    assert [(row.state, row.expires_at <= house.books.clock()) for row in house.rows()] == [("expired", True)]
    house.turn(CONFIG.lease_s)
    await house.runner(Life()).sweep()
    assert await house.names(job) == set()


async def test_an_orphan_is_erased_when_it_is_older_than_queueing_takes(house: House) -> None:
    orphan, other = stored.PREFIX + "0", "other"
    await house.put(orphan, stored.AUDIO)
    await house.put(other, "object")
    await house.runner(Life()).sweep()
    assert await house.names(orphan)
    house.turn(ORPHANED_S + 10)
    await house.runner(Life()).sweep()
    assert await house.names(orphan) == set()
    assert await house.names(other)

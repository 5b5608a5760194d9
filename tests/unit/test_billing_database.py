"""Tables, migrations and what the database itself refuses, on each kind of it."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from shutil import which
from types import SimpleNamespace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, SQLModel

from stt_ai.accounts import WorkKind
from stt_ai.billing import tables
from stt_ai.billing.database import Database
from stt_ai.environment import database_url
from stt_ai.errors import InternalError, Unavailable
from stt_ai.jobs.tables import Job
from tests.support.billing import Books, new_database


def test_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    assert tables.Caller.metadata is Job.metadata is SQLModel.metadata
    with database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrating_again_changes_nothing_and_keeps_what_is_there(books: Books) -> None:
    key = books.account(credits=5)
    books.database.migrate()
    assert books.left(key) == (5, 0)


@pytest.mark.parametrize("statement", ["UPDATE ledger_entry SET amount = 9", "DELETE FROM ledger_entry"])
def test_the_database_refuses_to_change_what_stands_in_the_ledger(books: Books, statement: str) -> None:
    books.account(credits=5)
    with pytest.raises(DBAPIError, match="append-only"), books.database.transaction() as session:
        session.connection().exec_driver_sql(statement)


def test_the_database_refuses_a_second_entry_of_one_request_and_kind(books: Books) -> None:
    key = books.account(credits=5)
    books.serve(key)
    again = (
        "INSERT INTO ledger_entry (caller_id, meter, period, request, kind, step, amount, held, created_at) "
        "SELECT caller_id, meter, period, request, kind, step, amount, held, created_at "
        "FROM ledger_entry WHERE kind = 'settle'"
    )
    with pytest.raises(IntegrityError), books.database.transaction() as session:
        session.connection().exec_driver_sql(again)


CHARGE_AND_DIE = """
import os, sys
from stt_ai.billing.database import Database
from stt_ai.environment import database_url
from tests.support.billing import Books
books = Books(Database(sys.argv[1]))
books.serve(sys.argv[2], seconds=61)
with books.database.transaction() as session:
    session.connection().exec_driver_sql("UPDATE balance SET amount = 0")
    os.kill(os.getpid(), 9)
"""


def test_what_was_charged_survives_a_killed_process_and_what_was_not_committed_does_not(
    books: Books, database_url: str
) -> None:
    key = books.account(credits=5)
    command = [sys.executable, "-W", "ignore", "-c", CHARGE_AND_DIE, database_url, key]
    assert subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode == -9
    assert books.left(key) == (3, 0)
    assert books.operators.reconcile() == ()


FILL_THE_DISK = """
import asyncio, sys
from pathlib import Path
from stt_ai.billing.database import Database
from stt_ai.environment import database_url
from stt_ai.errors import Unavailable
from tests.support.billing import Books
database = Database(f"sqlite:///{sys.argv[1]}/billing.db")
database.migrate()
books = Books(database)
key = books.account(credits=50)
lease = books.admit(key).lease
filler = Path(sys.argv[1]) / "filler"
with filler.open("wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
for step in ("reserve", "settle"):
    try:
        asyncio.run(books.worker.run(step, lease, 600.0))
        raise SystemExit(f"{step} had room")
    except Unavailable:
        pass
filler.unlink()
for step in ("reserve", "settle", "settle"):
    asyncio.run(books.worker.run(step, lease, 600.0))
assert books.left(key) == (40, 0) and books.operators.reconcile() == ()
"""


def test_a_full_disk_refuses_and_charges_once_when_there_is_room_again(tmp_path: Path) -> None:
    """On a small disk of the test's own, where this user may have one."""
    own = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=16m books "$1" && shift && exec "$@"', "sh"]
    if not which("unshare") or subprocess.run([*own, tmp_path, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system of its own")
    command = [*own, tmp_path, sys.executable, "-W", "ignore", "-c", FILL_THE_DISK, tmp_path]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr


def test_the_sqlite_file_is_for_its_owner_only_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "billing.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with database.transaction() as session:
        connection = session.connection()
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert modes == {"billing.db": 0o600, "billing.db-wal": 0o600, "billing.db-shm": 0o600}
    database.close()


def test_a_new_file_that_another_process_writes_first_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / "billing.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: other.rollback())
    monkeypatch.setattr("stt_ai.billing.database.time", clock)
    database = Database(f"sqlite:///{tmp_path / 'billing.db'}")
    database.migrate()
    database.close()
    other.close()


@pytest.mark.parametrize("durable", [True, False])
def test_what_must_stay_waits_for_the_disk_and_an_admission_does_not(database: Database, durable: bool) -> None:
    for _ in range(2):  # the same connection serves both
        with database.transaction(durable=not durable):
            pass
        with database.transaction(durable=durable) as session:
            asked = "PRAGMA synchronous" if database.is_sqlite else "SHOW synchronous_commit"
            found = session.connection().exec_driver_sql(asked).scalar()
        assert found == ((2 if durable else 1) if database.is_sqlite else ("on" if durable else "off"))


def test_a_settlement_is_durable_and_what_leads_to_it_is_quick(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[bool] = []
    original = books.database.transaction

    def watched(*, durable: bool = True) -> AbstractContextManager[Session]:
        waited.append(durable)
        return original(durable=durable)

    key = books.account(credits=5)
    books.admit()  # makes the secret, once
    monkeypatch.setattr(books.database, "transaction", watched)
    lease = books.admit(key).lease
    books.service.renew(lease)
    books.service.reserve(lease, 30)
    books.service.settle(lease, 30)
    books.service.create_key(key, "key_9", "stt_live_" + "9" * 36, "x")
    books.service.revoke_key(key, "key_9")
    assert waited == [False, False, False, True, True, True]


def test_the_default_database_is_a_file_that_survives_restarts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STT_AI_DATABASE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert database_url() == f"sqlite:///{tmp_path}/stt_ai/billing.db"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert database_url() == f"sqlite:///{tmp_path}/.local/share/stt_ai/billing.db"
    monkeypatch.setenv("STT_AI_DATABASE_URL", "postgresql://db/stt")
    assert database_url() == "postgresql://db/stt"


async def test_a_connection_that_the_database_closed_costs_a_retry(tmp_path: Path) -> None:
    url = new_database("postgresql", tmp_path)
    database, other = Database(url), Database(url)
    database.migrate()
    books = Books(database)
    key = books.account(credits=5)
    closed: list[object] = []

    def close(connection: Connection) -> None:
        """Once, at the end of a transaction that has done everything but its commit."""
        if not closed:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            with other.reading() as session:
                closed.append(session.connection().exec_driver_sql(f"SELECT pg_terminate_backend({pid})").scalar())

    with watching(Session, "before_commit", lambda session: close(session.connection())):
        permit = await books.client.admit(key, "192.0.2.1", WorkKind.TRANSCRIPTION, "r")
        await books.client.settle(permit.lease, 30)
    assert closed == [True]
    assert books.left(key) == (4, 0)
    assert books.operators.reconcile() == ()
    database.close()
    other.close()


@contextmanager
def watching(target: object, name: str, function: Callable[..., None]) -> Iterator[None]:
    event.listen(target, name, function)
    try:
        yield
    finally:
        event.remove(target, name, function)


async def test_a_database_that_does_not_answer_is_told_as_unavailable() -> None:
    worker = Books(Database("postgresql://127.0.0.1:1/none")).worker
    with pytest.raises(Unavailable, match="cannot be reached"):
        await worker.run("release", "a lease")
    with pytest.raises(DBAPIError):
        await worker.ping()


async def test_only_operations_of_callers_can_be_asked_from_another_process(books: Books) -> None:
    for name in ("database", "expire_overdue", "__init__", "nothing"):
        with pytest.raises(InternalError):
            await books.worker.run(name)

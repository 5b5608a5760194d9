"""The database behind billing: SQLite in one file, or PostgreSQL."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from stt_ai.billing.counting import counted
from stt_ai.meters import NO_METERS, Meters

DatabaseError = sa.exc.SQLAlchemyError
"""Base of all that the database or its driver raises."""

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 10.0
"""Other processes' writing to SQLite's file is waited for so long."""
_MIGRATING = 7_388_011_402  # the number of our advisory lock


class Database:
    """Hands out transactions, at home in several threads.

    A killed process loses nothing that was committed. Against a loss of power, a ``durable`` transaction waits for the
    disk (SQLite in WAL mode with `synchronous=FULL`, PostgreSQL with `synchronous_commit`): a charge or a key that was
    told must stay. One that is not does without, for an admission shall not wait for a disk. The log is written in
    order, so what is durable never outlives what it rests on.

    SQLite's writers take their lock at once (`BEGIN IMMEDIATE`), so that no transaction reads and then fails to write;
    those of this process queue at a mutex, since SQLite's own waiting is by polling. Other processes, such as the
    operators' commands, wait up to `busy_timeout`. ``meters`` count what was posted, once it is committed.
    """

    def __init__(self, url: str, *, threads: int = 8, meters: Meters = NO_METERS) -> None:
        self._meters = meters
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            _make_file(Path(parsed.database or ""))
            self._engine = sa.create_engine(parsed, pool_size=threads)
            sa.event.listen(self._engine, "connect", _set_up_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        else:
            self._engine = sa.create_engine(
                parsed, pool_size=threads, pool_pre_ping=True, connect_args={"connect_timeout": 10}
            )
            sa.event.listen(self._engine, "begin", _begin_postgresql)
        self._quick = self._engine.execution_options(durable=False)
        self._reader = self._engine.execution_options(reading=True)
        self._writing: AbstractContextManager[Any] = threading.Lock() if self.is_sqlite else nullcontext()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Session]:
        """One transaction that writes: committed on leaving, rolled back by an exception."""
        engine = self._engine if durable else self._quick
        with self._writing, Session(engine, expire_on_commit=False) as session:
            with session.begin():
                yield session
            for counter, amount, labels in counted(session):
                self._meters.add(counter, amount, **labels)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view; nobody who writes waits for it."""
        with Session(self._reader, expire_on_commit=False) as session, session.begin():
            if not self.is_sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    def migrate(self) -> None:
        """Brings the tables to this version's form. Safe when several processes start at once."""
        with self._writing, self._engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
            command.upgrade(_alembic(connection), "head")

    def version(self) -> str | None:
        """Return the revision that the tables have; None: there are none yet."""
        with self._reader.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()

    def ping(self) -> None:
        """Raise what the driver raises when the database does not answer."""
        with self._reader.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._engine.dispose()


def insert_new(session: Session, row: SQLModel) -> None:
    """Inserts ``row`` unless its key is taken, also by someone who inserts it at this moment."""
    bind = session.get_bind()
    insert = sqlite.insert if bind.dialect.name == "sqlite" else postgresql.insert
    session.execute(insert(type(row)).values(**row.model_dump()).on_conflict_do_nothing())


def _make_file(path: Path) -> None:
    """The folder and the file, for this user's eyes only. SQLite's companion files get the same rights."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)


def _set_up_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions
    for pragma in (f"busy_timeout={round(1000 * BUSY_S)}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()
    _use_wal(connection)


def _use_wal(connection: Any) -> None:
    """Wait for another process that writes to a new file at this moment, which SQLite does not do here."""
    end = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # above that byte is the kind of it
            if not is_busy or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('durable', True) else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("durable", True):
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")


def _alembic(connection: sa.Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config

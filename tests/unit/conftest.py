"""Fixtures for the unit tests. What asks for a database is run on each kind."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stt_ai.billing.database import Database
from stt_ai.models import package_store
from tests.support.billing import DATABASES, Books, migrated_database
from tests.support.package_index import LoopbackIndex


@pytest.fixture(autouse=True)
def unchanged_niceness() -> Iterator[None]:
    """No test leaves this thread behind others: there is no way back, and threads begin where their maker is."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    yield
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database with its tables and no rows."""
    return migrated_database(request.param, tmp_path)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.close()


@pytest.fixture
def only_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip has nothing of this machine's configuration, and what it did not get before is asked for again."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(package_store, "_failures", {})


@pytest.fixture
def index(only_the_loopback: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackIndex]:
    """The package index that pip asks, and no other."""
    with LoopbackIndex() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        yield index


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database)

"""Fixtures for the unit tests. What asks for a database is run on each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stt_ai.billing.database import Database
from tests.unit.billing_support import DATABASES, Books, new_database


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """With its tables, and empty."""
    made = Database(database_url)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database)

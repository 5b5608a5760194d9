"""Fixtures for all tests. The service is started once, for all tests that need it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.service import Service, running

DATA = Path(__file__).parent / "data"

# How long an example takes says more of the machine's other work than of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers, one has the running service and every test that needs it, and unit tests go by files."""
    for item in items:
        group = "service" if "integration" in item.path.parts else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    """What is said in each file of tests/data, and when."""
    return dict(json.loads((DATA / "manifest.json").read_text()))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The whole service with the demo models, in processes of its own."""
    yield from running(tmp_path_factory.mktemp("service"))

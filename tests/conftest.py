"""Fixtures for all tests, and how they are spread over workers."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from stt_ai.environment import NODE, completed
from tests.support.fault_report import Faults, rows, table
from tests.support.long_tests import ASKED_FOR
from tests.support.utc_days import seconds_to_midnight

DATA = Path(__file__).parent / "data"

os.environ.update(completed(os.environ, NODE))  # some tests start Ray themselves

# How long an example takes says more of the machine's other work than of the code.
EXAMPLES = 200 if ASKED_FOR else 30
settings.register_profile(
    "unhurried", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

MAX_TEST_S = 180
"""Of those that use `within_a_day`."""


class ServiceAndFiles(LoadScopeScheduling):
    """Of several workers one has the running service and every test that needs it. Unit tests go by their files."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "service" if file.startswith("tests/integration/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ServiceAndFiles(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if faults := rows(terminalreporter.stats.get("passed", ())):
        terminalreporter.section("faults")
        for line in table(faults):
            terminalreporter.write_line(line)


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Faults:
    """What a test made go wrong, for the table at the end."""
    return Faults(request.node)


@pytest.fixture
def within_a_day() -> None:
    """For tests of what is counted by the day or month: they do not begin shortly before its end."""
    left = seconds_to_midnight()
    if left < MAX_TEST_S:
        time.sleep(left + 1)


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    """What is said in each file of tests/data, and when."""
    return dict(json.loads((DATA / "manifest.json").read_text()))

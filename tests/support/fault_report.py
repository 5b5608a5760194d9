"""What the faults that tests make did to callers, and how long the service took: one table at the end of a run.

Times are reported and never asserted: they say as much of the machine as of the service.
"""

import time
from collections.abc import Iterable
from typing import Any

import pytest

COLUMNS = ("fault", "during", "caller saw", "charge", "recovered in s")
_PROPERTY = "fault"


class Fault:
    """One fault, from the moment at which it is made. `over` when the service is as it was; `tell` writes its row."""

    def __init__(self, node: pytest.Item, fault: str, during: str) -> None:
        self._node = node
        self._row = [fault, during]
        self._began = time.monotonic()
        self._took: float | None = None

    def over(self) -> None:
        if self._took is None:
            self._took = time.monotonic() - self._began

    def tell(self, saw: str, charge: str = "none") -> None:
        self.over()
        # These travel with the test's report, also from another process.
        self._node.user_properties.append((_PROPERTY, [*self._row, saw, charge, f"{self._took:.1f}"]))


class Faults:
    """For one test."""

    def __init__(self, node: pytest.Item) -> None:
        self._node = node

    def begin(self, fault: str, during: str) -> Fault:
        """Called when the fault is made."""
        return Fault(self._node, fault, during)


def rows(reports: Iterable[Any]) -> list[list[str]]:
    """Of the tests that passed."""
    return [value for report in reports for name, value in report.user_properties if name == _PROPERTY]


def table(rows: Iterable[list[str]]) -> list[str]:
    """Lines, each column as wide as its widest cell."""
    cells = [list(COLUMNS), *sorted(rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]

"""What a command prints: tables for people, JSON for programs."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from stt_ai.accounts import Account, ApiKey, PlanName


def as_json(value: Any) -> str:
    """Return ``value`` as indented JSON."""
    return json.dumps(value, default=_plain, indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """What JSON does not know: our value types and moments."""
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value.isoformat()


def table(head: str, rows: Iterable[Sequence[object]]) -> str:
    """Return lines with the columns that ``head`` names, each as wide as its longest cell."""
    cells = [head.upper().split(), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def describe(account: Account) -> str:
    """Return what operators see of an account: five lines."""
    left = f"{account.allowance.remaining} of {account.allowance.limit}"
    unit = "credits" if account.plan is PlanName.PAID else "minutes this month"
    lines = [
        f"{account.id}  {account.name}",
        f"plan      {account.plan}, made {account.created_at:%Y-%m-%d}",
        f"left      {left} {unit}",
        f"credits   {account.credits}, and {account.reserved} reserved",
        f"running   {account.running} of {account.at_once} at once",
    ]
    return "\n".join(lines)


def key_row(key: ApiKey) -> tuple[str, ...]:
    """Return the cells of a key's row in a `table`: id, prefix, made, revoked, name."""
    revoked = f"{key.revoked_at:%Y-%m-%d}" if key.revoked_at else "-"
    return (key.id, key.prefix, f"{key.created_at:%Y-%m-%d}", revoked, key.name)

"""Allowances and figures are counted by UTC days and months."""

from datetime import UTC, datetime, timedelta


def seconds_to_midnight() -> float:
    now = datetime.now(UTC)
    return ((now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0) - now).total_seconds()

"""What a benchmark found, as a table and as JSON."""

import json
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Series:
    """The measured values of one contestant, in the order in which they were taken."""

    name: str
    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def percentile(self, percent: float) -> float:
        """By linear interpolation between the nearest values."""
        ordered = sorted(self.values)
        position = (len(ordered) - 1) * percent / 100
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (position - below)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "n": len(self.values),
            "median": self.median,
            "p10": self.percentile(10),
            "p90": self.percentile(90),
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


@dataclass(frozen=True)
class Finding:
    """One figure drawn from the series. ``low`` and ``high``: the least and the greatest of the single rounds."""

    name: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """None: no target was set."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return f">= {self.at_least:g}" if self.at_least is not None else ""


@dataclass
class Result:
    """All that one benchmark has to say."""

    name: str
    series: list[Series] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, values: list[float], unit: str = "s") -> Series:
        series = Series(name, tuple(values), unit)
        self.series.append(series)
        return series

    def find(self, name: str, value: float, unit: str = "", **bounds: float | None) -> None:
        self.findings.append(Finding(name, value, unit, **bounds))

    def ratio(self, name: str, ours: Series, theirs: Series, **bounds: float | None) -> None:
        """Of the medians; with the range of the ratios of the single rounds."""
        rounds = [a / b for a, b in zip(ours.values, theirs.values, strict=False)]
        self.find(name, ours.median / theirs.median, "x", low=min(rounds), high=max(rounds), **bounds)

    def difference(self, name: str, ours: Series, theirs: Series, **bounds: float | None) -> None:
        """Of the medians, in milliseconds; with the 10th and 90th percentile of the single rounds."""
        rounds = Series("", tuple((a - b) * 1000 for a, b in zip(ours.values, theirs.values, strict=False)), "ms")
        value = (ours.median - theirs.median) * 1000
        self.find(name, value, "ms", low=rounds.percentile(10), high=rounds.percentile(90), **bounds)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "series": [series.as_dict() for series in self.series],
            "findings": [{**asdict(finding), "met": finding.met} for finding in self.findings],
            "notes": self.notes,
        }


def table(result: Result) -> str:
    """The result in columns, for people."""
    lines = [f"== {result.name}"]
    rows = [["", "n", "median", "p10", "p90", "min", "max", ""]]
    for s in result.series:
        figures = [s.median, s.percentile(10), s.percentile(90), min(s.values), max(s.values)]
        rows.append([s.name, str(len(s.values)), *map(_figure, figures), s.unit])
    if result.series:
        lines += _columns(rows)
    rows = [["", "value", "", "of the rounds", "target", ""]]
    for f in result.findings:
        spread = f"{_figure(f.low)} .. {_figure(f.high)}" if f.low is not None and f.high is not None else ""
        verdict = {None: "", True: "met", False: "MISSED"}[f.met]
        rows.append([f.name, _figure(f.value), f.unit, spread, f.target, verdict])
    if result.findings:
        lines += ["", *_columns(rows)]
    return "\n".join([*lines, *(f"   * {note}" for note in result.notes), ""])


def document(machine: dict[str, Any], settings: dict[str, Any], results: list[Result]) -> str:
    """Everything as JSON."""
    body = {"machine": machine, "settings": settings, "results": [result.as_dict() for result in results]}
    return json.dumps(body, indent=1, ensure_ascii=False)


def _figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _columns(rows: list[list[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))]
        lines.append(("   " + "  ".join(cells)).rstrip())
    return lines

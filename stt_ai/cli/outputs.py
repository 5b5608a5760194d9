"""Where transcripts go, and what is told of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from stt_ai.cli.bars import Bars
from stt_ai.cli.service import failure_row, reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """``text``: the transcript in the format that was asked for."""

    path: Path
    text: str = ""
    failure: Exception | None = None


def targets_of(files: Sequence[Path], out: Path | None, form: str) -> dict[Path, Path]:
    """Where each file's text goes: two files never to the same place."""
    if out is None:
        return {}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"--out: {error}") from None
    targets: dict[Path, Path] = {}
    taken: set[Path] = set()
    stems = [path.stem for path in files]
    for path in dict.fromkeys(files):
        name = path.stem if stems.count(path.stem) == 1 else path.name
        target, again = out / f"{name}.{form}", 2
        while target in taken:
            target, again = out / f"{name}-{again}.{form}", again + 1
        taken.add(target)
        targets[path] = target
    return targets


def written(outcome: Outcome, target: Path | None) -> Exception | None:
    if target is not None:
        try:
            target.write_text(outcome.text, encoding="utf-8")
        except OSError as error:
            return error
    return None


def tell(outcome: Outcome, target: Path | None, form: str, as_json: bool, many: bool, bars: Bars) -> None:
    if as_json:
        bars.say(json.dumps(_row(outcome, target, form), ensure_ascii=False))
    elif outcome.failure is not None:
        bars.say(f"stt-ai: {outcome.path}: {reason(outcome.failure)}", error=True)
    elif target is not None:
        bars.say(f"{outcome.path} -> {target}", error=True)
    else:
        head = f"==> {outcome.path} <==\n" if many else ""
        bars.say(head + outcome.text.rstrip("\n"))


def _row(outcome: Outcome, target: Path | None, form: str) -> dict[str, Any]:
    row: dict[str, Any] = {"file": str(outcome.path), "ok": outcome.failure is None}
    if outcome.failure is not None:
        return row | failure_row(outcome.failure)
    if target is not None:
        return row | {"output": str(target)}
    return row | {"result": json.loads(outcome.text) if form == "json" else outcome.text}

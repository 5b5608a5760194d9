"""`stt-ai transcribe`."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click

from stt_ai.cli.bars import Bars
from stt_ai.cli.exits import EXIT_CODES, exit_code_of_all, server_parts
from stt_ai.cli.service import Service, asks_service, failure_row, reason
from stt_ai.errors import SttError
from stt_ai.sdk import Client, SttAiError
from stt_ai.sdk.calls import Format
from stt_ai.sdk.uploads import Progress

FORMATS = ("txt", "json", "srt", "vtt")
EXAMPLES = """\
\b
Examples:
  stt-ai transcribe meeting.mp3
  stt-ai transcribe talks/*.mp4 --format srt --out subtitles --jobs 4
  stt-ai transcribe call.wav --speakers 2 --format json
  stt-ai transcribe interview.flac --local
"""


class Worker(Protocol):
    """Who transcribes: a service, or this machine."""

    def transcribe(self, path: Path, form: Format, asked: dict[str, Any], progress: Progress) -> str: ...


class Remote:
    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def transcribe(self, path: Path, form: Format, asked: dict[str, Any], progress: Progress) -> str:
        if form != "json":
            return self._client.transcribe(path, response_format=form, progress=progress, **asked)
        made = self._client.transcribe(path, progress=progress, **asked)
        return json.dumps(made.raw, ensure_ascii=False, indent=2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``text``: the transcript in the format that was asked for."""

    path: Path
    text: str = ""
    failure: Exception | None = None


@click.command(epilog=f"{EXAMPLES}\n{EXIT_CODES}")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="txt", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="A folder for one text a file.")
@click.option("--model", help="Default: the service's. `stt-ai models list` shows them.")
@click.option("--language", help="A code such as en; default: found out.")
@click.option("--diarize/--no-diarize", default=True, help="Whether speakers are named.")
@click.option("--speakers", type=int, help="How many speak. Default: found out.")
@click.option("--min-speakers", type=int, help="At least so many speak.")
@click.option("--max-speakers", type=int, help="At most so many speak.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Files at once.")
@click.option("--local", is_flag=True, help="On this machine, without a service.")
@asks_service
def transcribe(
    service: Service,
    files: Sequence[Path],
    form: Format,
    out: Path | None,
    jobs: int,
    local: bool,
    **asked: Any,
) -> None:
    """Transcribe audio and video files.

    Texts are printed, or written to a folder with --out. With --json there is one line of JSON for each file.
    """
    targets = _targets(files, out, form)
    failures = []
    bars = Bars(len(files))
    try:
        with _worker(service, local) as worker:
            for outcome in _outcomes(worker, files, form, asked, jobs, bars):
                target = targets.get(outcome.path)
                failure = outcome.failure or _written(outcome, target)
                if failure is not None:
                    failures.append(failure)
                _tell(Outcome(outcome.path, outcome.text, failure), target, form, service.json, len(files) > 1, bars)
    finally:
        bars.close()
    if code := exit_code_of_all(failures, len(files)):
        sys.exit(code)


def _worker(service: Service, local: bool) -> AbstractContextManager[Worker]:
    if not local:
        return Remote(service.client())
    with server_parts():
        from stt_ai.cli.local import Local

        return Local(service.session.settings)


def _outcomes(
    worker: Worker, files: Sequence[Path], form: Format, asked: dict[str, Any], jobs: int, bars: Bars
) -> Iterator[Outcome]:
    """In the order of the files."""

    def one(path: Path) -> Outcome:
        with bars.file(path.name) as progress:
            try:
                return Outcome(path, worker.transcribe(path, form, asked, progress))
            except (SttAiError, SttError, OSError) as error:
                return Outcome(path, failure=error)

    pool = ThreadPoolExecutor(jobs)
    try:
        yield from pool.map(one, files)
    except KeyboardInterrupt:
        click.echo("stt-ai: interrupted", err=True)
        sys.stdout.flush()
        os._exit(130)  # threads that wait for an answer end in no other way
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _targets(files: Sequence[Path], out: Path | None, form: str) -> dict[Path, Path]:
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


def _written(outcome: Outcome, target: Path | None) -> Exception | None:
    if target is not None:
        try:
            target.write_text(outcome.text, encoding="utf-8")
        except OSError as error:
            return error
    return None


def _tell(outcome: Outcome, target: Path | None, form: str, as_json: bool, many: bool, bars: Bars) -> None:
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

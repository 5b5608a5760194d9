"""`stt-ai transcribe`."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import click

from stt_ai.cli.bars import Bars, FileProgress
from stt_ai.cli.exits import EXIT_CODES, exit_code_of_all, server_parts
from stt_ai.cli.inputs import STDIN, expanded, opened, watched
from stt_ai.cli.outputs import Outcome, Transcribed, targets_of, tell, written
from stt_ai.cli.service import Service, asks_service
from stt_ai.errors import SttError
from stt_ai.sdk import Client, SttAiError
from stt_ai.sdk.calls import Format

FORMATS: tuple[Format, ...] = ("txt", "json", "srt", "vtt")
EXAMPLES = """\
\b
Examples:
  stt-ai transcribe meeting.mp3
  stt-ai transcribe talks -f srt -o subtitles --jobs 4 --skip-existing
  stt-ai transcribe interview.m4a -o interview.json
  stt-ai transcribe inbox -o texts --watch
  ffmpeg -i talk.mkv -f wav - | stt-ai transcribe -
  stt-ai transcribe call.wav --speakers 2 --format json
  stt-ai transcribe phone.wav --channels separate --keyword "Ada Lovelace"
  stt-ai transcribe interview.flac --local
"""


class Worker(Protocol):
    """Who transcribes: a service, or this machine."""

    def transcribe(self, path: Path, form: Format, asked: dict[str, Any], progress: FileProgress) -> Transcribed:
        """Return one file's transcript in the form asked for."""
        ...


class Remote:
    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def transcribe(self, path: Path, form: Format, asked: dict[str, Any], progress: FileProgress) -> Transcribed:
        """As `Worker.transcribe`."""
        if form != "json":
            text = self._client.transcribe(
                opened(path), response_format=form, progress=progress.sent, on_progress=progress.watcher, **asked
            )
            return Transcribed(text, text.warnings)
        made = self._client.transcribe(opened(path), progress=progress.sent, on_progress=progress.watcher, **asked)
        return Transcribed(json.dumps(made.raw, ensure_ascii=False, indent=2), made.warnings)


@click.command(epilog=f"{EXAMPLES}\n{EXIT_CODES}")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-f", "--format", "form", type=click.Choice(FORMATS), help="Default: what -o ends in, else txt.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="A folder; or, for one recording, a file.")
@click.option("--skip-existing", is_flag=True, help="Leave out recordings whose text is in the folder already.")
@click.option("--watch", is_flag=True, help="Go on with what comes into the folders, until Ctrl-C.")
@click.option("--model", help="Default: the service's. `stt-ai models list` shows them.")
@click.option("--language", help="A code such as en; default: detected.")
@click.option("--diarize/--no-diarize", default=True, help="Whether to identify speakers.")
@click.option("--speakers", type=int, help="Number of speakers. Default: detected.")
@click.option("--min-speakers", type=int, help="Minimum number of speakers.")
@click.option("--max-speakers", type=int, help="Maximum number of speakers.")
@click.option("--task", type=click.Choice(("transcribe", "translate")), help="translate: into English.")
@click.option("--prompt", help="Context before the audio: names, spelling, style.")
@click.option("--keyword", "keywords", multiple=True, help="A name or term that may be said. Give it for each.")
@click.option("--channels", type=click.Choice(("mix", "separate")), help="separate: each channel is a speaker.")
@click.option("--start", type=float, help="Second of the recording at which to begin.")
@click.option("--end", type=float, help="Second at which to end. Only the part is charged.")
@click.option("--track", type=int, help="The audio track of a video, from 1. Default: the first with speech.")
@click.option("--line-width", type=int, help="Characters of a subtitle's line. Default: 42.")
@click.option("--lines", type=int, help="Lines of a subtitle, at most. Default: 2.")
@click.option("--words-per-cue", type=int, help="Words of a subtitle, at most.")
@click.option("--strict", is_flag=True, default=None, help="Fail where a part of the audio is missing or damaged.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Files at once.")
@click.option("--local", is_flag=True, help="On this machine, without a service.")
@asks_service
def transcribe(
    service: Service,
    files: Sequence[Path],
    form: Format | None,
    out: Path | None,
    skip_existing: bool,
    watch: bool,
    jobs: int,
    local: bool,
    **asked: Any,
) -> None:
    """Transcribe audio and video: files, folders of them, or - for standard input.

    Texts are printed, or written with -o, and warnings on standard error. With --json there is one line of JSON for
    each recording, with its transcript as JSON unless -f says otherwise.
    """
    folders = [path for path in files if path.is_dir()]
    wanted = Wanted(form or default_form(out, service.json), out, skip_existing, jobs, asked)
    if watch and not (folders and out):
        raise click.UsageError("--watch needs a folder to watch, and with -o one for the texts.")
    if STDIN in files and local:
        raise click.UsageError("--local takes files: save what comes from standard input first.")
    found = expanded(files)
    if not found and not watch:
        raise click.UsageError("There is no recording in the folder.")
    with _worker(service, local) as worker:
        code = _transcribe_all(service, worker, found, wanted)
        if watch:
            _go_on(service, worker, folders, found, wanted)
    if code:
        sys.exit(code)


def _transcribe_all(service: Service, worker: Worker, files: Sequence[Path], wanted: "Wanted") -> int:
    """Return the exit code."""
    targets = targets_of(files, wanted.out, wanted.form)
    if wanted.skip_existing:
        files = [path for path in files if path not in targets or not targets[path].exists()]
    failures = []
    bars = Bars(len(files))
    try:
        for outcome in _outcomes(worker, files, wanted.form, wanted.asked, wanted.jobs, bars):
            target = targets.get(outcome.path)
            failure = outcome.failure or written(outcome, target)
            if failure is not None:
                failures.append(failure)
            tell(replace(outcome, failure=failure), target, wanted.form, service.json, len(files) > 1, bars)
    finally:
        bars.close()
    return exit_code_of_all(failures, len(files))


def _go_on(service: Service, worker: Worker, folders: Sequence[Path], done: Sequence[Path], wanted: "Wanted") -> None:
    """Until Ctrl-C. A text that is there already is never written over."""
    click.echo(f"stt-ai: watching {', '.join(map(str, folders))}; Ctrl-C ends it", err=True)
    try:
        for path in watched(folders, set(done)):
            _transcribe_all(service, worker, [path], replace(wanted, skip_existing=True))
    except KeyboardInterrupt:
        click.echo("stt-ai: no longer watching", err=True)


@dataclass(frozen=True)
class Wanted:
    """What is made of each recording, and where it goes."""

    form: Format
    out: Path | None
    skip_existing: bool
    jobs: int
    asked: dict[str, Any]


def default_form(out: Path | None, as_json: bool) -> Format:
    """Return the format that the name of the one text says, else json for programs and text for people."""
    suffix = out.suffix[1:] if out is not None and not out.is_dir() else ""
    return next((form for form in FORMATS if form == suffix), "json" if as_json else "txt")


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
                made = worker.transcribe(path, form, asked, progress)
                return Outcome(path, made.text, warnings=made.warnings)
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

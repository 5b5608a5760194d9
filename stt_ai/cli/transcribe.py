"""`stt-ai transcribe`."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, get_args

import click

from stt_ai.cli.bars import Bars, FileProgress
from stt_ai.cli.exits import EXIT_CODES, exit_code_of_all, server_parts
from stt_ai.cli.inputs import STDIN, Address, Recording, expanded, watched
from stt_ai.cli.outputs import FORMS, Form, Outcome, Transcribed, default_form, report, targets_of, written
from stt_ai.cli.remote import Queued, Remote
from stt_ai.cli.service import Service, asks_service
from stt_ai.errors import SttError
from stt_ai.sdk import SttAiError
from stt_ai.sdk.calls import Style

EXAMPLES = """\
\b
Examples:
  stt-ai transcribe meeting.mp3
  stt-ai transcribe talks -f srt -o subtitles --parallel 4 --skip-existing
  stt-ai transcribe interview.m4a -o interview.json
  stt-ai transcribe inbox -o texts --watch
  stt-ai transcribe congress.mp4 --job -o congress.srt
  stt-ai transcribe meeting.mp3 --job --summary brief --webhook https://example.com/hook
  stt-ai transcribe --url https://example.com/talk.mp3
  ffmpeg -i talk.mkv -f wav - | stt-ai transcribe -
  stt-ai transcribe call.wav --speakers 2 --format json
  stt-ai transcribe phone.wav --channels separate --keyword "Ada Lovelace"
  stt-ai transcribe interview.flac --local
"""


class Worker(Protocol):
    """Who transcribes: a service, or this machine."""

    def transcribe(
        self, recording: Recording, form: Form, asked: Mapping[str, Any], progress: FileProgress
    ) -> Transcribed:
        """Return one recording's transcript in the form asked for."""
        ...

    def unfinished(self) -> Sequence[str]:
        """Return what to say of the work that goes on when this program is interrupted."""
        ...


@click.command(epilog=f"{EXAMPLES}\n{EXIT_CODES}")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--url", "urls", multiple=True, metavar="URL", help="A recording that the service fetches.")
@click.option("-f", "--format", "form", type=click.Choice(FORMS), help="Default: what -o ends in, else txt.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="A folder; or, for one recording, a file.")
@click.option("--skip-existing", is_flag=True, help="Skip recordings whose text is already in the folder.")
@click.option("--watch", is_flag=True, help="Keep transcribing what is added to the folders, until Ctrl-C.")
@click.option("--model", help="Default: the service's. `stt-ai models list` shows them.")
@click.option("--language", help="A code such as en; default: detected.")
@click.option("--diarize/--no-diarize", default=True, help="Whether to identify speakers.")
@click.option("--speakers", type=int, help="Number of speakers. Default: detected.")
@click.option("--min-speakers", type=int, help="Minimum number of speakers.")
@click.option("--max-speakers", type=int, help="Maximum number of speakers.")
@click.option("--task", type=click.Choice(("transcribe", "translate")), help="translate: into English.")
@click.option("--prompt", help="Context before the audio: names, spelling, style.")
@click.option("--keyword", "keywords", multiple=True, help="A name or term that may be said. Repeat for more.")
@click.option("--channels", type=click.Choice(("mix", "separate")), help="separate: each channel is a speaker.")
@click.option("--start", type=float, help="Second of the recording at which to begin.")
@click.option("--end", type=float, help="Second at which to end. Only this part is charged.")
@click.option("--track", type=int, help="The audio track of a video, from 1. Default: the first with speech.")
@click.option("--line-width", type=int, help="Characters of a subtitle's line. Default: 42.")
@click.option("--lines", type=int, help="Lines of a subtitle, at most. Default: 2.")
@click.option("--words-per-cue", type=int, help="Words of a subtitle, at most.")
@click.option("--strict", is_flag=True, default=None, help="Fail if part of the audio is missing or damaged.")
@click.option(
    "--job", "as_jobs", is_flag=True, help="As a job, which continues when the connection or this program ends."
)
@click.option(
    "--summary", type=click.Choice(get_args(Style)), help="Of jobs: also a summary, above the text, or in JSON."
)
@click.option("--webhook", metavar="URL", help="Of jobs: gets a signed message when the job has ended.")
@click.option("--parallel", "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Files at once.")
@click.option("--local", is_flag=True, help="On this machine, without a service.")
@asks_service
def transcribe(
    service: Service,
    files: Sequence[Path],
    urls: Sequence[str],
    form: Form | None,
    out: Path | None,
    skip_existing: bool,
    watch: bool,
    as_jobs: bool,
    parallel: int,
    local: bool,
    summary: Style | None,
    webhook: str | None,
    **asked: Any,
) -> None:
    """Transcribe audio and video: files, folders of them, - for standard input, or what lies at a --url.

    Texts are printed, or written with -o, and warnings on standard error. With --json there is one line of JSON for
    each recording, with its transcript as JSON unless -f says otherwise.
    """
    folders = [path for path in files if path.is_dir()]
    form = form or default_form(out, service.json)
    if summary and form not in ("txt", "json"):
        raise click.UsageError(f"A --summary goes with the formats txt and json, not with {form}.")
    if (summary or webhook) and not as_jobs:
        raise click.UsageError("--summary and --webhook go with --job.")
    of_jobs = {name: value for name, value in (("summary", summary), ("webhook", webhook)) if value}
    wanted = Wanted(form, out, skip_existing, parallel, asked | of_jobs)
    if watch and not (folders and out):
        raise click.UsageError("--watch needs a folder to watch, and with -o one for the texts.")
    if local and (STDIN in files or urls or as_jobs):
        raise click.UsageError("--local takes files alone: save the recording first, and leave out --job.")
    if not files and not urls:
        raise click.UsageError("Name a recording, a folder, - for standard input, or a --url.")
    found: list[Recording] = [*expanded(files), *map(Address, urls)]
    if not found and not watch:
        raise click.UsageError("There is no recording (such as .mp3, .wav or .mp4) in the folder.")
    with _worker(service, local, as_jobs) as worker:
        code = _transcribe_all(service, worker, found, wanted)
        if watch:
            _go_on(service, worker, folders, found, wanted)
    if code:
        sys.exit(code)


def _transcribe_all(service: Service, worker: Worker, files: Sequence[Recording], wanted: "Wanted") -> int:
    """Return the exit code."""
    targets = targets_of(files, wanted.out, wanted.form)
    if wanted.skip_existing:
        files = [one for one in files if one not in targets or not targets[one].exists()]
    failures = []
    bars = Bars(len(files))
    try:
        for outcome in _outcomes(worker, files, wanted.form, wanted.asked, wanted.parallel, bars):
            target = targets.get(outcome.recording)
            failure = outcome.failure or written(outcome, target)
            if failure is not None:
                failures.append(failure)
            report(replace(outcome, failure=failure), target, wanted.form, service.json, len(files) > 1, bars)
    finally:
        bars.close()
    return exit_code_of_all(failures, len(files))


def _go_on(
    service: Service, worker: Worker, folders: Sequence[Path], done: Sequence[Recording], wanted: "Wanted"
) -> None:
    """Until Ctrl-C. A text that is there already is never written over."""
    click.echo(f"stt-ai: watching {', '.join(map(str, folders))}; Ctrl-C ends it", err=True)
    try:
        for path in watched(folders, {one for one in done if isinstance(one, Path)}):
            _transcribe_all(service, worker, [path], replace(wanted, skip_existing=True))
    except KeyboardInterrupt:
        click.echo("stt-ai: no longer watching", err=True)


@dataclass(frozen=True)
class Wanted:
    """What is made of each recording, and where it goes."""

    form: Form
    out: Path | None
    skip_existing: bool
    parallel: int
    asked: dict[str, Any]


def _worker(service: Service, local: bool, as_jobs: bool) -> AbstractContextManager[Worker]:
    if not local:
        return (Queued if as_jobs else Remote)(service.client())
    with server_parts():
        from stt_ai.cli.local import Local

        return Local(service.session.settings)


def _outcomes(
    worker: Worker, files: Sequence[Recording], form: Form, asked: Mapping[str, Any], parallel: int, bars: Bars
) -> Iterator[Outcome]:
    """In the order of the files."""

    def one(recording: Recording) -> Outcome:
        with bars.file(recording.name) as progress:
            try:
                made = worker.transcribe(recording, form, asked, progress)
                return Outcome(recording, made.text, warnings=made.warnings)
            except (SttAiError, SttError, OSError) as error:
                return Outcome(recording, failure=error)

    pool = ThreadPoolExecutor(parallel)
    try:
        yield from pool.map(one, files)
    except KeyboardInterrupt:
        for line in ("interrupted", *worker.unfinished()):
            click.echo(f"stt-ai: {line}", err=True)
        sys.stdout.flush()
        os._exit(130)  # threads that wait for an answer end in no other way
    finally:
        pool.shutdown(wait=False, cancel_futures=True)

"""`stt-ai transcribe`."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import click

from stt_ai.cli.bars import Bars
from stt_ai.cli.exits import EXIT_CODES, exit_code_of_all, server_parts
from stt_ai.cli.outputs import Outcome, Transcribed, targets_of, tell, written
from stt_ai.cli.service import Service, asks_service
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
  stt-ai transcribe phone.wav --channels separate --keyword "Ada Lovelace"
  stt-ai transcribe interview.flac --local
"""


class Worker(Protocol):
    """Who transcribes: a service, or this machine."""

    def transcribe(self, path: Path, form: Format, asked: dict[str, Any], progress: Progress) -> Transcribed: ...


class Remote:
    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def transcribe(self, path: Path, form: Format, asked: dict[str, Any], progress: Progress) -> Transcribed:
        if form != "json":
            text = self._client.transcribe(path, response_format=form, progress=progress, **asked)
            return Transcribed(text, text.warnings)
        made = self._client.transcribe(path, progress=progress, **asked)
        return Transcribed(json.dumps(made.raw, ensure_ascii=False, indent=2), made.warnings)


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
@click.option("--task", type=click.Choice(("transcribe", "translate")), help="translate: into English.")
@click.option("--prompt", help="Text that the model takes for what was said before.")
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
    form: Format,
    out: Path | None,
    jobs: int,
    local: bool,
    **asked: Any,
) -> None:
    """Transcribe audio and video files.

    Texts are printed, or written to a folder with --out, and warnings on standard error. With --json there is one line
    of JSON for each file.
    """
    targets = targets_of(files, out, form)
    failures = []
    bars = Bars(len(files))
    try:
        with _worker(service, local) as worker:
            for outcome in _outcomes(worker, files, form, asked, jobs, bars):
                target = targets.get(outcome.path)
                failure = outcome.failure or written(outcome, target)
                if failure is not None:
                    failures.append(failure)
                tell(replace(outcome, failure=failure), target, form, service.json, len(files) > 1, bars)
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

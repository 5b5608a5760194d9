"""`stt-ai stream`."""

import dataclasses
import json
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import click

from stt_ai.cli.exits import EXIT_CODES
from stt_ai.cli.outputs import warning_line
from stt_ai.cli.service import Service, asks_service
from stt_ai.sdk import Ended, Event, Final, Microphone, MicrophoneUnavailable, Partial, Ready, Stream

EXAMPLES = """\
\b
Examples:
  stt-ai stream --microphone
  stt-ai stream talk.mp3 --language en
  stt-ai stream talk.wav --fast --json
"""


@click.command(epilog=f"{EXAMPLES}\n{EXIT_CODES}")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--microphone", is_flag=True, help="Listen to this machine's microphone until Ctrl-C.")
@click.option("--device", help="Which microphone: a number or a part of its name.")
@click.option("--fast", is_flag=True, help="Send a file as fast as the service takes it, not in real time.")
@click.option("--model", help="Default: the service's.")
@click.option("--language", help="A code such as en; default: detected.")
@click.option("--prompt", help="Context before the audio: names, spelling, style.")
@click.option("--keyword", "keywords", multiple=True, help="A name or term that may be said. Repeat for more.")
@asks_service
def stream(
    service: Service, file: Path | None, microphone: bool, device: str | None, fast: bool, **options: Any
) -> None:
    """Transcribe live: a microphone, or a file as it is spoken.

    Final text is printed as soon as it is stable; a terminal also shows partial text. With --json there is one line
    of JSON for each event.
    """
    if microphone == (file is not None):
        raise click.UsageError("Give a file, or --microphone.")
    audio = Microphone(int(device) if device and device.isdigit() else device) if file is None else file
    with service.client() as client:
        try:
            with client.stream(audio, paced=not fast, **options) as events:
                signal.signal(signal.SIGINT, lambda *_: events.stop())
                _print(events, service.json)
        except (MicrophoneUnavailable, ValueError, OSError) as error:
            raise click.ClickException(str(error)) from None
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _print(events: Stream, as_json: bool) -> None:
    screen, warned = _Screen(), set[str]()
    for event in events:
        if as_json:
            click.echo(_line(event))
        elif isinstance(event, Ready):
            # Each connection has its own `Ready`.
            for line in map(warning_line, event.warnings):
                if line not in warned:
                    warned.add(line)
                    click.echo(line, err=True)
        elif isinstance(event, Partial):
            screen.partial(event.text)
        elif isinstance(event, Final) and event.text:
            screen.final(event.text)
        elif isinstance(event, Ended):
            screen.partial("")


def _line(event: Event) -> str:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__name__).lower()
    return json.dumps({"type": name} | dataclasses.asdict(event), ensure_ascii=False)


class _Screen:
    """Partials overwrite each other on a terminal, and are left out elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()

    def partial(self, text: str) -> None:
        if self._terminal:
            width = shutil.get_terminal_size().columns
            click.echo(f"\r\x1b[2K{text[-width + 1 :]}", nl=False)

    def final(self, text: str) -> None:
        click.echo(f"\r\x1b[2K{text}" if self._terminal else text)

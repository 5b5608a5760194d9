"""`stt-ai summarize`."""

import json
from typing import Any, TextIO, get_args

import click

from stt_ai.cli.exits import EXIT_CODES
from stt_ai.cli.outputs import warning_line, warning_row
from stt_ai.cli.service import Service, asks_service
from stt_ai.sdk import Summary
from stt_ai.sdk.calls import Style

EXAMPLES = """\
\b
Examples:
  stt-ai summarize meeting.txt --style bullet_points
  stt-ai transcribe meeting.mp3 | stt-ai summarize -
"""


@click.command(epilog=f"{EXAMPLES}\n{EXIT_CODES}")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--style", type=click.Choice(get_args(Style)), default="brief", show_default=True)
@asks_service
def summarize(service: Service, file: TextIO, style: Style) -> None:
    """Summarize a transcript: a text file, or - for standard input.

    The summary is printed while it is written; with --json, when it is whole.
    """
    try:
        text = file.read()
    except UnicodeDecodeError:
        raise click.UsageError(f"{file.name} is not a text in UTF-8.") from None
    with service.client() as client:
        if service.json:
            click.echo(json.dumps(_row(client.summarize(text, style)), ensure_ascii=False))
            return
        for piece in client.summarize(text, style, stream=True):
            click.echo(piece if isinstance(piece, str) else "", nl=not isinstance(piece, str))
            for warning in () if isinstance(piece, str) else piece.warnings:
                click.echo(warning_line(warning), err=True)


def _row(summary: Summary) -> dict[str, Any]:
    """As the service's JSON has it."""
    row: dict[str, Any] = {"summary": summary.summary, "style": summary.style, "model": summary.model}
    return row | ({"warnings": [warning_row(warning) for warning in summary.warnings]} if summary.warnings else {})

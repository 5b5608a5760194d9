"""`stt-ai`: files, live speech and summaries through a service or without one, and the operators' commands.

The operators' work on the service's database, also while it runs.
"""

import sys
from pathlib import Path

import click

from stt_ai import __version__
from stt_ai.cli.accounts import accounts, keys
from stt_ai.cli.exits import EXIT_CODES, exit_code
from stt_ai.cli.jobs import jobs
from stt_ai.cli.ledger import credits, db, ledger
from stt_ai.cli.models import models
from stt_ai.cli.serve import print_environment, serve
from stt_ai.cli.session import Session, database_errors
from stt_ai.cli.store import store
from stt_ai.cli.stream import stream
from stt_ai.cli.summarize import summarize
from stt_ai.cli.transcribe import transcribe
from stt_ai.errors import SttError

EXAMPLES = """\
\b
Examples:
  stt-ai transcribe meeting.mp3
  stt-ai transcribe *.mp4 --format srt --out subtitles --parallel 4
  stt-ai transcribe interview.wav --local
  stt-ai stream --microphone --language en
  stt-ai transcribe meeting.mp3 | stt-ai summarize - --style action_items
  stt-ai serve serve_config.yaml
  stt-ai accounts create "Ada Ltd" --credits 1000
"""


class Commands(click.Group):
    """Shows those of callers before those of operators."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands in the order in which they were added."""
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=f"{EXAMPLES}\n{EXIT_CODES}")
@click.option("--database-url", help="Default: what --config says, STT_AI_DATABASE_URL, or SQLite in the data folder.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The service's YAML.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.version_option(__version__, prog_name="stt-ai")
@click.pass_context
def main(context: click.Context, database_url: str | None, config: Path | None, as_json: bool) -> None:
    """Speech to text: files, live speech and summaries, through a service or on this machine alone.

    accounts, keys, credits, ledger and db are for the operators of a service, and work on its database; store works on
    what jobs and uploads keep.
    """
    context.obj = Session(database_url, config, as_json)
    context.call_on_close(context.obj.close)


for command in (
    transcribe,
    jobs,
    stream,
    summarize,
    serve,
    print_environment,
    models,
    accounts,
    keys,
    credits,
    ledger,
    db,
    store,
):
    main.add_command(command)


def run() -> None:
    """The entry point: failures as one line and an exit code, never a traceback."""
    try:
        main()
    except SttError as error:
        click.echo(f"stt-ai: {error.message}", err=True)
        sys.exit(exit_code(error))
    except database_errors() as error:
        sys.exit(f"stt-ai: the database does not answer as it should: {getattr(error, 'orig', None) or error}")

"""`stt-ai`: what operators do with accounts, keys and credits, on the service's database, also while it runs.

Exit codes: 0 done; 1 refused or not found, with the reason on standard error; 2 wrong usage; 3 the books do not agree.
"""

import sys
from pathlib import Path

import click

from stt_ai import __version__
from stt_ai.billing.database import DatabaseError, default_url
from stt_ai.cli.accounts import accounts, keys
from stt_ai.cli.books import credits, db, ledger
from stt_ai.cli.session import Session, settings_in
from stt_ai.errors import SttError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--database-url", help="Default: what --config says, STT_AI_DATABASE_URL, or SQLite in the data folder.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The service's YAML.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.version_option(__version__, prog_name="stt-ai")
@click.pass_context
def main(context: click.Context, database_url: str | None, config: Path | None, as_json: bool) -> None:
    """Accounts, keys, credits and the ledger of an stt_ai service."""
    settings = settings_in(config)
    context.obj = Session(database_url or settings.database_url or default_url(), settings, as_json)
    context.call_on_close(context.obj.database.close)


for group in (accounts, keys, credits, ledger, db):
    main.add_command(group)


def run() -> None:
    """The entry point: failures as one line and an exit code, never a traceback."""
    try:
        main()
    except SttError as error:
        sys.exit(f"stt-ai: {error.message}")
    except DatabaseError as error:
        sys.exit(f"stt-ai: the database does not answer as it should: {getattr(error, 'orig', None) or error}")

"""`stt-ai credits`, `stt-ai ledger` and `stt-ai db`."""

import sys
import uuid

import click

from stt_ai.cli.printing import describe, table
from stt_ai.cli.session import Session


@click.group()
def credits() -> None:
    """Grant credits and take them back."""


@credits.command("grant")
@click.argument("account_id")
@click.argument("credits", type=click.IntRange(1, 100_000_000))
@click.option("--reference", help="Such as an invoice number: the same one is granted once, however often it is sent.")
@click.pass_obj
def grant(session: Session, account_id: str, credits: int, reference: str | None) -> None:
    """Grant credits to an account, which makes it a paid one."""
    _move(session, account_id, credits, reference)


@credits.command("take")
@click.argument("account_id")
@click.argument("credits", type=click.IntRange(1, 100_000_000))
@click.option("--reference", help="The same as for grant.")
@click.pass_obj
def take(session: Session, account_id: str, credits: int, reference: str | None) -> None:
    """Take credits back that are neither used nor reserved."""
    _move(session, account_id, -credits, reference)


def _move(session: Session, account_id: str, credits: int, reference: str | None) -> None:
    new = session.operators.grant(account_id, credits, reference or uuid.uuid4().hex)
    account = session.operators.account(account_id)
    note = "" if new else f"Reference {reference} was booked before; nothing changed.\n"
    session.show(account, lambda: note + describe(account))


@click.group()
def ledger() -> None:
    """Show the ledger, and verify it."""


@ledger.command("show")
@click.argument("account_id")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.pass_obj
def show_ledger(session: Session, account_id: str, limit: int) -> None:
    """List an account's latest entries, newest first."""
    found = session.operators.entries(account_id, limit)
    rows = [(e.id, f"{e.at:%Y-%m-%d %H:%M:%S}", e.kind, e.amount, e.held, e.meter, e.period, e.request) for e in found]
    session.show(found, lambda: table("entry at kind amount held meter period request", rows))


@ledger.command("reconcile")
@click.pass_obj
def reconcile(session: Session) -> None:
    """Verify every balance and every charge; the exit code is 3 when something does not agree."""
    found = session.operators.reconcile()
    session.show(found, lambda: "\n".join(found) if found else "The ledger balances.")
    if found:
        sys.exit(3)


@click.group()
def db() -> None:
    """Manage the database's tables."""


@db.command("upgrade")
@click.pass_obj
def upgrade(session: Session) -> None:
    """Bring the tables to this version's form; the service does it too when it starts."""
    session.database.migrate()
    _show_version(session)


@db.command("version")
@click.pass_obj
def version(session: Session) -> None:
    """Show the revision of the tables."""
    _show_version(session)


def _show_version(session: Session) -> None:
    found = session.database.version()
    session.show({"version": found}, lambda: found or "no tables yet: run `stt-ai db upgrade`")

"""`stt-ai accounts` and `stt-ai keys`."""

import click

from stt_ai.accounts import PlanName
from stt_ai.cli.printing import describe, key_row, table
from stt_ai.cli.session import Session

PLANS = click.Choice([plan.value for plan in (PlanName.FREE, PlanName.PAID)])


@click.group()
def accounts() -> None:
    """Create and show accounts."""


@accounts.command("create")
@click.argument("name")
@click.option("--plan", type=PLANS, default=PlanName.FREE.value, show_default=True)
@click.option(
    "--credits", type=click.IntRange(0, 100_000_000), default=0, help="Grant credits, which makes it a paid account."
)
@click.pass_obj
def create_account(session: Session, name: str, plan: str, credits: int) -> None:
    """Create an account with its first key, which is shown only once."""
    made = session.operators.create_account(name, PlanName(plan), credits)
    session.show(made, lambda: f"{made.account.id}\n{made.key.secret}")


@accounts.command("list")
@click.pass_obj
def list_accounts(session: Session) -> None:
    """List all accounts, oldest first."""
    found = session.operators.list_accounts()
    rows = [(a.id, a.plan, a.credits, a.reserved, f"{a.created_at:%Y-%m-%d}", a.name) for a in found]
    session.show(found, lambda: table("account plan credits reserved since name", rows))


@accounts.command("show")
@click.argument("account_id")
@click.pass_obj
def show_account(session: Session, account_id: str) -> None:
    """Show an account: its plan, allowance and credits."""
    account = session.operators.account(account_id)
    session.show(account, lambda: describe(account))


@accounts.command("plan")
@click.argument("account_id")
@click.argument("plan", type=PLANS)
@click.pass_obj
def set_plan(session: Session, account_id: str, plan: str) -> None:
    """Set an account's plan."""
    account = session.operators.set_plan(account_id, PlanName(plan))
    session.show(account, lambda: describe(account))


@click.group()
def keys() -> None:
    """Create, list and revoke keys."""


@keys.command("create")
@click.argument("account_id")
@click.option("--name", default="made by an operator", show_default=True)
@click.pass_obj
def create_key(session: Session, account_id: str, name: str) -> None:
    """Create a key, which is shown only once."""
    made = session.operators.create_key(account_id, name)
    session.show(made, lambda: made.secret)


@keys.command("list")
@click.argument("account_id")
@click.pass_obj
def list_keys(session: Session, account_id: str) -> None:
    """List an account's keys, including revoked ones."""
    found = session.operators.list_keys(account_id)
    session.show(found, lambda: table("key prefix made revoked name", [key_row(key) for key in found]))


@keys.command("revoke")
@click.argument("key_id")
@click.pass_obj
def revoke_key(session: Session, key_id: str) -> None:
    """Revoke a key: it is refused from now on."""
    key = session.operators.revoke_key(key_id)
    session.show(key, lambda: f"{key.id} is revoked.")

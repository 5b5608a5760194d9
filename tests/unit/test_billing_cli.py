"""The operators' commands as they are called, on each kind of database."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from stt_ai.cli.main import main
from stt_ai.errors import SttError, Unauthorized
from tests.support.billing import Books, new_database


def call(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--database-url", url, *arguments])


def ask(url: str, *arguments: str) -> Any:
    done = call(url, "--json", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


@pytest.fixture
def url(books: Books, database_url: str) -> str:
    """A database with a service at work on it: ``books``."""
    return database_url


def test_an_account_made_by_an_operator_works_at_once_in_the_running_service(books: Books, url: str) -> None:
    made = ask(url, "accounts", "create", "Ada", "--credits", "3")
    key = made["key"]["secret"]
    assert books.admit(key).plan == made["account"]["plan"] == "paid"
    assert [account["id"] for account in ask(url, "accounts", "list")] == [made["account"]["id"]]


def test_credits_are_granted_and_taken_with_a_reference_once(books: Books, url: str) -> None:
    key = books.account()
    account = books.service.account(key).id
    for _ in range(2):
        assert ask(url, "credits", "grant", account, "10", "--reference", "invoice 1")["credits"] == 10
    assert "nothing changed" in call(url, "credits", "grant", account, "10", "--reference", "invoice 1").output
    assert ask(url, "credits", "take", account, "4")["credits"] == 6
    assert books.left(key) == (6, 0)


def test_keys_are_made_listed_and_revoked(books: Books, url: str) -> None:
    account = books.service.account(books.account()).id
    secret = call(url, "keys", "create", account, "--name", "laptop").output.strip()
    assert books.service.account(secret).id == account
    laptop = next(key for key in ask(url, "keys", "list", account) if key["name"] == "laptop")
    assert secret not in call(url, "keys", "list", account).output
    assert ask(url, "keys", "revoke", laptop["id"])["revoked_at"] is not None
    with pytest.raises(Unauthorized):
        books.service.account(secret)


def test_the_ledger_is_shown_and_proved(books: Books, url: str) -> None:
    key = books.account(credits=5)
    books.serve(key, seconds=61)
    entries = ask(url, "ledger", "show", books.service.account(key).id)
    assert [(entry["kind"], entry["amount"], entry["held"]) for entry in entries] == [
        ("settle", -2, -2),
        ("reserve", 0, 2),
        ("grant", 5, 0),
    ]
    assert ask(url, "ledger", "reconcile") == []
    with books.database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE balance SET amount = amount + 1")
    broken = call(url, "ledger", "reconcile")
    assert broken.exit_code == 3
    assert "credits: the balance says" in broken.output


def test_a_plan_is_set(books: Books, url: str) -> None:
    account = books.service.account(books.account(credits=5)).id
    assert ask(url, "accounts", "plan", account, "free")["plan"] == "free"
    assert call(url, "accounts", "plan", account, "anonymous").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["accounts", "show", "acc_none"],
        ["keys", "revoke", "key_none"],
        ["keys", "list", "acc_none"],
        ["ledger", "show", "acc_none"],
        ["credits", "grant", "acc_none", "5"],
        ["accounts", "create", " "],
    ],
)
def test_what_cannot_be_done_is_said_by_an_error_of_ours(books: Books, url: str, arguments: list[str]) -> None:
    done = call(url, *arguments)
    assert isinstance(done.exception, SttError)


@pytest.mark.parametrize("number", ["0", "-5", "1.5", "many"])
def test_an_amount_that_is_none_is_wrong_usage(books: Books, url: str, number: str) -> None:
    assert call(url, "credits", "grant", "acc_1", number).exit_code == 2


def test_tables_are_made_by_command(tmp_path: Path) -> None:
    url = new_database("sqlite", tmp_path)
    missing = call(url, "accounts", "list")
    assert missing.exit_code == 1
    assert "stt-ai db upgrade" in missing.output
    assert ask(url, "db", "version") == {"version": None}
    assert ask(url, "db", "upgrade") == {"version": "0006"}
    assert ask(url, "accounts", "list") == []


def test_the_services_configuration_says_where_the_database_is_and_what_the_limits_are(tmp_path: Path) -> None:
    url = new_database("sqlite", tmp_path)
    config = tmp_path / "serve.yaml"
    billing = {"database_url": url, "free": {"minutes_per_month": 7}}
    config.write_text(yaml.safe_dump({"applications": [{"args": {"models": {}, "billing": billing}}]}))
    ask(url, "db", "upgrade")
    ask(url, "accounts", "create", "Ada")
    done = CliRunner().invoke(main, ["--config", str(config), "--json", "accounts", "list"])
    assert json.loads(done.output)[0]["allowance"]["limit"] == 7
    config.write_text("applications: 5")
    assert CliRunner().invoke(main, ["--config", str(config), "accounts", "list"]).exit_code == 2


def test_failures_are_one_line_and_an_exit_code(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("stt-ai")
    url = new_database("sqlite", tmp_path)
    subprocess.run([program, "--database-url", url, "db", "upgrade"], check=True, capture_output=True)
    for other, arguments in (
        (url, ["accounts", "show", "acc_none"]),
        ("postgresql://127.0.0.1:1/x", ["db", "version"]),
    ):
        done = subprocess.run([program, "--database-url", other, *arguments], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith("stt-ai: ")
        assert "Traceback" not in done.stderr

"""`stt-ai jobs` against the API over the real queue and runner."""

import json

from click.testing import CliRunner, Result

from stt_ai import Client
from stt_ai.cli.main import main
from tests.support.api import TALK
from tests.support.billed_api import books
from tests.support.jobs_api import JobsHouse, jobs_house

__all__ = ["books", "jobs_house"]


def test_jobs_are_followed_fetched_cancelled_and_erased(jobs_house: JobsHouse) -> None:
    key = jobs_house.books.account(credits=9)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["jobs", *arguments, "--server", jobs_house.url, "--key", key])

    with Client(key, jobs_house.url) as client:
        kept, dropped = client.jobs.create(b"sound" * 100).id, client.jobs.create(b"sound" * 100).id
    assert call("cancel", dropped).stdout.startswith(f"{dropped}  cancelled")
    late = call("wait", kept, "--timeout", "0")
    assert late.exit_code == 1 and "queued" in late.stderr
    with jobs_house.working():
        done = call("wait", kept, "--timeout", "60")
    assert done.exit_code == 0 and done.stdout.startswith(f"{kept}  succeeded") and "1 credits" in done.stdout
    assert call("result", kept).stdout.startswith("Speaker 1: Hello")
    assert call("result", kept, "-f", "srt").stdout.startswith("1\n00:00:00,000")
    assert json.loads(call("result", kept, "--json").stdout)["text"] == TALK.text
    refused = call("result", dropped)
    assert refused.exit_code == 1 and "cancelled" in refused.stderr
    listed = json.loads(call("list", "--json").stdout)["jobs"]
    assert {job["id"]: job["status"] for job in listed} == {kept: "succeeded", dropped: "cancelled"}
    assert dropped not in call("list", "--status", "succeeded").stdout
    assert call("delete", kept).exit_code == 0
    gone = call("get", kept)
    assert gone.exit_code == 1 and gone.stdout == ""

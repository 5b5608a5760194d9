"""`stt-ai jobs`, and `stt-ai transcribe` by jobs, against the API over the real queue and runner."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlmodel import select

from stt_ai import Client
from stt_ai.cli.main import main
from stt_ai.jobs.tables import Job
from tests.support.api import TALK
from tests.support.billed_api import books
from tests.support.jobs_api import JobsHouse, jobs_house
from tests.support.tls_server import giving, response, serving

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
    assert call("rename", kept, "Speaker 1=Ada").exit_code == call("correct", kept, "1", "Thanks.").exit_code == 0
    assert call("result", kept).stdout == "Ada: Hello, welcome.\n\nSpeaker 2: Thanks.\n"
    assert call("correct", kept, "1", "--restore").exit_code == call("rename", kept, "Speaker 1=").exit_code == 0
    for wrong in (("correct", kept, "1"), ("correct", kept, "1", "a", "--restore"), ("rename", kept, "Ada")):
        assert call(*wrong).exit_code == 2
    assert call("result", kept, "-f", "tsv").stdout.startswith("start\tend\tspeaker\ttext\n0\t")
    assert call("result", kept, "-f", "vtt", "--words-per-cue", "1").stdout.count("-->") == len(TALK.text.split())
    refused = call("result", dropped)
    assert refused.exit_code == 1 and "cancelled" in refused.stderr
    listed = json.loads(call("list", "--json").stdout)["jobs"]
    assert {job["id"]: job["status"] for job in listed} == {kept: "succeeded", dropped: "cancelled"}
    assert dropped not in call("list", "--status", "succeeded").stdout
    assert call("delete", kept).exit_code == 0
    gone = call("get", kept)
    assert gone.exit_code == 1 and gone.stdout == ""


def test_the_messages_about_a_job_are_listed_and_sent_again(jobs_house: JobsHouse) -> None:
    key = jobs_house.books.account(credits=9)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["jobs", *arguments, "--server", jobs_house.url, "--key", key])

    with Client(key, jobs_house.url) as client:
        job = client.jobs.create(b"sound" * 100, webhook="https://example.com/hook").id
        client.jobs.cancel(job)
    (delivery,) = json.loads(call("deliveries", job, "--json").stdout)
    assert delivery["event"] == "job.cancelled"
    assert call("deliveries", job).stdout == call("redeliver", job, delivery["id"]).stdout
    assert call("deliveries", job).stdout.splitlines()[1].split() == [
        delivery["id"],
        "job.cancelled",
        "pending",
        "0",
        "-",
    ]
    secret = call("webhook-secret").stdout
    assert secret.startswith("whsec_") and call("webhook-secret").stdout == secret
    changed = json.loads(call("webhook-secret", "--rotate", "--overlap-hours", "1", "--json").stdout)
    assert changed["previous_until"] and call("webhook-secret").stdout.strip() == changed["secret"] != secret.strip()
    assert call("webhook-secret", "--overlap-hours", "1").exit_code == 2


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp3"
    path.write_bytes(b"sound" * 100)
    return path


def transcribe(house: JobsHouse, *arguments: str | Path) -> Result:
    key = house.books.account(credits=9)
    given = ["transcribe", *map(str, arguments), "--server", house.url, "--key", key]
    with house.working():
        return CliRunner().invoke(main, given)


@pytest.mark.parametrize(
    ("form", "begin"),
    [("srt", "1\n00:00:00"), ("vtt", "WEBVTT"), ("tsv", "start\tend"), ("txt", "Speaker 1: Hello"), ("json", "{")],
)
def test_a_recording_is_transcribed_as_a_job_in_every_form(
    jobs_house: JobsHouse, recording: Path, tmp_path: Path, form: str, begin: str
) -> None:
    done = transcribe(jobs_house, recording, "--job", "-o", tmp_path / f"out.{form}", "--language", "en")
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert f"{recording}: job_" in done.stderr
    assert (tmp_path / f"out.{form}").read_text().startswith(begin)
    assert jobs_house.transcription.requests[0].language == "en"


def test_a_summary_and_a_webhook_are_asked_for_with_a_job(jobs_house: JobsHouse, recording: Path) -> None:
    hook = "https://example.com/hook"
    done = transcribe(jobs_house, recording, "--job", "--summary", "brief", "--webhook", hook, "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)["result"]
    assert result["summary"] is None and result["warnings"][-1]["code"] == "summary_failed"  # no model writes it here
    with jobs_house.books.database.reading() as session:
        (job,) = session.exec(select(Job)).all()
    assert (job.summary, json.loads(job.webhook)["url"]) == ("brief", hook)
    for wrong in (["--summary", "brief"], ["--webhook", hook], ["--job", "--summary", "brief", "-f", "srt"]):
        assert transcribe(jobs_house, recording, *wrong).exit_code == 2


@pytest.mark.parametrize("how", [[], ["--job"]])
def test_a_recording_is_fetched_from_its_address(jobs_house: JobsHouse, tmp_path: Path, how: list[str]) -> None:
    with serving(giving(response(b"sound" * 100))) as server:
        url = server.url("/a%20talk.mp3?token=1")
        done = transcribe(jobs_house, "--url", url, *how, "-o", tmp_path / "texts", "-f", "tsv")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "texts/a talk.tsv").read_text().startswith("start\tend\tspeaker\ttext\n")


def test_a_job_that_fails_is_told_as_of_any_request(jobs_house: JobsHouse) -> None:
    with serving(giving(response(b"", 404))) as server:
        done = transcribe(jobs_house, "--job", "--json", "--url", server.url())
    row = json.loads(done.stdout)
    assert (done.exit_code, row["file"], row["code"]) == (1, server.url(), "source_refused")


def test_who_interrupts_is_told_how_to_go_on(jobs_house: JobsHouse, recording: Path) -> None:
    key = jobs_house.books.account(credits=9)
    arguments = ["transcribe", str(recording), "--job", "--server", jobs_house.url, "--key", key]
    command = [sys.executable, "-c", "from stt_ai.cli.main import run; run()", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        job_id = program.stderr.readline().split()[-1]
        program.send_signal(signal.SIGINT)
        said = program.stderr.read()
    assert program.returncode == 130
    assert f"stt-ai jobs wait {job_id} && stt-ai jobs result {job_id}" in said
    with Client(key, jobs_house.url) as client:
        assert client.jobs.get(job_id).status == "queued"

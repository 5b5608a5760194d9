"""`stt-ai jobs`: recordings that the service transcribes without a connection held open."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click

from stt_ai.cli.exits import EXIT_CODES
from stt_ai.cli.outputs import FORMS, Form, default_form, rendered, warning_line
from stt_ai.cli.printing import as_json, table
from stt_ai.cli.service import Service, asks_service
from stt_ai.cli.webhooks import deliveries, redeliver, webhook_secret
from stt_ai.sdk import Correction, Job
from stt_ai.sdk.job_results import JobStatus

EXAMPLES = """\
\b
Examples:
  stt-ai jobs list --status running
  stt-ai jobs wait job_0pX3kq && stt-ai jobs result job_0pX3kq -f srt
  stt-ai jobs rename job_0pX3kq "Speaker 1=Ada" && stt-ai jobs correct job_0pX3kq 3 "I saw Zoë."
"""
WITH_JOB = click.argument("job_id")


@click.group(epilog=f"{EXAMPLES}\n{EXIT_CODES}")
def jobs() -> None:
    """Follow recordings that are transcribed as jobs, and fetch their transcripts."""


@jobs.command("list")
@click.option("--status", type=click.Choice(get_args(JobStatus)), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="The cursor of the previous page, to continue after it.")
@asks_service
def list_jobs(service: Service, status: JobStatus | None, limit: int, cursor: str | None) -> None:
    """List your jobs, newest first."""
    with service.client() as client:
        page = client.jobs.list(status, cursor, limit)
    if service.json:
        click.echo(as_json(asdict(page)))
        return
    rows = [(job.id, job.status, f"{job.created_at:%Y-%m-%dT%H:%M}", job.title or "-") for job in page.jobs]
    click.echo(table("job status created title", rows))
    if page.next_cursor:
        click.echo(f"There are more: --cursor {page.next_cursor}", err=True)


@jobs.command("get")
@WITH_JOB
@asks_service
def get_job(service: Service, job_id: str) -> None:
    """Show how far a job is, or how it ended."""
    with service.client() as client:
        show_job(client.jobs.get(job_id), service.json)


@jobs.command("wait")
@WITH_JOB
@click.option("--timeout", type=click.FloatRange(min=0), help="Seconds. Default: as long as it takes.")
@asks_service
def wait_for_job(service: Service, job_id: str, timeout: float | None) -> None:
    """Wait until a job has succeeded. If it fails, so does this command, with the job's error."""
    with service.client() as client:
        try:
            show_job(client.jobs.wait(job_id, timeout), service.json)
        except TimeoutError as error:
            raise click.ClickException(str(error)) from None


@jobs.command("result")
@WITH_JOB
@click.option("-f", "--format", "form", type=click.Choice(FORMS), help="Default: what -o ends in, else txt.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="A file for the text.")
@click.option("--line-width", type=int, help="Characters of a subtitle's line. Default: 42.")
@click.option("--lines", type=int, help="Lines of a subtitle, at most. Default: 2.")
@click.option("--words-per-cue", type=int, help="Words of a subtitle, at most.")
@asks_service
def job_result(service: Service, job_id: str, form: Form | None, out: Path | None, **subtitles: Any) -> None:
    """Print the transcript of a job that has succeeded; with --json as JSON."""
    form = form or default_form(out, service.json)
    with service.client() as client:
        made = client.jobs.result(job_id)
    text = rendered(made, form, {name: value for name, value in subtitles.items() if value is not None})
    for warning in made.warnings:
        click.echo(warning_line(warning), err=True)
    if out is None:
        click.echo(text.rstrip("\n"))
    else:
        out.write_text(text, encoding="utf-8")


@jobs.command("rename")
@WITH_JOB
@click.argument("names", nargs=-1, required=True, metavar="SPEAKER=NAME...")
@asks_service
def rename_speakers(service: Service, job_id: str, names: Sequence[str]) -> None:
    """Show other names for a job's speakers; "Speaker 1=" restores the first."""
    given = dict(name.split("=", 1) for name in names if "=" in name)
    if len(given) < len(names):
        raise click.UsageError('Each name is given as "Speaker 1=Ada".')
    with service.client() as client:
        show_job(client.jobs.rename_speakers(job_id, given), service.json)


@jobs.command("correct")
@WITH_JOB
@click.argument("segment", type=click.IntRange(min=0))
@click.argument("text", required=False)
@click.option("--speaker", help="Who says it, by the name that the result shows.")
@click.option("--restore", is_flag=True, help="To what the model wrote.")
@asks_service
def correct_job(
    service: Service, job_id: str, segment: int, text: str | None, speaker: str | None, restore: bool
) -> None:
    """Correct what a SEGMENT says, by its id in the result as JSON. An empty text removes it."""
    if restore == (text is not None or speaker is not None):
        raise click.UsageError("Give the TEXT that it says, a --speaker, or --restore alone.")
    correction: Correction = {"id": segment}
    if text is not None or restore:
        correction["text"] = text
    if speaker is not None or restore:
        correction["speaker"] = speaker
    with service.client() as client:
        show_job(client.jobs.correct(job_id, [correction]), service.json)


@jobs.command("cancel")
@WITH_JOB
@asks_service
def cancel_job(service: Service, job_id: str) -> None:
    """End a job at no charge."""
    with service.client() as client:
        show_job(client.jobs.cancel(job_id), service.json)


@jobs.command("delete")
@WITH_JOB
@asks_service
def delete_job(service: Service, job_id: str) -> None:
    """Erase a job's audio and text now."""
    with service.client() as client:
        client.jobs.delete(job_id)
    click.echo(as_json({"id": job_id, "deleted": True}) if service.json else f"{job_id} is erased.")


for webhook_command in (deliveries, redeliver, webhook_secret):
    jobs.add_command(webhook_command)


def show_job(job: Job, json_wanted: bool) -> None:
    """Print what is known of a job."""
    if json_wanted:
        click.echo(as_json(asdict(job)))
        return
    lines = [f"{job.id}  {job.status}"]
    facts: tuple[tuple[str, object, Callable[[], str]], ...] = (
        ("title", job.title, lambda: job.title),
        ("progress", job.progress, lambda: _progress(job)),
        ("error", job.error, lambda: job.error.error if job.error else ""),
        ("summary", job.summary, lambda: _summary(job)),
        ("webhook", job.webhook, lambda: job.webhook.url if job.webhook else ""),
        ("charged", job.usage, lambda: f"{job.usage.credits if job.usage else 0} credits"),
        ("erased", job.expires_at, lambda: f"{job.expires_at:%Y-%m-%dT%H:%M} UTC"),
    )
    lines += [f"{name:<9} {text()}" for name, known, text in facts if known]
    click.echo("\n".join(lines))


def _summary(job: Job) -> str:
    if job.summary is None:
        return ""
    return job.summary.error.error if job.summary.error else job.summary.style


def _progress(job: Job) -> str:
    if job.progress is None:
        return ""
    left = "" if job.progress.seconds_left is None else f", {job.progress.seconds_left:.0f} s left"
    return f"{job.progress.stage}, {100 * job.progress.fraction:.0f} %{left}"

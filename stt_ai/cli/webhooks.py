"""What the service sends to webhooks: `stt-ai jobs deliveries`, `redeliver` and `webhook-secret`."""

from dataclasses import asdict

import click

from stt_ai.cli.printing import as_json, table
from stt_ai.cli.service import Service, asks_service
from stt_ai.sdk import Delivery


@click.command()
@click.argument("job_id")
@asks_service
def deliveries(service: Service, job_id: str) -> None:
    """The messages to a job's webhook, and what came of the last attempt."""
    with service.client() as client:
        found = client.jobs.deliveries(job_id)
    _show(found, service.json)


@click.command()
@click.argument("job_id")
@click.argument("delivery_id")
@asks_service
def redeliver(service: Service, job_id: str, delivery_id: str) -> None:
    """Send a message again now, under the same webhook-id."""
    with service.client() as client:
        found = client.jobs.redeliver(job_id, delivery_id)
    _show((found,), service.json)


@click.command("webhook-secret")
@click.option("--rotate", is_flag=True, help="Change it.")
@click.option(
    "--overlap-hours",
    type=click.FloatRange(0, 720),
    help="With --rotate: the old one signs, too, so long. Default: 24.",
)
@asks_service
def webhook_secret(service: Service, rotate: bool, overlap_hours: float | None) -> None:
    """What your account's webhooks are signed with."""
    if overlap_hours is not None and not rotate:
        raise click.UsageError("--overlap-hours goes with --rotate.")
    with service.client() as client:
        found = client.rotate_webhook_secret(overlap_hours) if rotate else client.webhook_secret()
    click.echo(as_json(asdict(found)) if service.json else found.secret)


def _show(found: tuple[Delivery, ...], json_wanted: bool) -> None:
    if json_wanted:
        click.echo(as_json([asdict(one) for one in found]))
        return
    rows = [(one.id, one.event, one.status, str(len(one.attempts)), _outcome(one)) for one in found]
    click.echo(table("delivery event status attempts last", rows))


def _outcome(delivery: Delivery) -> str:
    """Return what came of the last attempt."""
    if not delivery.attempts:
        return "-"
    last = delivery.attempts[-1]
    return last.error or f"answered {last.status}"

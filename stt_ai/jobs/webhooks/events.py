"""The message that announces a job's end."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from stt_ai.jobs.messages import JobStatus
from stt_ai.jobs.queue import Queue
from stt_ai.jobs.tables import Job
from stt_ai.jobs.webhooks.messages import JobEvent
from stt_ai.jobs.webhooks.tables import WebhookDelivery

DELIVERIES = Queue(WebhookDelivery)


def announce(session: Session, row: Job, public_url: str, now: float) -> None:
    """Queue the message of the end of ``row``, in the transaction that ends it; nothing where it has no webhook."""
    if not row.webhook:
        return
    webhook = json.loads(row.webhook)
    event = JobEvent(f"job.{row.state}")
    message = {"type": event, "timestamp": _moment(now), "data": _data(row, webhook["metadata"], public_url)}
    delivery = WebhookDelivery(
        id=f"msg_{secrets.token_hex(16)}",
        owner=row.owner,
        created_at=now,
        job_id=row.id,
        event=event,
        url=webhook["url"],
        secret=webhook["secret"],
        message=json.dumps(message, separators=(",", ":")),
        include_text=webhook["include_text"] and event is JobEvent.SUCCEEDED,
    )
    DELIVERIES.add(session, delivery)


def _data(row: Job, metadata: dict[str, Any], public_url: str) -> dict[str, Any]:
    succeeded = row.state == JobStatus.SUCCEEDED
    job = f"{public_url.rstrip('/')}/v1/jobs/{row.id}"
    error = {"error": row.error, "code": row.error_code, "request_id": row.request_id}
    return {
        "id": row.id,
        "status": str(row.state),
        "created_at": _moment(row.created_at),
        "ended_at": _moment(row.ended_at or 0.0),
        "duration": row.duration_s,
        "model": row.model or None,
        "usage": {"seconds": row.duration_s, "credits": row.credits or 0} if succeeded else None,
        "error": error if row.error_code else None,
        "metadata": metadata,
        "links": {"job": job, "result": f"{job}/result" if succeeded else None},
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")

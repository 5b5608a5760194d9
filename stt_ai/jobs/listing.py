"""Jobs as their owners see them, one or by pages."""

import json

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from stt_ai.billing import accounts
from stt_ai.billing.cursors import cursor_of, position_of
from stt_ai.errors import NotFound
from stt_ai.jobs.messages import JobPage, JobStatus, JobView, Progress, Stage
from stt_ai.jobs.tables import Job

MAX_PAGE = 200


def own_job(session: Session, credential: str | None, job_id: str) -> Job:
    """Return the caller's own job. Raise `NotFound`, also for one of another account, and `Unauthorized`."""
    row = session.get(Job, job_id) if job_id.isprintable() else None
    owner = None if credential is None else accounts.authenticate(session, credential).id
    if row is None or not row.owner or (not row.anonymous if owner is None else row.owner != owner):
        raise NotFound("There is no such job, or it is not yours.")
    return row


def view(row: Job) -> JobView:
    """Return the job without anything of the inside."""
    webhook = json.loads(row.webhook) if row.webhook else None
    return JobView(
        id=row.id,
        status=JobStatus(row.state),
        request_id=row.request_id,
        title=row.title,
        options=row.options,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        expires_at=row.expires_at,
        attempt=row.attempt,
        progress=Progress(Stage(row.stage), row.done_s, row.total_s, row.seconds_left),
        duration_s=row.duration_s,
        model=row.model,
        credits=row.credits,
        error_code=row.error_code,
        error=row.error,
        speaker_names=json.loads(row.speaker_names),
        corrections=row.corrections,
        corrected_at=row.corrected_at,
        webhook_url=webhook["url"] if webhook else "",
        webhook_metadata=webhook["metadata"] if webhook else {},
        summary=row.summary,
        summary_error_code=row.summary_error_code,
        summary_error=row.summary_error,
    )


def page(session: Session, owner: str, status: JobStatus | None, cursor: str | None, limit: int) -> JobPage:
    """Return the jobs of ``owner`` after ``cursor``. New ones do not shift the pages. Raise `BadParameter`."""
    limit = max(1, min(limit, MAX_PAGE))
    query = select(Job).where(Job.owner == owner)
    if status is not None:
        query = query.where(Job.state == status)
    if cursor is not None:
        query = query.where(tuple_(col(Job.created_at), col(Job.id)) < position_of(cursor))
    rows = session.exec(query.order_by(col(Job.created_at).desc(), col(Job.id).desc()).limit(limit + 1)).all()
    more = cursor_of(rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
    return JobPage(tuple(view(row) for row in rows[:limit]), more)

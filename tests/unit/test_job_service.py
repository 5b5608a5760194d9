"""Jobs in the database: charged once, in the order and number that plans allow, seen by their owners, gone in time."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stt_ai.accounts import WorkKind
from stt_ai.billing.database import Database
from stt_ai.billing.plans import PaidPlan
from stt_ai.billing.service import BillingService
from stt_ai.errors import JobChanged, JobEnded, LeaseExpired, NotFound, PaymentRequired, TooManyJobs, TooManyRequests
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.messages import ClaimedJob, JobLoad, JobStatus, JobView, NewJob, NoSummary, Progress, Stage
from stt_ai.jobs.service import JobService
from stt_ai.jobs.webhooks.messages import Attempt
from stt_ai.jobs.webhooks.service import WebhookService
from stt_ai.meters import JOB_ATTEMPTS, JOBS_ENDED, WEBHOOK_ATTEMPTS, WEBHOOKS_ENDED
from tests.support.billing import Books
from tests.support.telemetry import RecordedMeters

HOOK = json.dumps({"url": "https://example.com/", "secret": "", "metadata": {}, "include_text": False})


class Desk:
    """A job service and the shortest way to ask it things."""

    def __init__(self, books: Books, **config: float) -> None:
        self.books = books
        self.service = JobService(books.service, JobsConfig(**config))

    def queue(self, key: str | None, idempotency_key: str | None = None, **more: Any) -> JobView:
        lease = self.books.admit(key, kind=WorkKind.SUBMISSION).lease
        new = NewJob(f"job_{uuid.uuid4().hex}", "r", "a.wav", "{}", "{}", idempotency_key=idempotency_key, **more)
        job = self.service.create(lease, new)
        self.books.service.settle(lease, 0)
        return job

    def claim(self) -> ClaimedJob:
        job = self.service.claim()
        assert job is not None
        return job

    def status(self, key: str | None, job_id: str) -> JobStatus:
        return self.service.get(key, job_id).status


@pytest.fixture
def desk(books: Books) -> Desk:
    return Desk(books)


def test_a_job_is_charged_once_and_only_when_it_succeeds(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    job = desk.queue(key)
    assert books.left(key) == (5, 0)
    work = desk.claim()
    desk.service.reserve(work.id, work.fence, 90)
    assert books.left(key) == (3, 2)
    desk.service.succeed(work.id, work.fence, 90, "m")
    desk.service.succeed(work.id, work.fence, 90, "m")
    assert books.left(key) == (3, 0)
    found = desk.service.get(key, job.id)
    assert (found.status, found.credits, found.duration_s) == (JobStatus.SUCCEEDED, 2, 90)
    assert [item.credits for item in books.service.usage(key, None, 10).items] == [2]
    assert books.operators.reconcile() == ()


def test_a_worker_that_died_charges_nothing_and_cannot_come_back(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    desk.queue(key)
    first = desk.claim()
    desk.service.reserve(first.id, first.fence, 60)
    assert desk.service.claim() is None
    books.clock.turn(31)
    second = desk.claim()
    assert (second.id, second.attempt) == (first.id, 2)
    assert books.left(key) == (5, 0)
    for late in (
        lambda: desk.service.succeed(first.id, first.fence, 60, "m"),
        lambda: desk.service.reserve(first.id, first.fence, 60),
        lambda: desk.service.renew(first.id, first.fence, Progress()),
        lambda: desk.service.fail(first.id, first.fence, "c", "m"),
        lambda: desk.service.retry(first.id, first.fence, "c", "m"),
    ):
        with pytest.raises(LeaseExpired):
            late()
    desk.service.succeed(second.id, second.fence, 60, "m")
    assert books.left(key) == (4, 0)
    assert books.operators.reconcile() == ()


def test_no_more_jobs_run_than_the_plan_has_slots_and_streams_count(books: Books, desk: Desk) -> None:
    key = books.account(credits=50)
    for _ in range(6):
        desk.queue(key)
    stream = books.admit(key, kind=WorkKind.STREAM)
    claimed = [desk.claim() for _ in range(4)]
    assert desk.service.claim() is None
    books.service.release(stream.lease)
    claimed.append(desk.claim())
    assert desk.service.claim() is None
    desk.service.succeed(claimed[0].id, claimed[0].fence, 1, "m")
    assert desk.service.claim() is not None


def summaries_left(books: Books) -> int:
    """Return how many summaries the address without a key may still ask for today."""
    for asked in range(10):
        try:
            books.service.settle(books.admit(None, kind=WorkKind.SUMMARY).lease, 0)
        except TooManyRequests:
            return asked
    raise AssertionError("there is no end")


@pytest.mark.parametrize(("no_summary", "left"), [(None, 2), (NoSummary("overloaded", "Too much."), 3)])
def test_a_summary_is_charged_with_its_job_where_it_was_written(
    books: Books, desk: Desk, no_summary: NoSummary | None, left: int
) -> None:
    job = desk.queue(None, summary="brief")
    work = desk.claim()
    assert work.summary == "brief"
    desk.service.reserve(work.id, work.fence, 60)
    desk.service.renew(work.id, work.fence, Progress())
    for _ in range(2):
        desk.service.succeed(work.id, work.fence, 60, "m", no_summary)
    found = desk.service.get(None, job.id)
    assert (found.status, found.summary_error_code) == (JobStatus.SUCCEEDED, no_summary.code if no_summary else "")
    assert summaries_left(books) == left
    assert books.operators.reconcile() == ()


def test_a_summary_that_cannot_be_paid_for_any_more_is_withheld_and_the_transcript_is_not(
    books: Books, desk: Desk
) -> None:
    job = desk.queue(None, summary="brief")
    work = desk.claim()
    assert summaries_left(books) == 3  # and now there is none
    desk.service.succeed(work.id, work.fence, 60, "m")
    found = desk.service.get(None, job.id)
    assert (found.status, found.summary_error_code) == (JobStatus.SUCCEEDED, "rate_limited")
    with pytest.raises(TooManyRequests):
        desk.queue(None, summary="brief")
    books.clock.turn(31)
    assert desk.queue(None).status is JobStatus.QUEUED
    assert books.operators.reconcile() == ()


def test_a_summary_costs_an_account_nothing_more(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    desk.queue(key, summary="detailed")
    work = desk.claim()
    desk.service.succeed(work.id, work.fence, 60, "m")
    assert books.left(key) == (4, 0)
    kinds = {item.kind: item.credits for item in books.service.usage(key, None, 10).items}
    assert kinds == {WorkKind.TRANSCRIPTION: 1, WorkKind.SUMMARY: 0}


def test_while_nobody_could_renew_no_lease_ends_for_a_job(books: Books) -> None:
    key = books.account(credits=5, plan=None)
    books.configure(paid=PaidPlan(max_concurrency=1))
    stream = books.admit(key, kind=WorkKind.STREAM)
    could_renew = [False]
    books.service = BillingService(
        books.database, books.service.config, books.clock, could_renew=lambda: could_renew[0]
    )
    desk = Desk(books)
    desk.queue(key)
    books.clock.turn(3600)
    assert desk.service.claim() is None
    books.service.renew(stream.lease)
    books.clock.turn(3600)
    could_renew[0] = True
    assert desk.service.claim() is not None


def test_a_job_is_taken_over_also_while_nobody_could_renew(books: Books) -> None:
    books.service = BillingService(books.database, books.service.config, books.clock, could_renew=lambda: False)
    desk = Desk(books)
    desk.queue(None)  # it has one slot, which the first attempt holds
    first = desk.claim()
    books.clock.turn(31)
    assert desk.claim().id == first.id
    assert desk.service.claim() is None


def test_where_nothing_is_counted_jobs_are_not_either(books: Books) -> None:
    books.configure(quotas=False)
    desk = Desk(books)
    for _ in range(5):
        desk.queue(None, summary="brief")
        work = desk.claim()
        desk.service.reserve(work.id, work.fence, 60)
        desk.service.succeed(work.id, work.fence, 60, "m")
    assert books.operators.reconcile() == ()


def test_what_is_to_be_done_is_told(books: Books, desk: Desk) -> None:
    assert desk.service.load() == JobLoad(0, 0, 0.0, (), 0)
    key = books.account(credits=50)
    for _ in range(3):
        desk.queue(key)
        books.clock.turn(10)
    begun, decoded = desk.claim(), desk.claim()
    desk.service.reserve(begun.id, begun.fence, 600)
    desk.service.renew(begun.id, begun.fence, Progress(Stage.DECODING))
    desk.service.renew(decoded.id, decoded.fence, Progress(Stage.TRANSCRIBING, 50, 300))
    load = desk.service.load()
    assert (load.queued, load.running, load.oldest_s) == (1, 2, 10.0)
    assert sorted(load.remaining_s) == [250, 600]
    desk.service.retry(begun.id, begun.fence, "replica_lost", "It died.")
    assert desk.service.load().oldest_s == 10.0  # what waits for its time does not wait for a worker
    assert desk.service.load().queued == 2


def test_attempts_and_ends_are_counted_once_they_are_committed(database_url: str) -> None:
    meters = RecordedMeters()
    database = Database(database_url, meters=meters)
    books = Books(database)
    desk = Desk(books)
    key = books.account(credits=1)
    first, second = desk.queue(key, webhook=HOOK), desk.queue(key)
    work = desk.claim()
    for _ in range(2):
        desk.service.succeed(work.id, work.fence, 60, "m")
    with pytest.raises(LeaseExpired):
        desk.service.fail(work.id, work.fence, "c", "m")
    assert work.id in (first.id, second.id)
    assert desk.service.claim() is None  # there is nothing left to pay it with
    assert meters.of(JOB_ATTEMPTS) == [1, 1]
    assert meters.of(JOBS_ENDED, outcome="succeeded") == meters.of(JOBS_ENDED, outcome="failed") == [1]
    webhooks = WebhookService(books.service)
    assert desk.service.load().webhooks == 1
    for attempt, ended in ((Attempt(0, 0, 500), []), (Attempt(0, 0, 204), [1])):
        books.clock.turn(10)
        delivery = webhooks.claim_delivery()
        assert delivery is not None
        webhooks.attempted(delivery.id, delivery.fence, attempt)
        assert meters.of(WEBHOOKS_ENDED) == ended
    assert meters.labels(WEBHOOK_ATTEMPTS) == {("outcome=failed",), ("outcome=delivered",)}
    assert desk.service.load().webhooks == 0
    database.close()


def test_queued_jobs_are_bounded_and_the_refusal_has_its_code(books: Books) -> None:
    desk = Desk(books, max_queued=2)
    key = books.account(credits=5)
    desk.queue(key)
    desk.queue(key)
    with pytest.raises(TooManyJobs) as refusal:
        desk.queue(key)
    assert refusal.value.code == "too_many_jobs"


def test_who_cannot_pay_is_refused_at_once_and_who_could_fails_later(books: Books, desk: Desk) -> None:
    key = books.account(credits=1)
    first = desk.queue(key)
    books.clock.turn(1)
    second = desk.queue(key)
    work = desk.claim()
    desk.service.reserve(work.id, work.fence, 60)
    assert desk.service.claim() is None
    assert desk.service.get(key, second.id).error_code == "no_credits"
    desk.service.succeed(work.id, work.fence, 60, "m")
    assert desk.status(key, first.id) is JobStatus.SUCCEEDED
    with pytest.raises(PaymentRequired):
        desk.queue(key)


def test_the_same_idempotency_key_gets_the_same_job_for_a_day(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    first = desk.queue(key, idempotency_key="k")
    assert desk.queue(key, idempotency_key="k").id == first.id
    assert desk.queue(books.account(credits=1), idempotency_key="k").id != first.id
    books.clock.turn(86_401)
    assert desk.queue(key, idempotency_key="k").id != first.id


def test_an_account_sees_its_own_jobs_only_and_an_anonymous_one_belongs_to_whoever_knows_its_id(
    books: Books, desk: Desk
) -> None:
    ada, bob = books.account(credits=5), books.account(credits=5)
    mine, open_to_all = desk.queue(ada), desk.queue(None)
    for stranger in (bob, None):
        with pytest.raises(NotFound):
            desk.service.get(stranger, mine.id)
    with pytest.raises(NotFound):
        desk.service.cancel(bob, mine.id)
    with pytest.raises(NotFound):
        desk.service.erase(None, mine.id)
    assert desk.status(None, open_to_all.id) is JobStatus.QUEUED
    with pytest.raises(NotFound):
        desk.service.get(ada, open_to_all.id)


def test_pages_go_newest_first_and_by_status(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    ids = []
    for _ in range(5):
        ids.append(desk.queue(key).id)
        books.clock.turn(1)
    desk.service.cancel(key, ids[0])
    page = desk.service.list_jobs(key, None, None, 2)
    rest = desk.service.list_jobs(key, None, page.next_cursor, 10)
    assert [job.id for job in (*page.jobs, *rest.jobs)] == ids[::-1]
    assert rest.next_cursor is None
    assert [job.id for job in desk.service.list_jobs(key, JobStatus.CANCELLED, None, 10).jobs] == [ids[0]]


def test_a_cancelled_job_gives_everything_back_and_stops_its_worker(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    job = desk.queue(key)
    work = desk.claim()
    desk.service.reserve(work.id, work.fence, 60)
    assert desk.service.cancel(key, job.id).status is JobStatus.CANCELLED
    assert desk.service.cancel(key, job.id).status is JobStatus.CANCELLED
    assert books.left(key) == (5, 0)
    with pytest.raises(LeaseExpired):
        desk.service.renew(work.id, work.fence, Progress())
    done = desk.queue(key)
    work = desk.claim()
    desk.service.succeed(work.id, work.fence, 1, "m")
    with pytest.raises(JobEnded):
        desk.service.cancel(key, done.id)


def test_faults_of_ours_are_tried_again_later_and_not_for_ever(books: Books) -> None:
    desk = Desk(books, max_failures=3, backoff_s=10)
    key = books.account(credits=5)
    job = desk.queue(key)
    for wait in (10, 20):
        work = desk.claim()
        desk.service.retry(work.id, work.fence, "replica_lost", "It failed.")
        books.clock.turn(wait - 1)
        assert desk.service.claim() is None
        books.clock.turn(1)
    work = desk.claim()
    desk.service.retry(work.id, work.fence, "replica_lost", "It failed.")
    found = desk.service.get(key, job.id)
    assert (found.status, found.error_code, found.attempt) == (JobStatus.FAILED, "replica_lost", 3)
    assert books.left(key) == (5, 0)


def test_a_job_that_goes_on_is_taken_up_however_often_its_workers_die(books: Books) -> None:
    desk = Desk(books, max_lost=2)
    key = books.account(credits=5)
    job = desk.queue(key)
    for done in range(1, 8):
        work = desk.claim()
        desk.service.renew(work.id, work.fence, Progress(Stage.DECODING))
        found = desk.service.get(key, job.id).progress
        assert (found.done_s, found.total_s) == ((done - 1, 10) if done > 1 else (0, 0)), "no progress is taken back"
        desk.service.renew(work.id, work.fence, Progress(Stage.TRANSCRIBING, done, 10))
        books.clock.turn(31)
    work = desk.claim()
    assert work.attempt == 8


def test_a_recording_that_kills_its_workers_is_given_up(books: Books) -> None:
    desk = Desk(books, max_failures=1, max_lost=3)
    key = books.account(credits=5)
    job = desk.queue(key)
    for _ in range(3):
        work = desk.claim()
        desk.service.renew(work.id, work.fence, Progress(Stage.DECODING))
        books.clock.turn(31)
    assert desk.service.claim() is None
    found = desk.service.get(key, job.id)
    assert (found.status, found.error_code) == (JobStatus.FAILED, "replica_lost")
    assert books.left(key) == (5, 0)


def test_what_is_over_expires_and_is_then_forgotten(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    job = desk.queue(key, retention_s=100)
    work = desk.claim()
    desk.service.succeed(work.id, work.fence, 1, "m")
    books.clock.turn(99)
    assert desk.service.overdue() == ()
    books.clock.turn(1)
    assert desk.service.overdue() == (job.id,) == desk.service.overdue()  # the sweep may have died between
    found = desk.service.get(key, job.id)
    assert (found.status, found.title, found.options) == (JobStatus.EXPIRED, "", "{}")
    desk.service.erased(job.id)
    assert desk.service.overdue() == ()
    assert desk.service.kept((job.id,)) == frozenset()
    books.clock.turn(24 * 3600 + 1)
    desk.service.overdue()
    with pytest.raises(NotFound):
        desk.service.get(key, job.id)


def test_a_job_that_never_ran_expires_too_and_is_swept_however_often_the_sweep_dies(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    job = desk.queue(key, retention_s=100)
    books.clock.turn(100)
    assert desk.service.overdue() == (job.id,) == desk.service.overdue()
    assert desk.status(key, job.id) is JobStatus.EXPIRED


def test_an_erased_job_is_gone_at_once_and_its_files_are_known_to_be_swept(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    job = desk.queue(key)
    desk.service.erase(key, job.id)
    with pytest.raises(NotFound):
        desk.service.get(key, job.id)
    assert desk.service.overdue() == (job.id,)
    desk.service.erased(job.id)
    assert desk.service.overdue() == ()


def test_speakers_are_renamed_and_restored(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    job = desk.queue(key)
    desk.service.rename_speakers(key, job.id, {"Speaker 1": "Ada", "Speaker 2": "Bob"})
    assert desk.service.rename_speakers(key, job.id, {"Speaker 2": ""}).speaker_names == {"Speaker 1": "Ada"}


def test_of_two_who_correct_at_once_one_is_told_to_look_again(books: Books, desk: Desk) -> None:
    key = books.account(credits=5)
    job = desk.queue(key)
    with pytest.raises(JobChanged):
        desk.service.correct(key, job.id, "", "a")  # it has no text yet
    work = desk.claim()
    desk.service.succeed(work.id, work.fence, 60, "m")
    for _ in range(2):  # the answer to the first call was lost
        assert desk.service.correct(key, job.id, "", "a").corrections == "a"
    with pytest.raises(JobChanged):
        desk.service.correct(key, job.id, "", "b")
    with pytest.raises(NotFound):
        desk.service.correct(books.account(), job.id, "a", "b")
    found = desk.service.correct(key, job.id, "a", "b")
    assert (found.corrections, found.corrected_at) == ("b", books.clock())
    assert desk.service.correct(key, job.id, "b", "").corrected_at is None


@pytest.fixture
def new_desk(books: Books) -> Callable[[], Desk]:
    return lambda: Desk(books)


STEPS = st.lists(st.sampled_from(["queue", "claim", "renew", "reserve", "succeed", "retry", "fail", "cancel", "turn"]))


# On one kind of database: test_billing_machine.py charges in any order on both.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_order_of_events_charges_a_job_twice_or_leaves_anything_held(
    new_desk: Callable[[], Desk], steps: list[str]
) -> None:
    desk = new_desk()
    books = desk.books
    key = books.account(credits=1000)
    jobs: list[str] = []
    claims: list[ClaimedJob] = []
    for step in steps:
        try:
            match step:
                case "queue":
                    jobs.append(desk.queue(key, webhook=HOOK).id)
                case "claim":
                    claims += [claimed] if (claimed := desk.service.claim()) else []
                case "cancel" if jobs:
                    desk.service.cancel(key, jobs[-1])
                case "turn":
                    books.clock.turn(31)
                case _ if claims:
                    work = claims[len(jobs) % len(claims)]  # often a worker that was given up
                    arguments = {"renew": (Progress(),), "reserve": (90,), "succeed": (90, "m")}
                    getattr(desk.service, step)(work.id, work.fence, *arguments.get(step, ("c", "m")))
        except (LeaseExpired, JobEnded):
            pass
    succeeded = [job for job in jobs if desk.status(key, job) is JobStatus.SUCCEEDED]
    for job in jobs:
        if desk.status(key, job) in (JobStatus.QUEUED, JobStatus.RUNNING):
            desk.service.cancel(key, job)
    webhooks = WebhookService(books.service)
    for job in jobs:
        (delivery,) = webhooks.deliveries(key, job)
        assert delivery.event == f"job.{desk.status(key, job)}"
    assert books.left(key) == (1000 - 2 * len(succeeded), 0)
    assert books.operators.reconcile() == ()

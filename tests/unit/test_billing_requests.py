"""Requests from their admission to their end, on each kind of database."""

from datetime import UTC, datetime

import pytest

from stt_ai.accounts import Allowance, PlanName, WorkKind
from stt_ai.billing.keys import new_key
from stt_ai.billing.messages import Asking
from stt_ai.errors import LeaseExpired, PaymentRequired, TooManyRequests, Unauthorized
from tests.support.billing import Books

UNTIL_MIDNIGHT = 12 * 3600  # from the clock's noon
UNTIL_DECEMBER = 8 * 86_400 + UNTIL_MIDNIGHT


def test_each_plan_is_granted_what_the_contract_says(books: Books) -> None:
    anonymous, free, paid = books.admit(), books.admit(books.account()), books.admit(books.account(credits=50))
    assert (anonymous.plan, anonymous.max_file_bytes, anonymous.at_once) == (PlanName.ANONYMOUS, 100_000_000, 1)
    assert (free.plan, free.max_file_bytes, free.at_once) == (PlanName.FREE, 500_000_000, 2)
    assert (paid.plan, paid.max_file_bytes, paid.at_once) == (PlanName.PAID, 2_000_000_000, 5)
    assert anonymous.allowance == Allowance(3, 3, UNTIL_MIDNIGHT)
    assert free.allowance == Allowance(600, 600, UNTIL_DECEMBER)
    assert paid.allowance == Allowance(50, 50, None)


def test_an_unknown_a_mistyped_and_a_revoked_key_are_refused(books: Books) -> None:
    key = books.account()
    own = books.service.list_keys(key)[0]
    for wrong, message in ((new_key(), "does not know"), (key[:-1] + "?", "not an API key"), ("", "not an API key")):
        with pytest.raises(Unauthorized, match=message):
            books.admit(wrong)
    lease = books.admit(key).lease
    books.service.revoke_key(key, own.id)
    with pytest.raises(Unauthorized, match="revoked"):
        books.admit(key)
    books.service.settle(lease, 30)  # what it began is still charged


def test_anonymous_access_can_be_switched_off(books: Books) -> None:
    books.configure(anonymous_allowed=False)
    with pytest.raises(Unauthorized, match="needs an API key"):
        books.admit()
    books.admit(books.account())


def test_the_fourth_anonymous_transcription_of_a_day_waits_for_midnight(books: Books) -> None:
    for _ in range(3):
        books.serve(seconds=3000)
    books.clock.turn(UNTIL_MIDNIGHT - 10)
    with pytest.raises(TooManyRequests, match="3 transcriptions a day") as refused:
        books.admit()
    assert (refused.value.retry_after, refused.value.limit) == (10, 3)
    books.serve(address="192.0.2.2")
    books.clock.turn(10)
    books.serve()


def test_a_failed_anonymous_request_is_not_counted(books: Books) -> None:
    for _ in range(10):
        lease = books.admit().lease
        books.service.reserve(lease, 30)
        books.service.release(lease)
    assert books.admit().allowance == Allowance(3, 3, UNTIL_MIDNIGHT)


def test_summaries_are_counted_apart_and_cost_accounts_nothing(books: Books) -> None:
    for _ in range(3):
        books.serve(kind=WorkKind.SUMMARY, seconds=0)
    with pytest.raises(TooManyRequests, match="3 summaries a day"):
        books.admit(kind=WorkKind.SUMMARY)
    books.serve()
    broke = books.account(plan=PlanName.PAID)
    for _ in range(5):
        books.serve(broke, kind=WorkKind.SUMMARY, seconds=0)
    assert books.left(broke) == (0, 0)


def test_a_summary_needs_no_slot(books: Books) -> None:
    books.admit()
    assert books.admit(kind=WorkKind.SUMMARY).allowance == Allowance(3, 3, UNTIL_MIDNIGHT)


@pytest.mark.parametrize("plan", list(PlanName))
def test_there_are_as_many_summaries_at_once_as_slots(books: Books, plan: PlanName) -> None:
    """Their texts are megabytes: one caller must not send them on all of the service's connections."""
    key = None if plan is PlanName.ANONYMOUS else books.account(credits=100 if plan is PlanName.PAID else 0)
    books.admit(key)
    leases = [
        books.admit(key, kind=WorkKind.SUMMARY).lease for _ in range(books.service.config.limits(plan).max_concurrency)
    ]
    with pytest.raises(TooManyRequests, match="at once"):
        books.admit(key, kind=WorkKind.SUMMARY)
    books.service.release(leases[0])
    books.admit(key, kind=WorkKind.SUMMARY)


@pytest.mark.parametrize("plan", list(PlanName))
def test_transcriptions_and_streams_share_the_slots(books: Books, plan: PlanName) -> None:
    key = None if plan is PlanName.ANONYMOUS else books.account(credits=100 if plan is PlanName.PAID else 0)
    limit = books.service.config.limits(plan).max_concurrency
    kinds = [WorkKind.STREAM, WorkKind.TRANSCRIPTION] * 3
    leases = [books.admit(key, kind=kind).lease for kind in kinds[:limit]]
    with pytest.raises(TooManyRequests, match="at once") as refused:
        books.admit(key)
    assert refused.value.limit is None
    assert refused.value.retry_after < 10
    books.service.release(leases[0])
    books.admit(key)


def test_free_minutes_are_counted_by_month(books: Books) -> None:
    key = books.account()
    books.serve(key, seconds=599 * 60 - 0.5)
    lease = books.admit(key).lease
    with pytest.raises(TooManyRequests, match="needs 2 minutes; 1 of this month's 600 free ones") as refused:
        books.service.reserve(lease, 61)
    assert (refused.value.retry_after, refused.value.limit) == (UNTIL_DECEMBER, 600)
    assert books.service.reserve(lease, 60) == Allowance(600, 0, UNTIL_DECEMBER)
    books.service.settle(lease, 60)
    with pytest.raises(TooManyRequests, match="600 free minutes are used up"):
        books.admit(key)
    books.clock.turn(UNTIL_DECEMBER)
    assert books.admit(key).allowance == Allowance(600, 600, 31 * 86_400)


def test_credits_are_reserved_settled_and_given_back(books: Books) -> None:
    key = books.account(credits=10)
    lease = books.admit(key).lease
    assert books.service.reserve(lease, 200) == Allowance(10, 6, None)
    assert books.left(key) == (6, 4)
    assert books.service.settle(lease, 130) == Allowance(10, 7, None)
    assert books.left(key) == (7, 0)
    lease = books.admit(key).lease
    books.service.reserve(lease, 7 * 60)
    assert books.left(key) == (0, 7)
    books.service.release(lease)
    assert books.left(key) == (7, 0)


def test_audio_that_the_credits_do_not_cover_is_402_that_says_what_is_missing(books: Books) -> None:
    key = books.account(credits=2)
    lease = books.admit(key).lease
    with pytest.raises(PaymentRequired, match=r"^This recording needs 3 credits; you have 2\. Add credits"):
        books.service.reserve(lease, 121)
    assert books.left(key) == (2, 0)
    books.service.reserve(lease, 120)
    with pytest.raises(PaymentRequired, match=r"^No credits remaining\. Upgrade your plan\.$"):
        books.admit(key)
    books.service.settle(lease, 120)
    with pytest.raises(PaymentRequired):
        books.admit(key)


def test_a_stream_reserves_minute_by_minute(books: Books) -> None:
    key = books.account(credits=3)
    lease = books.admit(key, kind=WorkKind.STREAM).lease
    for second in (1, 30, 60, 61, 61, 125):
        books.service.reserve(lease, second)
    assert books.left(key) == (0, 3)
    with pytest.raises(PaymentRequired):
        books.service.reserve(lease, 181)
    assert books.left(key) == (0, 3)
    books.service.settle(lease, 121.5)
    assert books.left(key) == (0, 0)
    assert books.operators.reconcile() == ()


def test_every_step_may_be_repeated_and_counts_once(books: Books) -> None:
    key = books.account(credits=10)
    lease = books.admit(key, lease="a" * 32).lease
    assert books.admit(key, lease="a" * 32).lease == lease
    for _ in range(2):
        books.service.reserve(lease, 61)
    assert books.left(key) == (8, 2)
    for _ in range(3):
        books.service.settle(lease, 61)
    books.service.release(lease)
    assert books.left(key) == (8, 0)
    assert books.service.account(key).running == 0
    with pytest.raises(LeaseExpired):
        books.admit(key, lease="a" * 32)
    with pytest.raises(LeaseExpired):
        books.service.reserve(lease, 61)


def test_a_lease_cannot_be_had_with_another_callers_key(books: Books) -> None:
    books.admit(books.account(credits=10), lease="b" * 32)
    with pytest.raises(LeaseExpired):
        books.admit(books.account(credits=10), lease="b" * 32)


def test_a_lease_that_nobody_renews_gives_everything_back(books: Books) -> None:
    key = books.account(credits=10)
    permit = books.admit(key)
    books.service.reserve(permit.lease, 300)
    assert 2 * permit.renew_every_s < books.service.config.lease_s
    for _ in range(20):
        books.clock.turn(permit.renew_every_s)
        books.service.renew(permit.lease)
    assert books.service.expire_overdue() == 0
    books.clock.turn(books.service.config.lease_s)
    assert books.service.expire_overdue() == 1
    assert books.left(key) == (10, 0)
    assert books.service.account(key).running == 0
    with pytest.raises(LeaseExpired):
        books.service.renew(permit.lease)
    with pytest.raises(LeaseExpired):
        books.service.reserve(permit.lease, 400)


def test_the_next_request_of_a_caller_does_not_wait_for_the_periodic_expiry(books: Books) -> None:
    lease = books.admit().lease
    books.service.reserve(lease, 30)
    books.clock.turn(books.service.config.lease_s)
    assert books.admit().allowance == Allowance(3, 3, UNTIL_MIDNIGHT - 30)


def test_a_late_settlement_is_charged_once_where_it_is_still_covered(books: Books) -> None:
    key = books.account(credits=3)
    late, lost = books.admit(key).lease, books.admit(key).lease
    books.service.reserve(late, 120)
    books.service.reserve(lost, 60)
    books.clock.turn(3600)
    books.service.expire_overdue()
    books.service.settle(late, 120)
    books.service.settle(late, 120)
    assert books.left(key) == (1, 0)
    books.serve(key)
    with pytest.raises(PaymentRequired):
        books.service.settle(lost, 60)  # so its result is not delivered
    assert books.left(key) == (0, 0)
    assert books.operators.reconcile() == ()


def test_a_released_request_cannot_be_charged(books: Books) -> None:
    key = books.account(credits=3)
    lease = books.admit(key).lease
    books.service.release(lease)
    with pytest.raises(LeaseExpired):
        books.service.settle(lease, 60)
    expired = books.admit(key).lease
    books.clock.turn(3600)
    books.service.expire_overdue()
    books.service.release(expired)
    with pytest.raises(LeaseExpired):
        books.service.settle(expired, 60)
    assert books.left(key) == (3, 0)


def test_an_outage_of_billing_itself_ends_no_work_that_still_runs(books: Books) -> None:
    key = books.account(credits=3)
    lease = books.admit(key).lease
    books.clock.turn(3600)
    books.service.renew(lease)
    assert books.service.expire_overdue() == 0
    books.service.reserve(lease, 60)


def test_a_request_is_charged_in_the_period_in_which_it_began(books: Books) -> None:
    books.clock.now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC).timestamp()
    key = books.account()
    lease = books.admit(key).lease
    books.clock.turn(120)
    books.service.renew(lease)
    assert books.service.settle(lease, 600) == Allowance(600, 590, 0)
    assert books.admit(key).allowance == Allowance(600, 600, 31 * 86_400 - 60)


def test_work_stays_on_the_plan_that_it_began_with(books: Books) -> None:
    key = books.account()
    lease = books.admit(key).lease
    account = books.service.account(key)
    books.operators.grant(account.id, 5, "invoice 1")
    books.service.settle(lease, 60)
    assert books.left(key) == (5, 0)
    assert books.admit(key).plan is PlanName.PAID


def test_nothing_is_known_of_a_lease_that_never_was(books: Books) -> None:
    books.service.release("never")
    for act in (lambda: books.service.settle("never", 1), lambda: books.service.renew("never")):
        with pytest.raises(LeaseExpired):
            act()


def test_addresses_are_hashed_with_a_secret_that_survives_a_restart(books: Books) -> None:
    for _ in range(3):
        books.serve()
    books.configure()  # a new service on the same database
    with pytest.raises(TooManyRequests):
        books.admit()
    books.configure(address_secret="the operator's")
    books.admit()


def test_what_is_asked_shows_no_key_in_a_log(books: Books) -> None:
    key = books.account()
    asking = Asking("c" * 32, key, "192.0.2.1", WorkKind.SUMMARY, "r")
    assert key not in repr(asking)
    assert "192.0.2.1" not in repr(asking)

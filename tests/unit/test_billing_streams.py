"""Streams in the books: minutes reserved as they begin, charged on any ending, and the tokens that open one."""

import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.accounts import WorkKind
from stt_ai.billing import keys
from stt_ai.billing.database import Database
from stt_ai.billing.tables import StreamToken
from stt_ai.errors import LeaseExpired, PaymentRequired, TooManyRequests, Unauthorized
from tests.support.billing import Books, migrated_database

STREAM = WorkKind.STREAM


def token_of(books: Books, key: str) -> str:
    token = keys.new_token()
    assert books.service.create_token(key, token).secret == token
    return token


def expire(books: Books) -> None:
    books.clock.turn(books.service.config.lease_s + 1)
    books.service.expire_overdue()
    assert books.operators.reconcile() == ()


# Minutes.


def test_each_minute_is_held_before_it_begins_and_charged_at_the_end(books: Books) -> None:
    key = books.account(credits=10)
    lease = books.admit(key, kind=STREAM).lease
    for minute in (1, 2, 3):
        books.service.reserve(lease, 60.0 * minute)
        assert books.left(key) == (10 - minute, minute)
    books.service.settle(lease, 125.0)
    assert books.left(key) == (7, 0)
    (item,) = books.service.usage(key, None, 9).items
    assert (item.kind, item.seconds, item.credits) == (STREAM, 125.0, 3)


def test_the_minute_that_credits_do_not_cover_is_refused_and_what_was_transcribed_is_charged(books: Books) -> None:
    key = books.account(credits=2)
    lease = books.admit(key, kind=STREAM).lease
    books.service.reserve(lease, 120)
    with pytest.raises(PaymentRequired):
        books.service.reserve(lease, 180)
    books.service.settle(lease, 120)
    assert books.left(key) == (0, 0)
    with pytest.raises(PaymentRequired):
        books.admit(key, kind=STREAM)


@pytest.mark.parametrize(("reserved", "charged"), [(0, 0), (1, 0), (2, 1), (7, 6)])
def test_a_stream_whose_server_died_pays_for_the_minutes_that_had_begun(
    books: Books, reserved: int, charged: int
) -> None:
    key = books.account(credits=10)
    lease = books.admit(key, kind=STREAM).lease
    for minute in range(1, reserved + 1):
        books.service.reserve(lease, 60.0 * minute)
    expire(books)
    assert books.left(key) == (10 - charged, 0)
    assert [item.credits for item in books.service.usage(key, None, 9).items] == [charged] * bool(charged)
    books.service.release(lease)  # the server was only slow, and says goodbye after all
    assert books.left(key) == (10 - charged, 0)


def test_a_stream_that_was_given_up_gets_no_further_minute_and_is_charged_once(books: Books) -> None:
    key = books.account(credits=10)
    lease = books.admit(key, kind=STREAM).lease
    books.service.reserve(lease, 180)
    expire(books)
    with pytest.raises(LeaseExpired):
        books.service.reserve(lease, 240)
    books.service.settle(lease, 170)
    assert books.left(key) == (8, 0)


def test_a_transcription_whose_server_died_still_costs_nothing(books: Books) -> None:
    key = books.account(credits=10)
    books.service.reserve(books.admit(key).lease, 600)
    expire(books)
    assert books.left(key) == (10, 0)


def test_a_free_account_streams_on_its_minutes_until_they_are_used_up(books: Books) -> None:
    books.configure(free={"minutes_per_month": 2})
    key = books.account()
    lease = books.admit(key, kind=STREAM).lease
    books.service.reserve(lease, 120)
    with pytest.raises(TooManyRequests, match="used up"):
        books.service.reserve(lease, 180)
    books.service.settle(lease, 120)
    with pytest.raises(TooManyRequests, match="used up"):
        books.admit(key, kind=STREAM)


def test_without_a_key_a_stream_of_any_length_is_one_of_the_days_three(books: Books) -> None:
    first = books.admit(kind=STREAM)
    assert first.allowance is not None
    assert (first.allowance.limit, first.allowance.remaining) == (3, 3)
    for minute in (1, 2, 3, 4, 5):
        left = books.service.reserve(first.lease, 60.0 * minute)
        assert left is not None and left.remaining == 2
    books.service.settle(first.lease, 290)
    books.serve()
    lost = books.admit(kind=STREAM)
    books.service.reserve(lost.lease, 600)
    expire(books)
    books.serve(kind=STREAM)  # what a dead server took away was given back
    with pytest.raises(TooManyRequests, match="midnight"):
        books.admit(kind=STREAM)


def test_streams_and_transcriptions_share_the_slots(books: Books) -> None:
    key = books.account()
    leases = [books.admit(key, kind=STREAM).lease, books.admit(key).lease]
    for kind in (STREAM, WorkKind.TRANSCRIPTION):
        with pytest.raises(TooManyRequests, match="at once"):
            books.admit(key, kind=kind)
    books.service.release(leases[0])
    assert books.admit(key, kind=STREAM)


Steps = Sequence[tuple[str, int]]


@settings(max_examples=20)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["minute", "settle", "release", "wait", "expire"]), st.integers(0, 59))),
    credits=st.integers(1, 6),
)
def test_whatever_happens_a_stream_is_charged_once_and_never_beyond_what_was_transcribed(
    tmp_path_factory: pytest.TempPathFactory, steps: Steps, credits: int
) -> None:
    folder: Path = tmp_path_factory.getbasetemp()
    database = Database(migrated_database("sqlite", folder))
    books = Books(database)
    key = books.account(credits=credits)
    lease = books.admit(key, kind=STREAM).lease
    reserved, over = 0, False
    for step, seconds in steps:
        try:
            if step == "minute":
                books.service.reserve(lease, 60.0 * (reserved + 1))
                reserved += 1
            elif step == "settle":
                books.service.settle(lease, max(0.0, 60.0 * (reserved - 1)) + seconds)
                over = True
            elif step == "release":
                books.service.release(lease)
                over = True
            elif step == "wait":
                books.clock.turn(seconds)
            else:
                over = books.service.expire_overdue() > 0 or over
        except (PaymentRequired, LeaseExpired):
            pass
    expire(books)
    left, held = books.left(key)
    assert held == 0
    assert 0 <= credits - left <= max(1, reserved)
    assert reserved == 0 or over or credits - left == reserved - 1
    database.close()


# Tokens.


def test_a_token_opens_one_stream_of_its_account(books: Books) -> None:
    key = books.account(credits=5)
    token = token_of(books, key)
    lease = books.admit(token, kind=STREAM).lease
    books.service.reserve(lease, 60)
    assert books.left(key) == (4, 1)
    with pytest.raises(Unauthorized, match="used already"):
        books.admit(token, kind=STREAM)


def test_an_admission_that_is_asked_again_spends_a_token_once(books: Books) -> None:
    token, lease = token_of(books, books.account(credits=5)), uuid.uuid4().hex
    assert books.admit(token, kind=STREAM, lease=lease).lease == lease
    books.clock.turn(books.service.config.lease_s - 1)
    assert books.admit(token, kind=STREAM, lease=lease).lease == lease


def test_a_refused_admission_leaves_the_token_unspent(books: Books) -> None:
    key = books.account()
    busy = [books.admit(key).lease for _ in range(2)]
    token = token_of(books, key)
    with pytest.raises(TooManyRequests):
        books.admit(token, kind=STREAM)
    books.service.release(busy[0])
    assert books.admit(token, kind=STREAM)


def test_of_many_at_once_one_gets_the_token(books: Books) -> None:
    token = token_of(books, books.account(credits=50))
    together = threading.Barrier(5)

    def enter(_: int) -> bool:
        together.wait(30)
        try:
            return bool(books.admit(token, kind=STREAM))
        except Unauthorized:
            return False

    with ThreadPoolExecutor(5) as threads:
        assert sum(threads.map(enter, range(5))) == 1


def test_a_token_lives_for_a_minute(books: Books) -> None:
    key = books.account()
    early, late = token_of(books, key), token_of(books, key)
    books.clock.turn(59.9)
    assert books.admit(early, kind=STREAM)
    books.clock.turn(0.1)
    with pytest.raises(Unauthorized, match="too old"):
        books.admit(late, kind=STREAM)


def test_a_token_dies_with_the_key_that_made_it(books: Books) -> None:
    key = books.account()
    other = books.service.create_key(key, "key_2", keys.new_key(), "laptop").secret
    token, others = token_of(books, key), token_of(books, other)
    books.service.revoke_key(other, "key_2")
    with pytest.raises(Unauthorized, match="revoked"):
        books.admit(others, kind=STREAM)
    assert books.admit(token, kind=STREAM)


@pytest.mark.parametrize("kind", [WorkKind.TRANSCRIPTION, WorkKind.SUMMARY])
def test_a_token_opens_nothing_else(books: Books, kind: WorkKind) -> None:
    token = token_of(books, books.account())
    with pytest.raises(Unauthorized, match="stream"):
        books.admit(token, kind=kind)
    with pytest.raises(Unauthorized):
        books.service.account(token)
    assert books.admit(token, kind=STREAM)


@pytest.mark.parametrize("token", ["stt_once_", "stt_once_" + "0" * 36, "stt_once_" + "\x00" * 36])
def test_what_is_no_token_is_refused(books: Books, token: str) -> None:
    with pytest.raises(Unauthorized):
        books.admit(token, kind=STREAM)
    with pytest.raises(Unauthorized, match="not known"):
        books.admit(keys.new_token(), kind=STREAM)


def test_only_the_hash_of_a_token_is_kept_and_not_for_ever(books: Books) -> None:
    token = token_of(books, books.account())
    books.clock.turn(books.service.config.stream_token_s)
    books.service.expire_overdue()
    with books.database.reading() as session:
        row = session.get_one(StreamToken, keys.hash_of(token))
        assert token not in repr(row)
    books.clock.turn(3600)
    books.service.expire_overdue()
    with books.database.reading() as session:
        assert session.get(StreamToken, keys.hash_of(token)) is None


def test_a_token_that_is_made_again_is_the_same(books: Books) -> None:
    key, token = books.account(), keys.new_token()
    made = books.service.create_token(key, token)
    books.clock.turn(5)
    assert books.service.create_token(key, token) == made
    assert token not in repr(made)


def test_nobody_may_fill_the_table(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stt_ai.billing.tokens.MAX_UNSPENT", 3)
    key = books.account()
    first, *_ = [token_of(books, key) for _ in range(3)]
    with pytest.raises(TooManyRequests):
        token_of(books, key)
    books.admit(first, kind=STREAM)
    token_of(books, key)

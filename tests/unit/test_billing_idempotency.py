"""Idempotency keys, on each kind of database."""

import pytest
from sqlmodel import select

from stt_ai.accounts import StoredResponse
from stt_ai.billing.messages import packed, unpacked
from stt_ai.billing.tables import Claim
from stt_ai.errors import BadParameter, LeaseExpired, StillRunning
from tests.support.billing import Books

ANSWER = StoredResponse(200, (("content-type", "application/json"), ("x-more", "ü")), b'{"text": "hello"}' * 1000)
KEPT = packed(ANSWER)


def answered(books: Books, key: str | None, name: str = "order-1", body: str = "body") -> None:
    lease = books.admit(key, idempotency_key=name).lease
    assert books.service.claim(lease, name, body) is None
    books.service.reserve(lease, 61)
    books.service.settle(lease, 61, KEPT)


def test_an_answer_is_stored_small_and_comes_back_whole() -> None:
    assert unpacked(KEPT) == ANSWER
    assert len(KEPT.body) < len(ANSWER.body) / 10


def test_the_same_request_again_is_answered_and_charged_once(books: Books) -> None:
    key = books.account(credits=10)
    answered(books, key)
    for _ in range(3):
        permit = books.admit(key, idempotency_key="order-1")
        assert permit.replay
        assert books.service.claim(permit.lease, "order-1", "body") == KEPT
        books.service.release(permit.lease)
    assert books.left(key) == (8, 0)
    assert books.operators.reconcile() == ()


def test_a_replay_needs_no_allowance_and_can_take_none(books: Books) -> None:
    answered(books, None)
    books.serve()
    books.serve()
    permit = books.admit(idempotency_key="order-1")
    for act in (books.service.reserve, books.service.settle):
        with pytest.raises(LeaseExpired):
            act(permit.lease, 30)
    books.service.release(permit.lease)
    spent = books.account(credits=2)
    answered(books, spent)
    assert books.left(spent) == (0, 0)
    assert books.admit(spent, idempotency_key="order-1").replay


def test_another_body_under_the_same_key_is_refused(books: Books) -> None:
    key = books.account(credits=10)
    answered(books, key)
    permit = books.admit(key, idempotency_key="order-1")
    with pytest.raises(BadParameter, match="Idempotency-Key") as refused:
        books.service.claim(permit.lease, "order-1", "another body")
    assert refused.value.parameter == "Idempotency-Key"


def test_while_the_first_is_at_work_the_second_is_told_to_wait(books: Books) -> None:
    key = books.account(credits=10)
    first = books.admit(key, idempotency_key="order-1").lease
    second = books.admit(key, idempotency_key="order-1").lease  # neither has read its body yet
    assert books.service.claim(first, "order-1", "body") is None
    assert books.service.claim(first, "order-1", "body") is None
    with pytest.raises(StillRunning) as waiting:
        books.service.claim(second, "order-1", "body")
    assert 0 < waiting.value.retry_after < 60
    with pytest.raises(BadParameter):
        books.service.claim(second, "order-1", "another body")
    with pytest.raises(StillRunning):
        books.admit(key, idempotency_key="order-1")
    assert books.service.claim(second, "order-2", "body") is None


def test_an_anonymous_caller_whose_only_slot_is_taken_by_the_first_is_told_so(books: Books) -> None:
    lease = books.admit(idempotency_key="order-1").lease
    books.service.claim(lease, "order-1", "body")
    with pytest.raises(StillRunning):
        books.admit(idempotency_key="order-1")


def test_a_request_that_failed_leaves_its_key_free(books: Books) -> None:
    key = books.account(credits=10)
    lease = books.admit(key, idempotency_key="order-1").lease
    books.service.claim(lease, "order-1", "a broken body")
    books.service.release(lease)
    answered(books, key, body="a mended body")
    assert books.left(key) == (8, 0)


def test_keys_of_different_callers_do_not_meet(books: Books) -> None:
    one, other = books.account(credits=10), books.account(credits=10)
    answered(books, one)
    answered(books, other, body="another body")
    answered(books, None, body="a third")
    assert books.left(other) == (8, 0)


def test_an_answer_is_kept_for_a_day(books: Books) -> None:
    key = books.account(credits=10)
    answered(books, key)
    books.clock.turn(86_399)
    books.service.expire_overdue()
    replay = books.admit(key, idempotency_key="order-1")
    assert replay.replay
    books.clock.turn(2)
    assert books.service.claim(replay.lease, "order-1", "body") == KEPT  # it was promised when it was admitted
    books.service.release(replay.lease)
    answered(books, key, body="another body")
    assert books.left(key) == (6, 0)


def test_a_replay_whose_answer_is_deleted_meanwhile_is_to_be_sent_again(books: Books) -> None:
    key = books.account(credits=10)
    answered(books, key)
    books.clock.turn(86_399)
    replay = books.admit(key, idempotency_key="order-1")
    books.clock.turn(2)
    books.service.expire_overdue()
    with pytest.raises(LeaseExpired):
        books.service.claim(replay.lease, "order-1", "body")
    assert books.left(key) == (8, 0)


def test_a_request_sent_again_after_its_lease_expired_is_charged_once(books: Books) -> None:
    key = books.account(credits=10)
    lost = books.admit(key, idempotency_key="order-1").lease
    books.service.claim(lost, "order-1", "body")
    books.service.reserve(lost, 61)
    books.clock.turn(3600)
    again = books.admit(key, idempotency_key="order-1").lease
    assert books.service.claim(again, "order-1", "body") is None
    with pytest.raises(LeaseExpired):
        books.service.settle(lost, 61, KEPT)  # its server was only slow
    books.service.settle(again, 61, KEPT)
    assert books.left(key) == (8, 0)


def test_a_settlement_that_is_repeated_keeps_the_first_answer(books: Books) -> None:
    key = books.account(credits=10)
    lease = books.admit(key, idempotency_key="order-1").lease
    books.service.claim(lease, "order-1", "body")
    books.service.settle(lease, 30, KEPT)
    books.service.settle(lease, 30, packed(StoredResponse(200, (), b"another")))
    permit = books.admit(key, idempotency_key="order-1")
    assert books.service.claim(permit.lease, "order-1", "body") == KEPT


def test_keys_of_failed_requests_are_forgotten_in_time(books: Books) -> None:
    lease = books.admit(idempotency_key="order-1").lease
    books.service.claim(lease, "order-1", "body")
    books.service.release(lease)
    books.clock.turn(2 * 86_400)
    books.service.expire_overdue()
    with books.database.reading() as session:
        assert session.exec(select(Claim)).all() == []

"""What is known of callers without a key goes after some days, and nothing else does, on each kind of database."""

import pytest
from sqlalchemy import func
from sqlmodel import select

from stt_ai.accounts import StoredResponse
from stt_ai.billing.service import DAY_S, PRUNE_EVERY_S
from stt_ai.billing.tables import Balance, Caller, Claim, Lease, LedgerEntry
from stt_ai.errors import TooManyRequests
from tests.support.billing import Books

TABLES = (Caller, Lease, LedgerEntry, Balance, Claim)


def rows(books: Books) -> list[int]:
    with books.database.reading() as session:
        return [session.exec(select(func.count()).select_from(table)).one() for table in TABLES]


def pass_days(books: Books, days: float) -> None:
    """With the expiry loop, which in the service comes by every few seconds."""
    for _ in range(int(days * 4)):
        books.clock.turn(DAY_S / 4)
        books.service.expire_overdue()


def test_callers_who_stay_away_leave_nothing_behind(books: Books) -> None:
    for number in range(5):
        books.serve(address=f"192.0.2.{number}")
    books.service.release(books.admit(address="192.0.2.9").lease)  # nothing was reserved for it
    books.service.sign_up("192.0.2.1", "Ada", "acc_1", "key_1", "stt_live_" + "a" * 36)
    pass_days(books, 6)
    assert rows(books)[0] == 7
    pass_days(books, 3)
    assert rows(books) == [1, 0, 0, 0, 0]  # the account that signed up
    assert books.operators.reconcile() == ()


def test_of_callers_who_come_back_the_last_days_are_kept(books: Books) -> None:
    for _ in range(20):
        for _ in range(3):
            books.serve()
        with pytest.raises(TooManyRequests):
            books.admit()
        pass_days(books, 1)
        assert books.operators.reconcile() == ()
    assert rows(books)[1] <= 8 * 3
    assert rows(books)[0] == 1


def test_accounts_keep_everything(books: Books) -> None:
    for key in (books.account(), books.account(credits=5)):
        books.serve(key)
    before = rows(books)
    pass_days(books, 40)
    assert rows(books) == before


def test_a_request_at_work_is_left_alone_with_what_it_holds(books: Books) -> None:
    books.configure(lease_s=30 * DAY_S)
    lease = books.admit().lease
    books.service.reserve(lease, 30)
    pass_days(books, 12)
    books.service.settle(lease, 30)
    assert books.operators.reconcile() == ()


def test_the_answers_stored_for_them_go_too(books: Books) -> None:
    lease = books.admit(idempotency_key="once").lease
    books.service.claim(lease, "once", "body")
    books.service.reserve(lease, 30)
    books.service.settle(lease, 30, StoredResponse(200, (), b"text"))
    assert rows(books)[-1] == 1
    pass_days(books, 9)
    assert rows(books) == [0, 0, 0, 0, 0]


def test_it_looks_for_them_now_and_then(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(books.service, "_prune", lambda now: asked.append(now) or 0)
    for _ in range(60):
        books.service.expire_overdue()
        books.clock.turn(PRUNE_EVERY_S / 30)
    assert len(asked) == 2

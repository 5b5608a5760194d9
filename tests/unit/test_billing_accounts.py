"""Accounts, their keys and what they used, on each kind of database; over the port where that makes ids."""

from datetime import UTC, date, datetime

import pytest
from sqlmodel import select

from stt_ai.accounts import Allowance, PlanName, WorkKind
from stt_ai.billing.tables import Caller
from stt_ai.errors import BadParameter, NotFound, PaymentRequired, TooManyRequests, Unauthorized
from tests.support.billing import Books


async def test_sign_up_makes_a_free_account_whose_key_works(books: Books) -> None:
    made = await books.client.sign_up("192.0.2.1", "  Ada Lovelace ")
    assert (made.account.name, made.account.plan, made.account.credits) == ("Ada Lovelace", PlanName.FREE, 0)
    assert made.account.allowance == Allowance(600, 600, 8 * 86_400 + 43_200)
    account = await books.client.account(made.key.secret)
    assert account == made.account
    assert made.key.secret.startswith(made.key.key.prefix)
    assert made.key.secret not in repr(made)


async def test_sign_up_can_be_closed_and_is_limited_by_address(books: Books) -> None:
    for _ in range(5):
        await books.client.sign_up("192.0.2.1", "Ada")
    with pytest.raises(TooManyRequests, match="accounts") as refused:
        await books.client.sign_up("192.0.2.1", "Ada")
    assert refused.value.retry_after == 43_200
    await books.client.sign_up("192.0.2.2", "Ada")
    books.configure(sign_up_open=False)
    with pytest.raises(Unauthorized, match="operators"):
        await books.client.sign_up("192.0.2.3", "Ada")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "two\nlines", "nul\0"])
async def test_a_name_that_is_none_makes_no_account_and_counts_nothing(books: Books, name: str) -> None:
    books.configure(sign_ups_per_day=1)
    with pytest.raises(BadParameter, match="`name`"):
        await books.client.sign_up("192.0.2.1", name)
    await books.client.sign_up("192.0.2.1", "Ada")


def test_a_sign_up_whose_answer_was_lost_makes_one_account(books: Books) -> None:
    asked = ("192.0.2.1", "Ada", "acc_1", "key_1", "stt_live_" + "0" * 36)
    assert books.service.sign_up(*asked) == books.service.sign_up(*asked)
    assert len(books.operators.list_accounts()) == 1


async def test_keys_are_made_listed_and_revoked(books: Books) -> None:
    first = books.account()
    books.clock.turn(1)
    second = await books.client.create_key(first, "laptop")
    assert [key.name for key in await books.client.list_keys(first)] == ["first key", "laptop"]
    assert (await books.client.account(second.secret)).id == (await books.client.account(first)).id
    revoked = await books.client.revoke_key(first, second.key.id)
    assert revoked.revoked_at == datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
    for ask in (books.client.account, books.client.list_keys, books.client.usage, books.client.daily_usage):
        with pytest.raises(Unauthorized, match="revoked"):
            await ask(second.secret)
    assert (await books.client.revoke_key(first, second.key.id)) == revoked


async def test_a_key_that_is_none_is_not_found(books: Books) -> None:
    for key_id in ("key_none", "", "key_\0"):
        with pytest.raises(NotFound):
            await books.client.revoke_key(books.account(), key_id)


async def test_an_account_sees_and_revokes_its_own_keys_only(books: Books) -> None:
    mine, others = books.account(), books.account()
    foreign = (await books.client.list_keys(others))[0]
    with pytest.raises(NotFound):
        await books.client.revoke_key(mine, foreign.id)
    assert foreign not in await books.client.list_keys(mine)


async def test_an_account_has_so_many_keys_and_no_more(books: Books) -> None:
    books.configure(keys_per_account=2)
    key = books.account()
    second = await books.client.create_key(key, "second")
    with pytest.raises(BadParameter, match="at most 2 keys"):
        await books.client.create_key(key, "third")
    await books.client.revoke_key(key, second.key.id)
    await books.client.create_key(key, "third")


async def test_keys_that_are_made_and_revoked_for_ever_fill_no_table(books: Books) -> None:
    books.configure(keys_per_account=3)
    key, revoked = books.account(), []
    for number in range(10):
        made = await books.client.create_key(key, f"key {number}")
        await books.client.create_token(made.secret) if number == 0 else None
        await books.client.revoke_key(key, made.key.id)
        revoked.append(made.secret)
        books.clock.turn(1)
    names = sorted(found.name for found in await books.client.list_keys(key))
    assert names == ["first key", "key 0", "key 6", "key 7", "key 8", "key 9"]  # a token of the first is still known
    for secret in revoked:
        with pytest.raises(Unauthorized):
            await books.client.list_keys(secret)


def test_a_key_made_again_under_its_id_is_made_once(books: Books) -> None:
    key = books.account()
    secret = "stt_live_" + "1" * 36
    assert books.service.create_key(key, "key_2", secret, "x") == books.service.create_key(key, "key_2", secret, "x")
    assert len(books.service.list_keys(key)) == 2


def test_neither_keys_nor_addresses_stand_in_the_database(books: Books) -> None:
    key = books.account(credits=5)
    books.serve(key)
    books.serve(address="203.0.113.77")
    with books.database.reading() as session:
        connection = session.connection()
        tables = ("caller", "credential", "lease", "ledger_entry", "balance", "claim", "server_secret")
        kept = "".join(str(connection.exec_driver_sql(f"SELECT * FROM {table}").all()) for table in tables)
    assert key[: len("stt_live_") + 4] in kept
    assert key[len("stt_live_") + 4 :] not in kept
    assert "203.0.113" not in kept


def test_usage_by_request_comes_in_pages_that_new_requests_do_not_shift(books: Books) -> None:
    key = books.account(credits=100)
    for number in range(7):
        books.serve(key, seconds=60 * number + 1, kind=WorkKind.STREAM if number % 2 else WorkKind.TRANSCRIPTION)
        books.clock.turn(number % 2)  # some at the same moment
    failed = books.admit(key).lease
    books.service.release(failed)
    first = books.service.usage(key, None, 3)
    books.serve(key)
    second = books.service.usage(key, first.next_cursor, 3)
    third = books.service.usage(key, second.next_cursor, 3)
    items = [*first.items, *second.items, *third.items]
    assert sorted(item.credits for item in items) == [1, 2, 3, 4, 5, 6, 7]
    assert [item.at for item in items] == sorted((item.at for item in items), reverse=True)
    assert third.next_cursor is None
    assert {item.request_id for item in items} == {f"request-{number}" for number in range(1, 8)}
    assert books.service.usage(books.account(), None, 3).items == ()


@pytest.mark.parametrize("cursor", ["", "x", "é", "eHh4", "MS4wCg", "bm9uZSBhYmM=", "MS4wIABh"])  # the last holds a NUL
def test_a_cursor_that_is_none_is_refused(books: Books, cursor: str) -> None:
    with pytest.raises(BadParameter, match="next_cursor"):
        books.service.usage(books.account(), cursor, 3)


def test_usage_by_day_is_by_utc_day_and_newest_first(books: Books) -> None:
    key = books.account(credits=100)
    books.clock.now = datetime(2026, 11, 22, 23, 59, 30, tzinfo=UTC).timestamp()
    books.serve(key, seconds=90)
    books.serve(key, seconds=30.5)
    books.clock.turn(60)
    books.serve(key, kind=WorkKind.SUMMARY, seconds=0)
    found = books.service.daily_usage(key, 31)
    assert [(day.day, day.requests, day.seconds, day.credits) for day in found] == [
        (date(2026, 11, 23), 1, 0, 0),
        (date(2026, 11, 22), 2, 120.5, 3),
    ]
    assert [day.day for day in books.service.daily_usage(key, 1)] == [date(2026, 11, 23)]


def test_credits_are_granted_once_for_each_reference(books: Books) -> None:
    key = books.account()
    account = books.service.account(key).id
    assert books.operators.grant(account, 10, "invoice 1")
    assert not books.operators.grant(account, 10, "invoice 1")
    assert books.operators.grant(books.service.account(books.account()).id, 10, "invoice 1")  # another account's own
    with pytest.raises(BadParameter, match="a grant of 10"):
        books.operators.grant(account, 20, "invoice 1")
    assert books.service.account(key).plan is PlanName.PAID
    assert books.left(key) == (10, 0)


def test_credits_can_be_taken_back_as_far_as_they_are_free(books: Books) -> None:
    key = books.account(credits=10)
    account = books.service.account(key).id
    lease = books.admit(key).lease
    books.service.reserve(lease, 240)
    with pytest.raises(BadParameter, match="only 6"):
        books.operators.grant(account, -7, "a mistake")
    books.operators.grant(account, -6, "a mistake")
    books.service.settle(lease, 240)
    assert books.left(key) == (0, 0)
    assert books.operators.reconcile() == ()


def test_an_account_that_paid_once_is_not_made_free_by_spending_it_all(books: Books) -> None:
    key = books.account(credits=1)
    books.serve(key)
    with pytest.raises(PaymentRequired):
        books.admit(key)
    books.operators.set_plan(books.service.account(key).id, PlanName.FREE)
    assert books.admit(key).allowance == Allowance(600, 600, 8 * 86_400 + 43_200)


def test_an_address_is_no_account_for_operators(books: Books) -> None:
    """With a key or credits its days could not be forgotten, and whoever comes from there would be a paying caller."""
    books.serve(address="192.0.2.9")
    with books.database.reading() as session:
        (address,) = session.exec(select(Caller.id).where(Caller.plan == PlanName.ANONYMOUS)).all()
    for change in (
        lambda: books.operators.grant(address, 10, "invoice 1"),
        lambda: books.operators.create_key(address, "laptop"),
        lambda: books.operators.set_plan(address, PlanName.PAID),
    ):
        with pytest.raises(NotFound):
            change()
    assert books.operators.entries(address, 9), "but its entries can be looked at"

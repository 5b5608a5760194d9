"""Plans as callers see them, where refusals lead, and a service without quotas."""

from typing import Any

import pytest

from stt_ai.accounts import WorkKind
from stt_ai.errors import PaymentRequired, TooManyRequests
from stt_ai.settings import Settings
from tests.support.billed_api import Edge, books, edge, limits
from tests.support.billing import Books

__all__ = ["books", "edge"]

SHOP = "https://example.org/credits"


async def test_the_plans_are_told_with_their_limits(edge: Edge) -> None:
    async with edge.client() as client:
        plans = (await client.get("/v1/plans")).json()
    assert (plans["quotas"], plans["upgrade_url"]) == (True, None)
    assert [(plan["name"], plan["allowance"], plan["max_file_bytes"], plan["at_once"]) for plan in plans["plans"]] == [
        ("anonymous", {"amount": 3, "unit": "transcriptions", "period": "day"}, 100_000_000, 1),
        ("free", {"amount": 600, "unit": "minutes", "period": "month"}, 500_000_000, 2),
        ("paid", {"amount": None, "unit": "credits", "period": None}, 2_000_000_000, 5),
    ]


@pytest.mark.parametrize(
    ("credits", "seconds", "needs"),
    [(1, 61, "This recording needs 2 credits; you have 1."), (0, 601 * 60, "This recording needs 601 minutes; 600 of")],
)
def test_a_refusal_says_what_is_needed_what_is_left_and_where_more_is_sold(
    books: Books, credits: int, seconds: float, needs: str
) -> None:
    books.configure(upgrade_url=SHOP)
    lease = books.admit(books.account(credits=credits)).lease
    with pytest.raises((PaymentRequired, TooManyRequests)) as refused:
        books.service.reserve(lease, seconds)
    assert refused.value.message.startswith(needs) and f"redits at {SHOP}," in refused.value.message


def test_without_quotas_nothing_is_counted_and_everybody_may_send_what_a_paid_plan_may(books: Books) -> None:
    books.configure(quotas=False)
    key = books.account()
    for asking in ({}, {"key": key}, {"kind": WorkKind.SUMMARY}):
        permits = [books.admit(**asking) for _ in range(10)]  # type: ignore[arg-type]
        assert {permit.allowance for permit in permits} == {None}
        assert {permit.max_file_bytes for permit in permits} == {2_000_000_000}
    lease = books.admit(key).lease
    books.service.reserve(lease, 700 * 60)
    assert books.service.settle(lease, 700 * 60) is None
    for number in range(10):
        books.service.sign_up("192.0.2.1", "Ada", f"acc_{number}", f"key_{number}", f"secret{number}")


async def test_answers_without_quotas_tell_of_no_limit(edge: Edge) -> None:
    edge.books.configure(quotas=False)
    answers = [await edge.transcribe() for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert limits(answers[0]) == (None, None, None)


@pytest.mark.parametrize(
    "wrong", [{"upgrade_url": "javascript:alert(1)"}, {"upgrade_url": "shop"}, {"quotas": "maybe"}]
)
def test_settings_that_lead_nowhere_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings.model_validate({"billing": wrong})

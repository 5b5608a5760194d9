"""Signing up, and one's own account: over HTTP, on the real billing service."""

from datetime import UTC, datetime
from typing import Any

import httpx
import jsonschema
import pytest

from tests.support.billed_api import Edge, books, edge, lasting, refused

__all__ = ["books", "edge"]


_document: dict[str, Any] = {}


def document(edge: Edge) -> dict[str, Any]:
    """Return the OpenAPI document, which is the same for every app here: made once."""
    if not _document:
        _document.update(edge.app().openapi())
    return _document


async def ask(edge: Edge, method: str, path: str, key: str | None = None, **options: Any) -> httpx.Response:
    """The answer, once it has a status and a shape that the schema announces."""
    async with edge.client(key) as client:
        answer = await client.request(method, f"/v1/account{path}", **options)
    schema = document(edge)
    template = "/v1/account" + ("/keys/{key_id}" if path.startswith("/keys/") else path.partition("?")[0])
    documented = schema["paths"][template][method.lower()]["responses"][str(answer.status_code)]
    shape = documented["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator({**shape, "components": schema["components"]}).validate(answer.json())
    return answer


async def test_signing_up_makes_a_free_account_whose_first_key_works(edge: Edge) -> None:
    answer = await ask(edge, "POST", "", json={"name": "Ada"})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    made = answer.json()
    assert (made["name"], made["plan"], made["allowance"]["remaining"]) == ("Ada", "free", 600)
    key = made["key"]["key"]
    assert made["key"]["prefix"] == key[: len(made["key"]["prefix"])]
    edge.transcription = lasting(90)
    served = await edge.transcribe(key)
    seen = (await ask(edge, "GET", "", key)).json()
    assert seen["id"] == made["id"]
    month_end = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert seen["allowance"] == {
        "unit": "minutes",
        "limit": 600,
        "used": 2,
        "remaining": 598,
        "resets_in_s": round(month_end - edge.books.clock()),
    }
    assert served.json()["usage"]["credits"] == 2
    assert key not in str(seen)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"name": null}'])
async def test_a_name_may_be_left_out(edge: Edge, body: bytes) -> None:
    assert (await ask(edge, "POST", "", content=body)).status_code == 201


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"Ada"', b'{"name": 7}', b'{"name": ""}', b'{"nam": "Ada"}', b"\xff", b"[" * 50_000]
)
async def test_a_bad_body_is_400_and_never_422(edge: Edge, body: bytes) -> None:
    for path, key in (("", None), ("/keys", edge.books.account())):
        answer = await ask(edge, "POST", path, key, content=body)
        assert answer.status_code == 400
        assert answer.json()["code"] in ("invalid_parameter", "malformed_body")


async def test_a_body_without_an_end_is_not_read_to_its_end(edge: Edge) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 65_536
        raise AssertionError("all of it was read")

    refused(await ask(edge, "POST", "", content=endless()), 400, "malformed_body")


async def test_accounts_are_limited_by_address(edge: Edge) -> None:
    edge.books.configure(sign_ups_per_day=2)
    for _ in range(2):
        assert (await ask(edge, "POST", "")).status_code == 201
    refusal = await ask(edge, "POST", "")
    refused(refusal, 429, "rate_limited")
    assert refusal.headers["Retry-After"] == "43200"
    async with edge.client(address="192.0.2.50") as elsewhere:
        assert (await elsewhere.post("/v1/account")).status_code == 201


async def test_signing_up_can_be_closed(edge: Edge) -> None:
    edge.books.configure(sign_up_open=False)
    assert "operators" in refused(await ask(edge, "POST", ""), 401, "unauthorized")


async def test_keys_are_made_listed_and_revoked(edge: Edge) -> None:
    key = edge.books.account()
    edge.books.clock.turn(1)
    made = await ask(edge, "POST", "/keys", key, json={"name": "laptop"})
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    listed = (await ask(edge, "GET", "/keys", made.json()["key"])).json()["keys"]
    assert len(listed) == 2 and listed[1]["name"] == "laptop"
    assert all("key" not in entry and entry["revoked_at"] is None for entry in listed)
    revoked = await ask(edge, "DELETE", f"/keys/{made.json()['id']}", key)
    assert revoked.json()["revoked_at"] is not None
    refused(await ask(edge, "GET", "", made.json()["key"]), 401, "unauthorized")


async def test_nobody_revokes_what_is_not_theirs(edge: Edge) -> None:
    mine, other = edge.books.account(), edge.books.account()
    (theirs,) = (await ask(edge, "GET", "/keys", other)).json()["keys"]
    for key_id in (theirs["id"], "key_that_never_was", "%00", "a b"):
        refused(await ask(edge, "DELETE", f"/keys/{key_id}", mine), 404, "not_found")
    assert (await ask(edge, "GET", "", other)).status_code == 200


async def test_usage_comes_by_day_and_by_request_in_pages(edge: Edge) -> None:
    key = edge.books.account(credits=100)
    for minutes in (1, 2, 3):
        edge.transcription = lasting(minutes * 60)
        await edge.transcribe(key)
        edge.books.clock.turn(86_400)
    page, seen = (await ask(edge, "GET", "/usage?limit=2", key)).json(), []
    assert [(day["date"], day["credits"]) for day in page["days"]] == [
        ("2026-11-24", 3),
        ("2026-11-23", 2),
        ("2026-11-22", 1),
    ]
    while True:
        seen += [entry["credits"] for entry in page["requests"]]
        if page["next_cursor"] is None:
            break
        page = (await ask(edge, "GET", f"/usage?limit=2&cursor={page['next_cursor']}", key)).json()
    assert seen == [3, 2, 1]
    assert len((await ask(edge, "GET", "/usage?days=2", key)).json()["days"]) == 1
    assert (await ask(edge, "GET", "", key)).json()["credits"] == {"available": 94, "reserved": 0}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "days=0", "days=367", "cursor=x", "cursor=AAAA", "cursor="])
async def test_a_bad_query_is_400_and_names_the_parameter(edge: Edge, query: str) -> None:
    answer = await ask(edge, "GET", f"/usage?{query}", edge.books.account())
    assert f"`{query.partition('=')[0]}`" in refused(answer, 400, "invalid_parameter")

"""Signatures of webhooks, checked by both clients; the specification's own library signs them."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from stt_ai.sdk import InvalidWebhook, verify_webhook
from tests.support import nodejs

SECRET, OTHER = ("whsec_" + base64.b64encode(bytes([byte] * 24)).decode() for byte in (7, 8))
EVENT = {"type": "job.succeeded", "data": {"id": "job_1", "metadata": {"título": "Reunión 🙂"}}}
BODY = json.dumps(EVENT, ensure_ascii=False)
ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"


def signed(age_s: float = 0, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a message that was signed ``age_s`` seconds ago."""
    then = datetime.now(UTC) - timedelta(seconds=age_s)
    signature = Webhook(secret).sign(ID, then, BODY)
    return {"webhook-id": ID, "webhook-timestamp": str(int(then.timestamp())), "webhook-signature": signature}


def with_signature(headers: dict[str, str], signature: str) -> dict[str, str]:
    return {**headers, "webhook-signature": signature.replace("OURS", headers["webhook-signature"])}


# Signed when they are used: between the collection of tests and a test may lie minutes.
GOOD: dict[str, Callable[[], dict[str, str]]] = {
    "as it came": lambda: signed(),
    "three minutes old": lambda: signed(200),
    "a clock that is behind": lambda: signed(-200),
    "header names in capitals": lambda: {name.title(): value for name, value in signed().items()},
    "two secrets": lambda: with_signature(signed(), f"{signed(secret=OTHER)['webhook-signature']} OURS"),
    "signatures of other versions": lambda: with_signature(signed(), "v1a,abc= v2,OURS OURS"),
}
BAD: dict[str, Callable[[], dict[str, str]]] = {
    "another secret": lambda: signed(secret=OTHER),
    "six minutes old": lambda: signed(360),
    "from the future": lambda: signed(-360),
    "another id": lambda: signed() | {"webhook-id": "msg_other"},
    "another time": lambda: signed() | {"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) + 60)},
    "no time": lambda: signed() | {"webhook-timestamp": "now"},
    "another version alone": lambda: with_signature(signed(), signed()["webhook-signature"].replace("v1,", "v2,")),
    "no signature": lambda: signed() | {"webhook-signature": ""},
    "no base64": lambda: signed() | {"webhook-signature": "v1,%%%"},
    "headers that are missing": lambda: {name: value for name, value in signed().items() if name != "webhook-id"},
}


@pytest.mark.parametrize("made", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("body", [BODY, BODY.encode()], ids=["text", "bytes"])
def test_an_event_that_the_service_signed_is_read(made: Callable[[], dict[str, str]], body: str | bytes) -> None:
    assert verify_webhook(made(), body, SECRET) == EVENT


@pytest.mark.parametrize("made", BAD.values(), ids=BAD)
def test_anything_else_is_refused(made: Callable[[], dict[str, str]]) -> None:
    with pytest.raises(InvalidWebhook):
        verify_webhook(made(), BODY, SECRET)


def test_a_body_that_was_changed_is_refused_and_tolerance_may_be_wider() -> None:
    with pytest.raises(InvalidWebhook, match="not signed with this secret"):
        verify_webhook(signed(), BODY.replace("job_1", "job_2"), SECRET)
    assert verify_webhook(signed(600), BODY, SECRET, tolerance=900) == EVENT


def test_a_vector_of_the_specification() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert verify_webhook(headers, '{"test": 2432232314}', secret, tolerance=1e12) == {"test": 2432232314}


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%"])
def test_a_secret_that_is_none_is_a_fault_of_the_program(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(signed(), BODY, secret)


@nodejs.needed
def test_the_javascript_client_decides_alike(tmp_path: Path) -> None:
    cases: list[dict[str, Any]] = [
        {"headers": made(), "body": BODY, "secret": SECRET} for made in (*GOOD.values(), *BAD.values())
    ]
    cases.append({"headers": signed(), "body": BODY.replace("job_1", "job_2"), "secret": SECRET})
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(map(json.dumps, cases)))
    outcomes = json.loads(nodejs.run("webhooks.mjs", file).stdout)
    assert [json.loads(one) for one in outcomes[: len(GOOD)]] == [EVENT] * len(GOOD)
    assert outcomes[len(GOOD) :] == ["InvalidWebhook"] * (len(BAD) + 1)

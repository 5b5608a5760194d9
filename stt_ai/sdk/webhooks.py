"""Whether a webhook comes from the service, by the Standard Webhooks specification (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from typing import Any, Protocol

TOLERANCE_S = 300.0
_PREFIX, _VERSION = "whsec_", "v1,"


class InvalidWebhook(ValueError):
    """The webhook is not the service's, has been changed on its way, or is too old: answer 400 and do nothing."""


class Headers(Protocol):
    """Names and values, as every framework has them."""

    def items(self) -> Iterable[tuple[str, str]]: ...


def verify_webhook(
    headers: Headers, body: bytes | str, secret: str, *, tolerance: float = TOLERANCE_S
) -> dict[str, Any]:
    """Return the event in ``body`` if it was signed with ``secret``. Raise `InvalidWebhook`.

    ``headers`` in any case. ``body`` exactly as it came, before anything parses it. ``secret``: `whsec_…`, of the
    account or the job. ``tolerance``: seconds that the message's time may differ from this machine's, against replays.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = found.get("webhook-id"), found.get("webhook-timestamp")
    signatures = found.get("webhook-signature")
    if not (message_id and timestamp and signatures):
        raise InvalidWebhook("The headers webhook-id, webhook-timestamp and webhook-signature are needed.")
    _check_time(timestamp, tolerance)
    content = body.encode() if isinstance(body, str) else body
    signed = hmac.new(_key(secret), f"{message_id}.{timestamp}.".encode() + content, hashlib.sha256).digest()
    expected = _VERSION + base64.b64encode(signed).decode()
    # While a secret is changed, a message is signed with the old one and the new one.
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures.split(" ")):
        raise InvalidWebhook("The webhook was not signed with this secret.")
    event = json.loads(content)
    if not isinstance(event, dict):
        raise InvalidWebhook("The webhook is not a JSON object.")
    return event


def _check_time(timestamp: str, tolerance: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        raise InvalidWebhook("The header webhook-timestamp is not a number of seconds.")
    age = time.time() - int(timestamp)
    if abs(age) > tolerance:
        raise InvalidWebhook(f"The webhook is {age:.0f} seconds old, or this machine's clock is wrong.")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix(_PREFIX) + "==", validate=False)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("A webhook's secret is whsec_ followed by base64.")
    return key

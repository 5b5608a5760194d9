"""Secrets of webhooks, and the headers that prove who sent one."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from stt_ai.errors import BadParameter

PREFIX = "whsec_"
SECRET_BYTES = 32
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
"""What the specification allows."""


def new_secret() -> str:
    """Return a secret of 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def checked_secret(secret: str, parameter: str) -> str:
    """Return ``secret``. Raise `BadParameter` where it is none of the specification's form."""
    try:
        size = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith(PREFIX) or not MIN_SECRET_BYTES <= size <= MAX_SECRET_BYTES:
        raise BadParameter(
            f"`{parameter}` must be {PREFIX} and {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} random bytes in base64.",
            parameter,
        )
    return secret


def signed_headers(message_id: str, timestamp: float, body: str, keys: Sequence[str]) -> dict[str, str]:
    """Return the headers of one attempt at ``timestamp``, in seconds since the epoch, signed with each of ``keys``."""
    at = datetime.fromtimestamp(int(timestamp), UTC)
    signatures = (Webhook(key).sign(message_id, at, body) for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(timestamp)),
        "webhook-signature": " ".join(signatures),
    }

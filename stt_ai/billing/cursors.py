"""Where the next page of a list begins, as callers get it and send it back."""

import base64
import binascii

from stt_ai.errors import BadParameter


def cursor_of(at: float, row_id: str) -> str:
    """Return the cursor behind the row ``row_id``, which is listed by the time ``at``."""
    return base64.urlsafe_b64encode(f"{at!r} {row_id}".encode()).decode()


def position_of(cursor: str) -> tuple[float, str]:
    """Return the time and the id that a cursor stands for. Raise `BadParameter`."""
    try:
        at, _, row_id = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode().partition(" ")
        if not row_id.isprintable():  # PostgreSQL takes no text with NUL in it
            raise ValueError
        return float(at), row_id
    except (binascii.Error, ValueError):
        raise BadParameter("`cursor` must be the `next_cursor` of another page.", "cursor") from None

"""Exit codes, and which failure has which."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from stt_ai import errors as house
from stt_ai.sdk import errors

FAILED, USAGE, BOOKS, KEY, LIMIT, UNAVAILABLE = 1, 2, 3, 4, 5, 6

EXIT_CODES = """\
\b
Exit codes:
  0  done
  1  refused, not found, or some of the files failed
  2  wrong usage
  3  the ledger does not balance (ledger reconcile)
  4  the key is missing, unknown or revoked
  5  a limit: credits, allowance, too much at once, too large
  6  the service cannot be reached, or cannot serve now
"""

_CODES: tuple[tuple[tuple[type[Exception], ...], int], ...] = (
    ((errors.AuthenticationFailed, house.Unauthorized), KEY),
    ((errors.PaymentRequired, errors.RateLimited, errors.TooLarge), LIMIT),
    ((house.PaymentRequired, house.TooManyRequests, house.FileTooLarge, house.AudioTooLong), LIMIT),
    (
        (errors.ConnectionFailed, errors.ServerError, errors.StreamClosed, errors.Unavailable, house.Unavailable),
        UNAVAILABLE,
    ),
)


def exit_code(error: Exception) -> int:
    """Return the exit code of the error's kind, else `FAILED`."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), FAILED)


def exit_code_of_all(failures: list[Exception], total: int) -> int:
    """Of ``total`` files: that of the failure when all failed in the same way."""
    codes = {exit_code(failure) for failure in failures}
    if not codes:
        return 0
    return codes.pop() if len(codes) == 1 and len(failures) == total else FAILED


@contextmanager
def server_parts() -> Iterator[None]:
    """Whoever installed the client alone learns what is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("stt_ai"):
            raise
        missing = f"This needs the service's own libraries, and {error.name} is not there"
        message = f"{missing}: pip install '.[server]' in the checkout"
        raise click.ClickException(message) from None

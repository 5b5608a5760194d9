"""What a transaction has to count once it is committed: what is rolled back was never counted."""

from collections.abc import Iterator

from sqlmodel import Session

from stt_ai.meters import Counter

_COUNTED = "stt_ai.counted"


def count(session: Session, counter: Counter, amount: float = 1.0, **labels: str) -> None:
    """Have ``amount`` added to the counter when the session's transaction is committed."""
    session.info.setdefault(_COUNTED, []).append((counter, amount, labels))


def counted(session: Session) -> Iterator[tuple[Counter, float, dict[str, str]]]:
    """Yield what the committed transaction has to count, in order."""
    yield from session.info.get(_COUNTED, ())

"""The queue before a model, and the order in which it is served. No clock, no threads, no event loop."""

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count, islice
from typing import Generic, TypeVar

from stt_ai.types import Priority

Item = TypeVar("Item")


class QueueFull(Exception):
    """The queue is full, and no ticket in it may be dropped for the new one."""


@dataclass(eq=False, slots=True)
class Ticket(Generic[Item]):
    """One item's place. ``seconds`` of audio; ``deadline`` and ``since`` by the owner's clock."""

    item: Item
    priority: Priority
    seconds: float = 1.0
    bucket: Hashable = None
    key: Hashable = None
    deadline: float | None = None
    since: float = 0.0
    place: int = 0

    @property
    def order(self) -> tuple[int, int]:
        """Return what tickets are sorted by: priority, then arrival."""
        return (int(self.priority), self.place)


class BatchQueue(Generic[Item]):
    """By priority, the oldest first; at most ``max_items`` and ``max_seconds`` of audio.

    Live finals are always taken in: a few seconds each, of speakers who were let in before.
    """

    def __init__(self, max_items: int, max_seconds: float = float("inf")) -> None:
        self._max_items = max_items
        self._max_seconds = max_seconds
        self._waiting: list[Ticket[Item]] = []
        self._places = count()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, ticket: Ticket[Item]) -> bool:
        return ticket in self._waiting

    @property
    def seconds(self) -> float:
        """Return the seconds of audio that wait."""
        return sum(ticket.seconds for ticket in self._waiting)

    def replace(self, ticket: Ticket[Item]) -> Ticket[Item] | None:
        """Take the waiting partial with the same key out, if any, and give its place to ``ticket``.

        So a session that asks often waits no longer than one that asked once.
        """
        ticket.place = next(self._places)
        if ticket.key is None:
            return None
        for older in self._waiting:
            if older.key == ticket.key and older.priority is Priority.PARTIAL:
                self._waiting.remove(older)
                if ticket.priority is Priority.PARTIAL:
                    ticket.place = older.place
                return older
        return None

    def add(self, ticket: Ticket[Item]) -> list[Ticket[Item]]:
        """Add the ticket, and return the partials that had to go for it. Raise `QueueFull`.

        Only partials are pushed out, the youngest first, and never by one another. An empty queue takes anything.
        """
        pushes = ticket.priority is not Priority.PARTIAL
        partials = [t for t in reversed(self._waiting) if pushes and t.priority is Priority.PARTIAL]
        kept, seconds, pushed = len(self._waiting), self.seconds, 0
        while kept and (kept >= self._max_items or seconds + ticket.seconds > self._max_seconds):
            if pushed == len(partials):
                if ticket.priority is Priority.LIVE:
                    break
                raise QueueFull
            kept, seconds, pushed = kept - 1, seconds - partials[pushed].seconds, pushed + 1
        for partial in partials[:pushed]:
            self._waiting.remove(partial)
        self._waiting.append(ticket)
        self._waiting.sort(key=lambda t: t.order)
        return partials[:pushed]

    def peek(self, size: int) -> list[Ticket[Item]]:
        """Return the next batch: the first that waits and, in order, those behind it that may share its batch."""
        if not self._waiting:
            return []
        bucket = self._waiting[0].bucket
        return list(islice((ticket for ticket in self._waiting if ticket.bucket == bucket), size))

    def take(self, size: int) -> list[Ticket[Item]]:
        """Take the next batch out."""
        batch = self.peek(size)
        for ticket in batch:
            self._waiting.remove(ticket)
        return batch

    def expired(self, now: float) -> list[Ticket[Item]]:
        """Return the waiting tickets whose deadline has passed, without removing them."""
        return [ticket for ticket in self._waiting if ticket.deadline is not None and ticket.deadline < now]

    def discard(self, ticket: Ticket[Item]) -> bool:
        """Take the ticket out; return whether it still waited."""
        if ticket not in self._waiting:
            return False
        self._waiting.remove(ticket)
        return True

    def clear(self) -> list[Ticket[Item]]:
        """Remove and return all tickets."""
        everyone, self._waiting = self._waiting, []
        return everyone

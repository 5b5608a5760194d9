"""The queue before a model, against a plain list that is sorted anew each time."""

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from stt_ai.engines.batch_queue import BatchQueue, QueueFull, Ticket
from stt_ai.types import Priority

MAX_ITEMS = 6
MAX_SECONDS = 20.0


class QueueMachine(RuleBasedStateMachine):
    """Every ticket that went in comes out exactly once: taken, replaced, pushed out, expired or discarded."""

    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.queue: BatchQueue[int] = BatchQueue(MAX_ITEMS, MAX_SECONDS)
        self.waiting: list[Ticket[int]] = []

    @rule(
        target=tickets,
        priority=st.sampled_from(Priority),
        seconds=st.floats(0.1, 8),
        bucket=st.sampled_from("ab"),
        key=st.sampled_from([None, "one", "two"]),
        deadline=st.none() | st.floats(0, 10),
    )
    def ask(self, priority: Priority, seconds: float, bucket: str, key: str | None, deadline: float | None):  # type: ignore[no-untyped-def]
        ticket = Ticket(0, priority, seconds, bucket, key, deadline)
        older = self.queue.replace(ticket)
        if older is not None:
            assert older.key == ticket.key
            assert older.priority is Priority.PARTIAL
            self.waiting.remove(older)
        assert not [t for t in self.waiting if key is not None and t.key == key and t.priority is Priority.PARTIAL]
        try:
            pushed_out = self.queue.add(ticket)
        except QueueFull:
            assert self.waiting
            assert priority is not Priority.LIVE
            stay = [t for t in self.waiting if priority is Priority.PARTIAL or t.priority is not Priority.PARTIAL]
            assert len(stay) >= MAX_ITEMS or sum(t.seconds for t in stay) + seconds > MAX_SECONDS
            return multiple()
        for partial in pushed_out:
            assert partial.priority is Priority.PARTIAL is not ticket.priority
            self.waiting.remove(partial)
        partials = [t for t in self.waiting if t.priority is Priority.PARTIAL and t is not ticket]
        assert all(kept.place < gone.place for kept in partials for gone in pushed_out)
        self.waiting.append(ticket)
        return ticket

    @rule(size=st.integers(1, 4))
    def take(self, size: int) -> None:
        expected = sorted(self.waiting, key=lambda t: t.order)
        expected = [t for t in expected if t.bucket == expected[0].bucket][:size]
        assert self.queue.take(size) == expected
        for ticket in expected:
            self.waiting.remove(ticket)

    @rule(ticket=consumes(tickets))
    def leave(self, ticket: Ticket[int]) -> None:
        assert self.queue.discard(ticket) is (ticket in self.waiting)
        if ticket in self.waiting:
            self.waiting.remove(ticket)

    @rule(now=st.floats(0, 10))
    def expire(self, now: float) -> None:
        late = self.queue.expired(now)
        assert set(late) == {t for t in self.waiting if t.deadline is not None and t.deadline < now}
        for ticket in late:
            self.queue.discard(ticket)
            self.waiting.remove(ticket)

    @rule()
    def clear(self) -> None:
        assert set(self.queue.clear()) == set(self.waiting)
        self.waiting = []

    @invariant()
    def holds_what_waits_and_no_more_than_it_may(self) -> None:
        assert len(self.queue) == len(self.waiting)
        assert abs(self.queue.seconds - sum(t.seconds for t in self.waiting)) < 1e-6
        bounded = [t for t in self.waiting if t.priority is not Priority.LIVE]
        assert len(bounded) <= MAX_ITEMS
        assert sum(t.seconds for t in bounded) <= MAX_SECONDS


TestQueue = QueueMachine.TestCase

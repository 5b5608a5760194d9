"""Any interleaving of requests, retries, crashes and expiries against a model of what must come of it."""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import event
from sqlmodel import Session

from stt_ai.accounts import WorkKind
from stt_ai.billing.database import Database
from stt_ai.errors import LeaseExpired, PaymentRequired, TooManyRequests
from tests.support.billing import DATABASES, NOON, Books, migrated_database

AT_ONCE = 3
FREE_MINUTES = 12
LEASE_S = 60.0

SECONDS = st.sampled_from([0.5, 60.0, 61.0, 200.0, 420.0])
CRASHES = st.sampled_from([None, None, None, "before_commit", "after_commit"])
REFUSALS = (LeaseExpired, PaymentRequired, TooManyRequests)


class Crash(Exception):
    """The billing replica died."""


@contextmanager
def crashing(moment: str | None) -> Iterator[None]:
    """Every transaction dies before its commit, or after it and before anybody is answered."""

    def die(session: Session) -> None:
        raise Crash

    if moment is not None:
        event.listen(Session, moment, die)
    try:
        yield
    finally:
        if moment is not None:
            event.remove(Session, moment, die)


@cache
def database(kind: str) -> Database:
    """One for all examples: each has an account of its own."""
    return Database(migrated_database(kind, Path(tempfile.mkdtemp(prefix="stt-machine-"))))


@dataclass
class Request:
    """What the model knows of a request."""

    lease: str
    expires_at: float
    state: str = "active"
    held: int = 0
    charged: int = 0
    kind: WorkKind = WorkKind.TRANSCRIPTION

    @property
    def begun(self) -> int:
        """Minutes that are charged when nobody renews it: those of a stream that its next one was reserved after."""
        return max(0, self.held - 1) if self.kind is WorkKind.STREAM else 0


class Ledger(RuleBasedStateMachine):
    kind: ClassVar[str]
    requests = Bundle("requests")

    @initialize(paid=st.booleans(), credits=st.integers(1, 12))
    def begin(self, paid: bool, credits: int) -> None:
        self.books = Books(
            database(self.kind),
            address_secret="said",  # else the first admission makes one, in a transaction of its own
            lease_s=LEASE_S,
            free={"minutes_per_month": FREE_MINUTES, "max_concurrency": AT_ONCE},
            paid={"max_concurrency": AT_ONCE},
        )
        self.books.clock.now = NOON
        self.paid = paid
        self.granted = credits if paid else FREE_MINUTES
        self.key = self.books.account(credits if paid else 0)
        self.account = self.books.service.account(self.key).id
        self.known: list[Request] = []

    # What may happen.

    @rule(target=requests, crash=CRASHES, kind=st.sampled_from([WorkKind.TRANSCRIPTION, WorkKind.STREAM]))
    def admit(self, crash: str | None, kind: WorkKind) -> Request:
        request = Request(uuid.uuid4().hex, 0.0, "never")
        self._admit(request, crash, kind)
        self.known.append(request)
        return request

    @rule(request=requests, crash=CRASHES)
    def admit_again(self, request: Request, crash: str | None) -> None:
        self._admit(request, crash, WorkKind.STREAM)

    def _admit(self, request: Request, crash: str | None, kind: WorkKind) -> None:
        overdue = self._overdue()
        running = [r for r in self._active() if r not in overdue]
        left = self._left() + sum(r.held - r.begun for r in overdue)
        expected: type[Exception] | None = None
        if request not in running and left < 1:
            expected = PaymentRequired if self.paid else TooManyRequests
        elif request not in running and len(running) >= AT_ONCE:
            expected = TooManyRequests
        elif request not in running and request.state != "never":
            expected = LeaseExpired

        def change() -> None:
            self._expire(overdue)
            if request.state == "never":
                request.state, request.kind, request.expires_at = "active", kind, self.books.clock() + LEASE_S

        self._do(crash, expected, change, lambda: self.books.admit(self.key, kind=kind, lease=request.lease))

    @rule(request=requests, seconds=SECONDS, crash=CRASHES)
    def reserve(self, request: Request, seconds: float, crash: str | None) -> None:
        cost = ceil(seconds / 60)
        expected: type[Exception] | None = None
        if request.state != "active":
            expected = LeaseExpired
        elif cost - request.held > self._left():
            expected = PaymentRequired if self.paid else TooManyRequests

        def change() -> None:
            request.held = max(request.held, cost)

        self._do(crash, expected, change, lambda: self.books.service.reserve(request.lease, seconds))

    @rule(request=requests, seconds=SECONDS, crash=CRASHES)
    def settle(self, request: Request, seconds: float, crash: str | None) -> None:
        cost = ceil(seconds / 60)
        expected: type[Exception] | None = None
        if request.state in ("never", "released"):
            expected = LeaseExpired
        elif request.state != "settled" and cost - request.held > self._left():
            expected = PaymentRequired if self.paid else TooManyRequests

        def change() -> None:
            if request.state != "settled":
                request.state, request.held, request.charged = "settled", 0, cost

        self._do(crash, expected, change, lambda: self.books.service.settle(request.lease, seconds))

    @rule(request=requests, crash=CRASHES)
    def release(self, request: Request, crash: str | None) -> None:
        def change() -> None:
            if request.state in ("active", "expired"):
                request.state, request.held = "released", 0

        self._do(crash, None, change, lambda: self.books.service.release(request.lease))

    @rule(request=requests, crash=CRASHES)
    def renew(self, request: Request, crash: str | None) -> None:
        def change() -> None:
            request.expires_at = self.books.clock() + LEASE_S

        expected = None if request.state == "active" else LeaseExpired
        self._do(crash, expected, change, lambda: self.books.service.renew(request.lease))

    @rule(seconds=st.sampled_from([1.0, 20.0, 45.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.books.clock.turn(seconds)

    @rule()
    def expire(self) -> None:
        self.books.service.expire_overdue()
        self._expire(self._overdue())

    @rule(credits=st.integers(1, 5), crash=CRASHES, again=st.booleans())
    def grant(self, credits: int, crash: str | None, again: bool) -> None:
        if not self.paid:
            return
        reference = uuid.uuid4().hex

        def change() -> None:
            self.granted += credits

        self._do(crash, None, change, lambda: self.books.operators.grant(self.account, credits, reference))
        if again and crash != "before_commit":
            assert self.books.operators.grant(self.account, credits, reference) is False

    # What must hold.

    @invariant()
    def the_balance_is_what_was_granted_less_what_was_settled_and_reserved(self) -> None:
        account = self.books.service.account(self.key)
        left = account.credits if self.paid else account.allowance.remaining
        assert left == self._left() >= 0
        assert account.running == len(self._active())
        if self.paid:
            assert account.reserved == sum(request.held for request in self.known)

    def teardown(self) -> None:
        if not hasattr(self, "known"):
            return
        self.books.clock.turn(LEASE_S)
        self.books.service.expire_overdue()
        self._expire(self._active())
        self.the_balance_is_what_was_granted_less_what_was_settled_and_reserved()
        assert self.books.service.account(self.key).running == 0
        assert self._left() == self.granted - sum(request.charged for request in self.known)
        items = self.books.service.usage(self.key, None, 200).items
        assert sorted(item.credits for item in items) == sorted(r.charged for r in self.known if r.state == "settled")
        mine = [finding for finding in self.books.operators.reconcile() if self.account in finding]
        assert mine == []

    # The model.

    def _left(self) -> int:
        return self.granted - sum(request.held + request.charged for request in self.known)

    def _active(self) -> list[Request]:
        return [request for request in self.known if request.state == "active"]

    def _overdue(self) -> list[Request]:
        return [request for request in self._active() if request.expires_at <= self.books.clock()]

    def _expire(self, requests: list[Request]) -> None:
        for request in requests:
            request.state, request.charged = "settled" if request.begun else "expired", request.begun
            request.held = 0

    def _do(
        self,
        crash: str | None,
        expected: type[Exception] | None,
        change: Callable[[], None],
        call: Callable[[], Any],
    ) -> None:
        """``call``, and ``change`` of the model where the transaction was committed."""
        raised: type[Exception] | None = None
        with crashing(crash):
            try:
                call()
            except (*REFUSALS, Crash) as error:
                raised = type(error)
        if expected is not None:
            assert raised is expected  # a refused transaction is rolled back: there is no commit to die at
            return
        assert raised is (Crash if crash else None)
        if crash != "before_commit":
            change()


@pytest.mark.parametrize("kind", DATABASES)
def test_no_interleaving_charges_twice_or_for_nothing_or_holds_for_ever(kind: str) -> None:
    machine = type(f"LedgerOn{kind}", (Ledger,), {"kind": kind})
    unhurried = settings(
        max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=unhurried)  # type: ignore[no-untyped-call]

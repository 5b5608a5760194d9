"""The operations of billing, each one transaction, each safe to repeat.

The caller makes the ids of new things (a lease, a key, an account), so that a call whose answer was lost can be
repeated and is recognized.
"""

import secrets
import time
from collections.abc import Callable

from stt_ai.accounts import (
    Account,
    Allowance,
    ApiKey,
    DayUsage,
    NewAccount,
    NewKey,
    NewToken,
    Permit,
    PlanName,
    StoredResponse,
    UsagePage,
)
from stt_ai.billing import accounts, admission, idempotency, leases, pruning, tokens, usage
from stt_ai.billing.database import Database, insert_new
from stt_ai.billing.ledger import Pool, lock
from stt_ai.billing.messages import Asking
from stt_ai.billing.plans import BillingConfig, Meter, MeterName, day_of
from stt_ai.billing.tables import EntryKind, LeaseState, ServerSecret
from stt_ai.errors import LeaseExpired, Unauthorized

PRUNE_EVERY_S = 3600.0
DAY_S = 86_400.0


class BillingService:
    """Plain and synchronous, for use from several threads. ``clock``: seconds since the epoch.

    ``address_secret``: callers' addresses are hashed with it; empty: with one that the database keeps.
    ``could_renew``: whether requests have been able to renew their leases lately. If not, admission ends no overdue
    lease.
    """

    def __init__(
        self,
        database: Database,
        config: BillingConfig,
        clock: Callable[[], float] = time.time,
        could_renew: Callable[[], bool] = lambda: True,
        address_secret: str = "",
    ) -> None:
        self.database = database
        self.config = config
        self.clock = clock
        self.could_renew = could_renew
        self._secret = address_secret.encode()
        self._prune_at = 0.0

    # A request, from its admission to its end.

    def admit(self, asking: Asking) -> Permit:
        """Return a lease for what is asked. Raise a refusal as `BillingClient.admit` says."""
        admission.precheck(asking, self.config)
        now, secret = self.clock(), self._address_secret()
        with self.database.transaction(durable=False) as session:
            caller = admission.identify(session, asking, secret, now)
            return admission.admit(session, caller, asking, now, self.config, expiring=self.could_renew())

    def claim(self, lease: str, key: str, fingerprint: str) -> StoredResponse | None:
        """Return the response that is stored under the key, `packed`, or None."""
        with self.database.transaction(durable=False) as session:
            return idempotency.claim(session, leases.find_active(session, lease), key, fingerprint, self.clock())

    def renew(self, lease: str) -> None:
        """Put off the lease's expiry to `lease_s` from now. Raise `LeaseExpired` where it has ended."""
        with self.database.transaction(durable=False) as session:
            found = leases.find_active(session, lease)
            found.expires_at = self.clock() + self.config.lease_s
            session.add(found)

    def reserve(self, lease: str, seconds: float) -> Allowance | None:
        """Hold what ``seconds`` of audio cost in all. Raise as `BillingClient.reserve` says."""
        with self.database.transaction(durable=False) as session:
            found = leases.find_active(session, lease)
            if found.replay:
                raise idempotency.gone()
            return leases.reserve(session, found, seconds, self.clock(), self.config)

    def settle(self, lease: str, seconds: float, response: StoredResponse | None = None) -> Allowance | None:
        """``response`` must be `packed`."""
        now = self.clock()
        with self.database.transaction() as session:
            found = leases.find(session, lease)
            if found is None or found.replay or found.state is LeaseState.RELEASED:
                raise leases.given_up()
            if found.state is LeaseState.EXPIRED and not idempotency.still_holds(session, found):
                raise LeaseExpired("The request was sent again meanwhile, and the later one counts.", 1)
            if response is not None and found.state is not LeaseState.SETTLED:
                idempotency.store(session, found, response, now + self.config.response_kept_s)
            return leases.settle(session, found, seconds, now, self.config)

    def release(self, lease: str) -> Allowance | None:
        """End the lease and give back what it holds; do nothing where it was settled or released."""
        now = self.clock()
        with self.database.transaction(durable=False) as session:
            found = leases.find(session, lease)
            if found is None or found.state not in (LeaseState.ACTIVE, LeaseState.EXPIRED):
                return None
            return leases.give_back(session, found, LeaseState.RELEASED, now, self.config)

    def expire_overdue(self) -> int:
        """End every lease that nobody renewed in time; return how many. Forget old answers and addresses."""
        now = self.clock()
        with self.database.reading() as session:
            callers = leases.callers_with_overdue(session, now)
        ended = 0
        for caller_id in callers:
            with self.database.transaction(durable=False) as session:
                lock(session, caller_id)
                ended += leases.expire(session, caller_id, now, self.config).expired
        with self.database.transaction(durable=False) as session:
            idempotency.forget_old(session, now, self.config.response_kept_s)
            tokens.forget_old(session, now)
        if now >= self._prune_at:
            self._prune_at = now + (PRUNE_EVERY_S if self._prune(now) < pruning.AT_A_TIME else 0)
        return ended

    def _prune(self, now: float) -> int:
        """Of how many callers without a key the old days were forgotten."""
        day = day_of(now - self.config.anonymous_kept_days * DAY_S)
        with self.database.reading() as session:
            callers = pruning.with_old_days(session, day)
        for caller_id in callers:
            with self.database.transaction(durable=False) as session:
                pruning.forget(session, caller_id, day)
        return len(callers)

    # A caller's own account.

    def account(self, credential: str) -> Account:
        """Return the account behind the key. Raise `Unauthorized` where there is none."""
        with self.database.reading() as session:
            caller = accounts.authenticate(session, credential)
            return accounts.account_value(session, caller, self.clock(), self.config)

    def usage(self, credential: str, cursor: str | None, limit: int) -> UsagePage:
        """Return a page of the account's requests, the latest first."""
        with self.database.reading() as session:
            return usage.page(session, accounts.authenticate(session, credential).id, cursor, limit)

    def daily_usage(self, credential: str, days: int) -> tuple[DayUsage, ...]:
        """Return the account's requests by day, of the last ``days``."""
        with self.database.reading() as session:
            return usage.by_day(session, accounts.authenticate(session, credential).id, days, self.clock())

    def create_key(self, credential: str, key_id: str, secret: str, name: str) -> NewKey:
        """Return a new key of the account behind ``credential``."""
        with self.database.transaction() as session:
            caller = accounts.authenticate(session, credential, locking=True)
            return accounts.create_key(session, caller, key_id, secret, name, self.clock(), self.config)

    def list_keys(self, credential: str) -> tuple[ApiKey, ...]:
        """Return the keys of the account behind ``credential``."""
        with self.database.reading() as session:
            return accounts.list_keys(session, accounts.authenticate(session, credential).id)

    def revoke_key(self, credential: str, key_id: str) -> ApiKey:
        """Revoke the key, and return it."""
        with self.database.transaction() as session:
            caller = accounts.authenticate(session, credential)
            return accounts.revoke_key(session, key_id, self.clock(), caller.id)

    def create_token(self, credential: str, token: str) -> NewToken:
        """Return a token that opens one stream for the account behind ``credential``."""
        with self.database.transaction() as session:
            caller = accounts.authenticate(session, credential, locking=True)
            row = tokens.create(session, caller, credential, token, self.clock(), self.config)
            return NewToken(token, accounts.moment(row.expires_at), self.config.stream_token_s)

    def sign_up(self, address: str, name: str, account_id: str, key_id: str, secret: str) -> NewAccount:
        """Counted by address, and once however often it is asked under the same ids."""
        if not self.config.sign_up_open:
            raise Unauthorized("Only this service's operators create accounts. Ask them for a key.")
        now, server_secret = self.clock(), self._address_secret()
        with self.database.transaction() as session:
            origin = accounts.at_address(session, address, server_secret, now)
            if lock(session, account_id) is None:
                pool = Pool(session, origin.id, Meter(MeterName.SIGN_UPS, day_of(now)), self.config)
                if self.config.quotas:
                    pool.require(1, now)
                pool.post(EntryKind.SETTLE, account_id, now, amount=-1)
            caller = accounts.create(session, account_id, name, PlanName.FREE, now)
            key = accounts.create_key(session, caller, key_id, secret, "first key", now, self.config)
            return NewAccount(accounts.account_value(session, caller, now, self.config), key)

    def _address_secret(self) -> bytes:
        """Return the given secret, else a random one that the database keeps, made at its first use."""
        if not self._secret:
            self._secret = self._kept_secret()
        return self._secret

    def _kept_secret(self) -> bytes:
        with self.database.transaction() as session:
            insert_new(session, ServerSecret(name="addresses", value=secrets.token_hex(32)))
            kept = session.get(ServerSecret, "addresses")
            assert kept is not None
            return kept.value.encode()

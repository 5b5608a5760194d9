"""The service's answers about accounts as frozen values."""

from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Credits:
    """Credits that an account has, and those that are set aside."""

    available: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """``unit``: minutes or credits. ``resets_in_s`` None: it does not come back by time."""

    unit: str
    limit: int
    used: int
    remaining: int
    resets_in_s: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """``running``: how many of the ``at_once`` transcriptions and streams are at work now."""

    max_file_bytes: int = 0
    at_once: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as its owner sees it: ``prefix`` is its first characters."""

    id: str
    name: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewKey(Key):
    """A key at the one moment when it is shown: ``key`` is the whole of it."""

    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """An account, as its holder sees it."""

    id: str
    name: str
    plan: str
    created_at: datetime
    credits: Credits
    allowance: Allowance
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class NewAccount(Account):
    """``key``: its first key, which is shown this once."""

    key: NewKey = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What one day's requests came to."""

    date: date
    requests: int
    seconds: float
    credits: int


@dataclass(frozen=True, slots=True)
class RequestUsage:
    """One request that was charged."""

    request_id: str
    kind: str
    at: datetime
    seconds: float
    credits: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Newest first. ``next_cursor``: asks for the requests before these; None: there are none."""

    days: tuple[DayUsage, ...] = ()
    requests: tuple[RequestUsage, ...] = ()
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class PlanAllowance:
    """``amount`` None: as much as the account has credits. ``period``: after which it is full again; None: never."""

    unit: str
    amount: int | None = None
    period: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """``at_once``: transcriptions and streams together."""

    name: str
    allowance: PlanAllowance
    max_file_bytes: int = 0
    at_once: int = 0


@dataclass(frozen=True, slots=True)
class Plans:
    """``quotas`` False: the service counts and charges nothing. ``upgrade_url``: where credits are sold."""

    plans: tuple[Plan, ...] = ()
    quotas: bool = False
    upgrade_url: str | None = None

"""The frozen value types of accounts, plans and charges. Amounts are whole credits: 1 credit = 1 minute of audio."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class WorkKind(StrEnum):
    """A kind of request. Transcriptions and streams share the limit of concurrent requests; summaries do not count.

    A submission brings a job, which is a transcription once it runs.
    """

    TRANSCRIPTION = "transcription"
    STREAM = "stream"
    SUMMARY = "summary"
    SUBMISSION = "submission"


class PlanName(StrEnum):
    """The plans; `billing.plans` has the limits of each."""

    ANONYMOUS = "anonymous"
    FREE = "free"
    PAID = "paid"


@dataclass(frozen=True, slots=True)
class Allowance:
    """A caller's limit and what is left of it: transcriptions, summaries, minutes or credits, by plan and kind.

    ``reset_s``: seconds until the period ends and ``limit`` is there again; None for credits, which do not come back.
    """

    limit: int
    remaining: int
    reset_s: int | None


@dataclass(frozen=True, slots=True)
class Permit:
    """A granted admission: a lease on a slot, to be renewed at least every ``renew_every_s`` while the work runs.

    ``replay``: a response is stored under the caller's idempotency key, so nothing is counted and the lease only
    serves to `claim` it. ``allowance`` None: this work is not counted for this caller.
    """

    lease: str
    plan: PlanName
    max_file_bytes: int
    at_once: int
    renew_every_s: float
    allowance: Allowance | None
    replay: bool = False


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An answer that is kept under an idempotency key. Header names are lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its owner sees it after it was made: ``prefix`` is its first characters, for display."""

    id: str
    name: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the one moment when it is shown. ``secret`` is the whole key; it is stored nowhere."""

    key: ApiKey
    secret: str

    def __repr__(self) -> str:
        return f"NewKey({self.key!r})"  # a key must not get into a log by way of its repr


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that opens one stream until ``expires_at``, ``seconds`` from now. ``secret`` is stored nowhere."""

    secret: str
    expires_at: datetime
    seconds: float

    def __repr__(self) -> str:
        return f"NewToken(expires_at={self.expires_at!r})"


@dataclass(frozen=True, slots=True)
class Account:
    """An account. ``credits`` can still be spent; ``reserved`` are held by work that runs.

    ``allowance`` is the plan's for transcriptions; ``running`` counts the slots in use out of ``at_once``.
    """

    id: str
    name: str
    plan: PlanName
    created_at: datetime
    credits: int
    reserved: int
    allowance: Allowance
    max_file_bytes: int
    at_once: int
    running: int


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that was just made, with the secret of its first key."""

    account: Account
    key: NewKey


@dataclass(frozen=True, slots=True)
class UsageItem:
    """One request that was charged, or counted at no charge. ``seconds`` is the audio's length, 0 for summaries."""

    request_id: str
    kind: WorkKind
    at: datetime
    seconds: float
    credits: int


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Newest first. ``next_cursor`` asks for the page after this one; None: there is none."""

    items: tuple[UsageItem, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DayUsage:
    """One UTC day's requests together."""

    day: date
    requests: int
    seconds: float
    credits: int

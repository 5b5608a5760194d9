"""The shapes of the account routes' JSON."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Literal

from pydantic import Field

from stt_ai.accounts import ApiKey, NewKey, PlanName, WorkKind
from stt_ai.api.schemas import Shape


class Name(Shape):
    """The body may be left out."""

    name: str | None = Field(None, min_length=1, max_length=100, description="For your own use.", examples=["laptop"])


class CreditsBody(Shape):
    """Credits that an account has, and those that are set aside for running work."""

    available: int = Field(description="One pays for a minute of audio.")
    reserved: int = Field(ge=0, description="Held by requests that are being worked on.")


class AllowanceBody(Shape):
    """What a plan allows within a day or a month, and what is left of it."""

    unit: Literal["minutes", "credits"]
    limit: int
    used: int
    remaining: int = Field(ge=0)
    resets_in_s: int | None = Field(description="Until the limit is there again; null: it does not come back by time.")


class PlanAllowanceBody(Shape):
    """What a plan allows within a day or a month."""

    amount: int | None = Field(description="null: as much as the account has credits.")
    unit: Literal["transcriptions", "minutes", "credits"]
    period: Literal["day", "month"] | None = Field(description="After which it is full again; null: it never is.")


class PlanBody(Shape):
    """A plan and its limits."""

    name: PlanName
    allowance: PlanAllowanceBody
    max_file_bytes: int = Field(gt=0)
    at_once: int = Field(ge=1, description="Transcriptions and streams together.")


class PlansBody(Shape):
    """All plans of the service."""

    plans: list[PlanBody]
    quotas: bool = Field(description="false: this service counts and charges nothing.")
    upgrade_url: str | None = Field(description="Where credits are sold; null: ask whoever runs the service.")


class LimitsBody(Shape):
    """How large one file may be, and how many requests may run at once."""

    max_file_bytes: int = Field(gt=0)
    at_once: int = Field(ge=1, description="Transcriptions and streams together.")
    running: int = Field(ge=0)


class AccountBody(Shape):
    """An account as its holder sees it."""

    id: str
    name: str
    plan: PlanName
    created_at: datetime
    credits: CreditsBody
    allowance: AllowanceBody = Field(description="What you may have transcribed, and what is left of it.")
    limits: LimitsBody


class KeyBody(Shape):
    """An API key without its secret."""

    id: str
    name: str
    prefix: str = Field(description="The key's first characters.", examples=["stt_live_k3Xw"])
    created_at: datetime
    revoked_at: datetime | None


class NewKeyBody(KeyBody):
    """An API key with its secret, which is shown this once."""

    key: str = Field(description="The whole key. It is stored nowhere, and shown this once.")


def key_body(key: ApiKey) -> KeyBody:
    """Return the body for a key."""
    return KeyBody(**asdict(key))


def new_key_body(made: NewKey) -> NewKeyBody:
    """Return the body for a new key, with its secret."""
    return NewKeyBody(**asdict(made.key), key=made.secret)


class KeysBody(Shape):
    """The account's keys, the oldest first, revoked ones too."""

    keys: list[KeyBody]


class NewAccountBody(AccountBody):
    """A new account and its first key."""

    key: NewKeyBody


class RequestBody(Shape):
    """One request that was charged."""

    request_id: str
    kind: WorkKind
    at: datetime
    seconds: float = Field(ge=0, description="Of audio.")
    credits: int = Field(ge=0, description="Credits charged, or free minutes used.")


class DayBody(Shape):
    """What one day's requests came to."""

    date: date
    requests: int
    seconds: float = Field(ge=0)
    credits: int = Field(ge=0)


class Report(Shape):
    """Usage by day, and a page of single requests."""

    days: list[DayBody] = Field(description="Only days with requests.")
    requests: list[RequestBody]
    next_cursor: str | None = Field(description="For the next page; null: this is the last.")

"""What the service answers, as frozen values. Times are seconds; what a newer service adds is left out."""

import functools
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import date, datetime
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Word:
    """``speaker`` None: speakers were not asked for."""

    word: str
    start: float
    end: float
    confidence: float = 0.0
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of text by one speaker."""

    start: float
    end: float
    text: str
    speaker: str | None = None
    confidence: float = 0.0
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request cost: seconds of audio, and the credits or free minutes charged for them."""

    seconds: float = 0.0
    credits: int = 0


@dataclass(frozen=True, slots=True)
class Transcription:
    """A file's transcript. ``demo``: a demonstration model wrote it. ``raw``: the answer as it came."""

    text: str
    language: str = ""
    language_confidence: float = 0.0
    duration: float = 0.0
    segments: tuple[Segment, ...] = ()
    speakers: tuple[str, ...] = ()
    model: str = ""
    usage: Charge = Charge()
    request_id: str = ""
    warnings: tuple[str, ...] = ()
    demo: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def words(self) -> tuple[Word, ...]:
        """All words, in order."""
        return tuple(word for segment in self.segments for word in segment.words)


@dataclass(frozen=True, slots=True)
class Summary:
    summary: str
    style: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """``languages``: how many it knows."""

    id: str
    name: str = ""
    languages: int = 0
    speed: str = ""


@dataclass(frozen=True, slots=True)
class Language:
    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """``status``: `ok`, or `degraded` when one of the ``parts`` cannot serve."""

    status: str
    gpu_available: bool = False
    gpu_name: str | None = None
    gpu_memory_mb: int = 0
    demo_models: bool = False
    version: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Credits:
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
    """A key at the one moment when it is told: ``key`` is the whole of it."""

    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    name: str
    plan: str
    created_at: datetime
    credits: Credits
    allowance: Allowance
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class NewAccount:
    """``key``: its first key, which is told this once."""

    id: str
    name: str
    plan: str
    created_at: datetime
    credits: Credits
    allowance: Allowance
    key: NewKey
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class DayUsage:
    date: date
    requests: int
    seconds: float
    credits: int


@dataclass(frozen=True, slots=True)
class RequestUsage:
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


def read(cls: type[T], told: Mapping[str, Any]) -> T:
    """A value from JSON: unknown keys are left out, null and missing ones are the default. Raises `ValueError`."""
    values = {}
    for name, kind, required in _fields(cls):  # type: ignore[arg-type]
        if told.get(name) is not None:
            values[name] = _value(kind, told[name])
        elif required:
            raise ValueError(f"the answer has no {name}")
    return cls(**values)


@functools.cache
def _fields(cls: type[Any]) -> tuple[tuple[str, Any, bool], ...]:
    """(name, type, whether it must be there)."""
    hints = get_type_hints(cls)

    def required(one: "Field[Any]") -> bool:
        return one.default is MISSING and one.default_factory is MISSING

    return tuple((one.name, hints[one.name], required(one)) for one in fields(cls))


def _value(kind: Any, told: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], one) for one in told)
    if is_dataclass(kind):
        return read(kind, told)  # type: ignore[arg-type]
    if kind in (datetime, date):
        return kind.fromisoformat(told)
    return told

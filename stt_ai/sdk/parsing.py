"""From JSON to frozen values: what a newer service adds is left out."""

import functools
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def parse(cls: type[T], data: Mapping[str, Any]) -> T:
    """A value from JSON: unknown keys are left out, null and missing ones are the default. Raises `ValueError`."""
    values = {}
    for name, kind, required in _fields(cls):  # type: ignore[arg-type]
        if data.get(name) is not None:
            values[name] = _value(kind, data[name])
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


def _value(kind: Any, data: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], one) for one in data)
    if is_dataclass(kind):
        return parse(kind, data)  # type: ignore[arg-type]
    if kind in (datetime, date):
        return kind.fromisoformat(data)
    return data

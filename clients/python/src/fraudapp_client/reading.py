"""From the JSON of an answer to frozen dataclasses, by their types.

Fields a dataclass does not have are passed over: a newer server may say more.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from fraudapp_client.errors import BadAnswerError

Read = TypeVar("Read")


def parse(content: bytes) -> Any:
    """Raises: BadAnswerError: this is no JSON."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError("The answer is not JSON.") from error


def read_object(kind: type[Read], data: Any, where: str = "") -> Read:
    """An instance of the dataclass `kind`.

    Raises:
        BadAnswerError: a field is missing or of another type.
    """
    where = where or kind.__name__
    if not isinstance(data, Mapping):
        raise BadAnswerError(f"{where} is no object.")
    known = _fields_of(kind)  # type: ignore[arg-type]  # mypy: a class is hashable
    values = {name: _field(field, hint, data.get(name), where) for name, (field, hint) in known.items()}
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise BadAnswerError(f"{where}: {error}") from error


def read_list(kind: type[Read], data: Any, where: str) -> tuple[Read, ...]:
    """Raises: BadAnswerError."""
    if not isinstance(data, list):
        raise BadAnswerError(f"{where} is no list.")
    return tuple(read_object(kind, item, f"{where}[{number}]") for number, item in enumerate(data))


@cache
def _fields_of(kind: Any) -> dict[str, tuple["Field[Any]", Any]]:
    hints = get_type_hints(kind)
    found: dict[str, tuple[Field[Any], Any]] = {}
    for field in fields(kind):
        found[field.name] = (field, hints[field.name])
    return found


def _field(field: "Field[Any]", hint: Any, value: Any, where: str) -> Any:
    if value is not None:
        return _read(hint, value, f"{where}.{field.name}")
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    raise BadAnswerError(f"{where}.{field.name} is missing.")


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) is UnionType and type(None) in get_args(hint)


def _read(hint: Any, value: Any, where: str) -> Any:
    if value is None and (hint is Any or _is_optional(hint)):
        return None
    if _is_optional(hint):
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if is_dataclass(hint):
        return read_object(hint, value, where)  # type: ignore[arg-type]  # a class, not an instance
    origin = get_origin(hint)
    if origin is tuple:
        return _read_tuple(get_args(hint)[0], value, where)
    if origin is Mapping:
        return _read_mapping(get_args(hint)[1], value, where)
    if hint is Any:
        return value
    try:
        return _SCALARS[hint](value)
    except (TypeError, ValueError, InvalidOperation) as error:
        raise BadAnswerError(f"{where} is no {hint.__name__}.") from error


def _read_tuple(hint: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise BadAnswerError(f"{where} is no list.")
    return tuple(_read(hint, item, f"{where}[{number}]") for number, item in enumerate(value))


def _read_mapping(hint: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadAnswerError(f"{where} is no object.")
    return {name: _read(hint, item, f"{where}.{name}") for name, item in value.items()}


def _exactly(*kinds: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        # A bool is an int to Python, not to JSON.
        if type(value) not in kinds:
            raise TypeError(value)
        return value

    return read


def _float(value: Any) -> float:
    return float(_exactly(int, float)(value))


def _decimal(value: Any) -> Decimal:
    number = Decimal(str(_exactly(str, int, float)(value)))
    if not number.is_finite():
        raise ValueError(value)
    return number


def _datetime(value: Any) -> datetime:
    time = datetime.fromisoformat(_exactly(str)(value))
    if time.tzinfo is None:
        raise ValueError(value)
    return time


_SCALARS: dict[Any, Callable[[Any], Any]] = {
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    float: _float,
    Decimal: _decimal,
    datetime: _datetime,
}

"""Values that may be a little old, kept in the process: so many, so long."""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """At most `most` values, each for `age`; the one that was put first goes first. Safe among threads."""

    def __init__(self, *, most: int, age: timedelta) -> None:
        self._most, self._age = most, age
        self._kept: OrderedDict[Hashable, tuple[datetime, Value]] = OrderedDict()

    def get(self, key: Hashable, now: datetime) -> Value | None:
        """None when there is none, or it is too old (or from after `now`)."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        put_at, value = kept
        return value if put_at <= now < put_at + self._age else None

    def put(self, key: Hashable, value: Value, now: datetime) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (now, value)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        self._kept.clear()

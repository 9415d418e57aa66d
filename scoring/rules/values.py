"""What the parts of a compiled condition are: values, and truths made of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scoring.rules.columns import Bools, Columns, Floats
from scoring.rules.errors import Place
from scoring.rules.fields import Kind

# Both give one value a payment, or a single one where no field is read.
Test = Callable[[Columns], Bools]
Reading = Callable[[Columns], Floats]


@dataclass(frozen=True)
class Value:
    """A typed value. Equal keys compute the same; `constant` is what was written, of a literal only."""

    kind: Kind
    key: str
    read: Reading
    place: Place
    constant: float | str | bool | None = None


@dataclass(frozen=True)
class Truth:
    """Where something is true and where it is false. Where it is neither, a value is missing."""

    key: str
    true: Test
    false: Test


def shared(key: str, true: Test, false: Test) -> Truth:
    """A truth that is computed once a batch however many rules contain it."""
    true_key, false_key = (key, True), (key, False)
    return Truth(key, lambda columns: columns.test(true_key, true), lambda columns: columns.test(false_key, false))


def truth_of(value: Value) -> Truth:
    """The truth that a value of this kind is."""
    read = value.read
    return shared(value.key, lambda columns: read(columns) == 1.0, lambda columns: read(columns) == 0.0)


def as_reading(truth: Truth) -> Reading:
    """1 where it is true, 0 where it is false, else missing."""
    true, false = truth.true, truth.false
    return lambda columns: np.where(true(columns), 1.0, np.where(false(columns), 0.0, np.nan))


def finite(result: Reading) -> Reading:
    """Missing where there is no number. Infinity less itself is NaN, and a number less itself adds nothing."""

    def read(columns: Columns) -> Floats:
        found = result(columns)
        return found + (found - found)

    return read

"""A start that is no position of the last record seen."""

from typing import Self


class Including(int):
    """Read on with the record at a position itself, which any other start leaves out.

    As a number it is the one before, which is all that a broker with plain numbers needs. A Kinesis sequence number has
    none before it that could be asked for.
    """

    def __new__(cls, position: int) -> Self:
        return super().__new__(cls, position - 1)

    @property
    def position(self) -> int:
        return self + 1

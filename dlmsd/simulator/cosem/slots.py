"""When profiles capture: a grid of instants, numbered without end in both directions."""

from __future__ import annotations

import datetime
import math
from typing import Protocol

from attrs import frozen

_MONTHS = 12


class Slots(Protocol):
    """Instants are Unix seconds; those of higher numbers are later."""

    def number(self, t: float) -> int:
        """The slot that began last."""

    def at(self, number: int) -> float:
        """When a slot begins."""


@frozen
class Every:
    """At whole multiples of ``seconds``."""

    seconds: int

    def number(self, t: float) -> int:
        """The slot that began last."""
        return math.floor(t / self.seconds)

    def at(self, number: int) -> float:
        """When a slot begins."""
        return float(number * self.seconds)


@frozen
class Daily:
    """At each midnight of local time."""

    zone: datetime.tzinfo

    def number(self, t: float) -> int:
        """The slot that began last."""
        return datetime.datetime.fromtimestamp(t, self.zone).toordinal()

    def at(self, number: int) -> float:
        """When a slot begins."""
        day = datetime.datetime.fromordinal(number)
        return day.replace(tzinfo=self.zone).timestamp()


@frozen
class Monthly:
    """At the first midnight of each month, local time."""

    zone: datetime.tzinfo

    def number(self, t: float) -> int:
        """The slot that began last."""
        local = datetime.datetime.fromtimestamp(t, self.zone)
        return local.year * _MONTHS + local.month - 1

    def at(self, number: int) -> float:
        """When a slot begins."""
        year, month = divmod(number, _MONTHS)
        return datetime.datetime(year, month + 1, 1, tzinfo=self.zone).timestamp()

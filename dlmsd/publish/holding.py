"""Deliveries that stay in the outbox, of meters about which an operator has to decide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from dlmsd.publish.lane import LaneQueue
from dlmsd.publish.troubles import Trouble


class Desk(Protocol):
    """Where the reason stands."""

    def refused(self, courier: str, error: Trouble) -> None: ...
    def forget(self, courier: str) -> None: ...


class Holding:
    """``held`` are the meters, and why; whoever owns it may add to it."""

    def __init__(self, held: dict[str, Trouble], lanes: Iterable[LaneQueue], desk: Desk) -> None:
        self._held = held
        self._lanes = lanes
        self._desk = desk
        self._told: set[str] = set()

    def look(self) -> None:
        """There may be more of them."""
        if self._held.keys() == self._told:
            return
        for meter in self._held.keys() - self._told:
            self._desk.refused(meter, self._held[meter])
        self._told = set(self._held)
        for lane in self._lanes:
            lane.hold(self._told)

    def release(self) -> bool:
        """None any more; whether there were any. What was held goes by a new connection."""
        released = bool(self._held)
        for meter in self._held:
            self._desk.forget(meter)
        self._held.clear()
        self.look()
        return released

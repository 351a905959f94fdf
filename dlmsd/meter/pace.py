"""A wire that takes its time, for meters that miss what comes too soon."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Wire(Protocol):
    """What a conversation needs of its connection."""

    @property
    def octets_in(self) -> int:
        """How many octets came."""

    def write(self, octets: bytes) -> None:
        """Send."""

    def abandon(self) -> None:
        """Nothing more is coming for now."""


class PacedWire:
    """Waits ``delay`` seconds before each frame, and sends them in their order."""

    def __init__(self, wire: Wire, delay: float, clock: IReactorTime) -> None:
        self._wire = wire
        self._delay = delay
        self._clock = clock
        self._frames: deque[bytes] = deque()
        self._call: IDelayedCall | None = None

    @property
    def octets_in(self) -> int:
        """How many octets came."""
        return self._wire.octets_in

    def write(self, octets: bytes) -> None:
        """Send, in a while."""
        self._frames.append(octets)
        if self._call is None:
            self._wait()

    def abandon(self) -> None:
        """Nothing more is coming for now."""
        self._wire.abandon()

    def stop(self) -> None:
        """The connection is gone: what waits is not sent."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _wait(self) -> None:
        self._call = self._clock.callLater(self._delay, self._send)

    def _send(self) -> None:
        self._call = None
        self._wire.write(self._frames.popleft())
        if self._frames:
            self._wait()

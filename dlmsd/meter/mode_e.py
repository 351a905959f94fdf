"""Carries out the opening of an optical head on its port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from dlmsd.dlms.mode_e import Action, Failed, ModeE, Opened, Rate, Send, Wait
from dlmsd.errors import DlmsdError


class Port(Protocol):
    """What an opening needs of a serial port."""

    def write(self, octets: bytes) -> None:
        """Send."""

    def change_rate(self, rate: int) -> None:
        """From now on so many Bd."""


class Opener:
    """``ended`` hears of the end: of None when the line speaks HDLC, else of the error."""

    def __init__(
        self,
        opening: ModeE,
        port: Port,
        clock: IReactorTime,
        ended: Callable[[DlmsdError | None], None],
    ) -> None:
        self._opening = opening
        self._port = port
        self._clock = clock
        self._ended = ended
        self._wait: IDelayedCall | None = None

    def start(self) -> None:
        """Send the first request."""
        self._carry_out(self._opening.start())

    def received(self, octets: bytes) -> None:
        """Take what came from the port."""
        self._carry_out(self._opening.receive(octets))

    def stop(self) -> None:
        """The port is gone."""
        if self._wait is not None and self._wait.active():
            self._wait.cancel()

    def _elapsed(self) -> None:
        self._carry_out(self._opening.elapsed())

    def _carry_out(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Send(octets):
                    self._port.write(octets)
                case Rate(rate):
                    self._port.change_rate(rate)
                case Wait(seconds):
                    self.stop()
                    self._wait = self._clock.callLater(seconds, self._elapsed)
                case Opened():
                    self._ended(None)
                case Failed(error):
                    self.stop()
                    self._ended(error)

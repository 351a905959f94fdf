"""Virtual meters on a serial line, and the optical head of one."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from dlmsd.dlms.mode_e import FIRST_RATE, RATES, even, without_parity
from dlmsd.simulator.protocol import SimulatorFactory, SimulatorProtocol
from dlmsd.simulator.terminal import Terminal

open_terminal: Callable[[Protocol, Any], Any] = Terminal

IDENTIFICATION: Final = b"/DLM5\\2VIRTUAL001\r\n"
OFFERED: Final = RATES["5"]
_REQUEST: Final = re.compile(rb"/\?([0-9A-Za-z ]*)!\r\n")
_CHOICE: Final = re.compile(rb"\x062([0-9])2\r\n")
# The reaction time of a meter whose manufacturer is written in capitals.
_REACTION: Final = 0.2
_MAX_LINE: Final = 128


class SerialLine(Protocol):
    """One line with all its meters, who answer as if one client were connected for ever.

    What ends a connection elsewhere makes them forget the client here.
    """

    transport: Any

    def __init__(self, factory: SimulatorFactory, reactor: IReactorTime) -> None:
        self._factory = factory
        self._reactor = reactor
        self._closed = False
        self._meters: SimulatorProtocol | None = None
        self._terminal = open_terminal(self, reactor)

    @property
    def path(self) -> str:
        """What a client opens."""
        path: str = self._terminal.path
        return path

    def stopListening(self) -> None:
        """Close."""
        self._closed = True
        self._terminal.connectionLost(Failure(ConnectionDone()))

    def dataReceived(self, data: bytes) -> None:
        self._conversation().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.loseConnection()

    def _conversation(self) -> SimulatorProtocol:
        if self._meters is None:
            self._meters = self._factory.buildProtocol(None)
            transport: Any = self
            self._meters.makeConnection(transport)
        return self._meters

    # The transport of the conversation.

    def write(self, octets: bytes) -> None:
        """To the line."""
        self._terminal.write(octets)

    def loseConnection(self) -> None:
        """Forget the client."""
        meters, self._meters = self._meters, None
        if meters is not None:
            meters.connectionLost(Failure(ConnectionDone()))

    abortConnection = loseConnection


class _State(enum.Enum):
    WAITING = "waiting for a request"
    IDENTIFIED = "identified"
    HDLC = "hdlc"


class OpticalHead(SerialLine):
    """A line that speaks HDLC only after IEC 62056-21 mode E has led there.

    A request at 300 Bd begins anew whatever went before. Octets at another rate than the
    one agreed upon are lost, as on a real line.
    """

    def __init__(self, factory: SimulatorFactory, reactor: IReactorTime) -> None:
        self._state = _State.WAITING
        self._rate = FIRST_RATE
        self._buffer = b""
        self._answer: IDelayedCall | None = None
        super().__init__(factory, reactor)

    def dataReceived(self, data: bytes) -> None:
        rate = self._terminal.rate
        if rate == FIRST_RATE:
            self._open(data)
        elif self._state is _State.HDLC and rate == self._rate:
            super().dataReceived(data)

    def loseConnection(self) -> None:
        """The meter waits for a request again."""
        if self._answer is not None and self._answer.active():
            self._answer.cancel()
        self._state = _State.WAITING
        super().loseConnection()

    def _open(self, data: bytes) -> None:
        self._buffer = (self._buffer + without_parity(data))[-_MAX_LINE:]
        if _REQUEST.search(self._buffer):
            self.loseConnection()
            self._buffer = b""
            self._answer = self._reactor.callLater(_REACTION, self._identify)
        elif self._state is _State.IDENTIFIED and (found := _CHOICE.search(self._buffer)):
            self._buffer = b""
            rate = RATES.get(found[1].decode(), 0)
            # A pseudo-terminal takes no time, and the client waits for the line's.
            pause = _REACTION + len(found[0]) * 10 / FIRST_RATE
            self._answer = self._reactor.callLater(pause, self._confirm, found[0], rate)

    def _identify(self) -> None:
        self._state = _State.IDENTIFIED
        self.write(even(IDENTIFICATION))

    def _confirm(self, choice: bytes, rate: int) -> None:
        if self._terminal.rate == rate <= OFFERED:
            self._state = _State.HDLC
            self._rate = rate
            self.write(even(choice))
        else:
            self._state = _State.WAITING

"""A pseudo-terminal: one end is a serial port for whoever opens its path."""

from __future__ import annotations

import os
import termios
import tty
from typing import Any, Final

from twisted.internet.abstract import FileDescriptor
from twisted.internet.fdesc import readFromFD, setNonBlocking, writeToFD
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

_RATES: Final = {
    getattr(termios, f"B{rate}"): rate
    for rate in (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
}


class Terminal(FileDescriptor):
    """The end without a path, as a transport. It is there while others come and go."""

    def __init__(self, protocol: Protocol, reactor: Any) -> None:
        super().__init__(reactor)
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        setNonBlocking(self._ours)
        self.path = os.ttyname(self._theirs)
        self.connected = 1
        self._protocol = protocol
        protocol.makeConnection(self)
        self.startReading()

    @property
    def rate(self) -> int:
        """The rate in Bd that the other end has set, 0 for an odd one."""
        return _RATES.get(termios.tcgetattr(self._theirs)[4], 0)

    def fileno(self) -> int:
        return self._ours if self.connected else -1

    def doRead(self) -> Any:
        return readFromFD(self._ours, self._protocol.dataReceived)

    def writeSomeData(self, data: bytes) -> Any:
        return writeToFD(self._ours, data)

    def connectionLost(self, reason: Failure) -> None:
        if self.connected:
            super().connectionLost(reason)
            os.close(self._ours)
            os.close(self._theirs)
            self._protocol.connectionLost(reason)

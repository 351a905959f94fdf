"""HDLC over a serial port of this machine, and through an optical head on it."""

from __future__ import annotations

import os
import termios
from typing import Any, Final

from attrs import frozen
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.serialport import SerialPort
from twisted.python.failure import Failure

from dlmsd.dlms.mode_e import FIRST_RATE, ModeE
from dlmsd.errors import DlmsdError, PortError
from dlmsd.meter.mode_e import Opener
from dlmsd.meter.way import Connector, Way

# Meters fall back to the opening after some 120 s without HDLC; before that it is renewed.
OPENED_SECONDS: Final = 90.0


class Port(SerialPort):
    """A serial port of 8 bits, whose rate changes while it is open."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        try:
            super().__init__(*arguments, **options)
        except BaseException:
            # Twisted flushes it and begins to read when it is open already.
            opened = getattr(self, "_serial", None)
            if opened is not None:
                opened.close()
            raise

    def change_rate(self, rate: int) -> None:
        """From now on so many Bd."""
        try:
            self._serial.baudrate = rate  # Twisted's own method calls a pyserial of old
        except (OSError, termios.error):
            # Unplugged; those who wait for something of it must hear of it.
            reactor: Any = self.reactor
            reactor.callLater(0, self.abort)

    def abort(self) -> None:
        """Close at once, whatever was still to be written."""
        if self.connected:
            self.connectionLost(Failure(ConnectionLost()))


open_port = Port


@frozen
class SerialWay(Way):
    """One device, for one meter or for all on its line.

    With ``opening``, the address to ask for in it or "", ``baudrate`` is only a ceiling.
    ``parity`` is pyserial's letter.
    """

    device: str
    baudrate: int
    opening: str | None
    reactor: Any
    parity: str = "N"

    @property
    def idle_seconds(self) -> float:
        """How long an opened line stays open."""
        return 0.0 if self.opening is None else OPENED_SECONDS

    def connect(self, factory: ClientFactory) -> Connector:
        """Open the port, and the line behind it."""
        return SerialConnection(self, factory)


class SerialConnection(Protocol):
    """One opened port: the transport of the protocol that the factory builds for it."""

    transport: Any

    def __init__(self, way: SerialWay, factory: ClientFactory) -> None:
        self._way = way
        self._factory = factory
        self._wire: Any = None
        self._opener: Opener | None = None
        self._error: DlmsdError | None = None
        self._ending = False
        opening = None if way.opening is None else ModeE(way.opening, way.baudrate)
        rate = way.baudrate if opening is None else FIRST_RATE
        try:
            open_port(self, way.device, way.reactor, baudrate=rate, parity=way.parity)
        except (OSError, ValueError, termios.error) as error:
            self.connected = 0
            reason = Failure(PortError(_words(way.device, error)))
            factory.clientConnectionFailed(self, reason)  # type: ignore[arg-type]
            return
        if opening is None:
            self._begin()
        else:
            self._opener = Opener(opening, self.transport, way.reactor, self._opened)
            self._opener.start()

    # The connector's side.

    def disconnect(self) -> None:
        """Close; a port that could not be opened is closed."""
        if self.connected:
            self.loseConnection()

    def _opened(self, error: DlmsdError | None) -> None:
        self._opener = None
        if error is None:
            self._begin()
        else:
            self._error = error
            self.loseConnection()

    def _begin(self) -> None:
        self._wire = self._factory.buildProtocol(None)  # type: ignore[arg-type]
        self._wire.makeConnection(self)

    # The port's side.

    def dataReceived(self, data: bytes) -> None:
        if self._ending:
            return
        if self._opener is not None:
            self._opener.received(data)
        elif self._wire is not None:
            self._wire.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        if self._opener is not None:
            self._opener.stop()
        if not reason.check(ConnectionDone):
            reason = Failure(PortError(f"{self._way.device} is gone"))
        if self._wire is None:
            reason = Failure(self._error) if self._error is not None else reason
            self._factory.clientConnectionFailed(self, reason)  # type: ignore[arg-type]
        else:
            self._wire.connectionLost(reason)
            self._factory.clientConnectionLost(self, reason)  # type: ignore[arg-type]

    # The protocol's side.

    def write(self, octets: bytes) -> None:
        """Send."""
        self.transport.write(octets)

    def loseConnection(self) -> None:
        """Close when all is written."""
        self._ending = True
        self.transport.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        self.transport.abort()


def _words(device: str, error: Exception) -> str:
    number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
    return f"{device}: {os.strerror(number) if number else 'no serial port, or not at this rate'}"

"""Calls under test: whoever opens a connection to the port where meters call in."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport

from dlmsd.config.values import DialInOptions
from dlmsd.meter.dialin import Caller, Reception
from tests.fuzz.target import Target, pieces

_ADDRESS: Final = IPv4Address("TCP", "192.0.2.1", 5000)
_ANNOUNCED: Final = (b"LGZ1030655933512\r\n", b"+MODEM\x00\x01", b"\x7e\xa0")


class _Line(Factory):
    """Takes a call as a meter's line does."""

    continueTrying = True
    connects = 0
    protocol = Protocol


class _Transport(StringTransport):
    def abortConnection(self) -> None:
        self.disconnecting = True


def target() -> Target:
    """What callers say before it is known who they are, and then as one of ours."""
    reactor: Any = MemoryReactorClock()
    reception = Reception(DialInOptions("tcp:4060"), reactor=reactor)
    Deferred.fromCoroutine(reception.start())
    calls = reactor.tcpServers[0][1]
    line: Any = _Line()
    for announced in _ANNOUNCED:
        reception.expect(Caller("", announced), line)

    def run(octets: bytes) -> None:
        call = calls.buildProtocol(_ADDRESS)
        call.makeConnection(_Transport(peerAddress=_ADDRESS))
        for piece in pieces(octets):
            call.dataReceived(piece)
            if call.transport.disconnecting:
                break
        assert len(call.said) <= 256
        call.connectionLost()

    return Target("dial-in", run, tuple(octets + b"more" for octets in _ANNOUNCED))

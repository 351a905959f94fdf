"""Meters that mean harm, in virtual and in real time."""

from __future__ import annotations

import enum
from collections.abc import Callable
from random import Random
from typing import Any

from attrs import field, frozen
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, Protocol

from dlmsd.dlms.xdlms.get import GetResponseWithBlock
from dlmsd.simulator.answer import Answer
from dlmsd.simulator.association import ServerAssociation
from dlmsd.simulator.conversation import Conversation, InstalledMeter
from dlmsd.simulator.link import ServerLink
from dlmsd.simulator.protocol import SimulatorFactory, SimulatorProtocol

_PIECE, _EVERY = 1 << 16, 0.01
_TRICKLE_SECONDS = 0.02
# As many elements as an APDU of 64 KiB holds, and then more than was promised.
_BOMB = b"\x01\x82\x70\x00" + b"\x0f\x01" * 0x7000 + b"\x02\x01" * 15 + b"\x00"


class Hostility(enum.Enum):
    """What it does."""

    FLAGS = "endless 7E"
    GARBAGE = "garbage without end"
    TRICKLE = "octet by octet"
    BOMBS = "A-XDR bombs"
    BLOCKS = "blocks without end"
    RESETS = "RST at each request"


class _Association(ServerAssociation):
    """Answers every GET by what its kind is."""

    kind: Callable[[], Hostility | None]

    def _serve(self, request: Any, size: int) -> Answer:
        kind, invoke = self.kind(), getattr(request, "invoke", 0xC1)
        if kind is Hostility.BOMBS:
            return Answer(b"\xc4\x01%c\x00" % invoke + _BOMB)
        if kind is Hostility.BLOCKS:
            number = getattr(request, "block_number", 0) + 1
            return Answer(GetResponseWithBlock(invoke, False, number, bytes(100)).encode())
        return super()._serve(request, size)


@frozen
class HostileMeter(InstalledMeter):
    """Another's twin, turned; ``kind`` is asked each time."""

    kind: Callable[[], Hostility | None] = field(kw_only=True)

    @classmethod
    def of(cls, installed: InstalledMeter, kind: Callable[[], Hostility | None]) -> HostileMeter:
        """As ``installed`` is, but for this."""
        return cls(
            installed.name,
            installed.objects,
            installed.served,
            installed.personality,
            installed.address,
            installed.faults,
            kind=kind,
        )

    def converse(self) -> Conversation:
        association = _Association(self.personality, self.served, self.objects.security)
        association.kind = self.kind
        return Conversation(ServerLink(self.personality.link), association, self.faults)


class _Trickling:
    """A transport that takes its time."""

    def __init__(self, transport: Any, clock: IReactorTime) -> None:
        self._transport = transport
        self._clock = clock
        self._free_at = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, octets: bytes) -> None:
        for octet in octets:
            now = self._clock.seconds()
            self._free_at = max(now, self._free_at) + _TRICKLE_SECONDS
            self._clock.callLater(self._free_at - now, self._transport.write, bytes((octet,)))


class _Flood(Protocol):
    """Sends as much as is taken."""

    transport: Any

    def __init__(self, piece: bytes, clock: IReactorTime) -> None:
        self._piece = piece
        self._clock = clock
        self._open = False

    def connectionMade(self) -> None:
        self._open = True
        self._send()

    def connectionLost(self, reason: Any = None) -> None:
        self._open = False

    def _send(self) -> None:
        if self._open:
            self.transport.write(self._piece)
            self._clock.callLater(_EVERY, self._send)


class _Resets(Protocol):
    """Listens, and slams the door."""

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        self.transport.abortConnection()


class HostileFactory(Factory):
    """Connections to one hostile meter, which may change its ways: see ``kind``."""

    noisy = False

    def __init__(self, installed: InstalledMeter, clock: IReactorTime, random: Random) -> None:
        self.kind: Hostility | None = None
        self._clock = clock
        self._garbage = random.randbytes(_PIECE)
        meter = HostileMeter.of(installed, lambda: self.kind)
        self._genuine = SimulatorFactory((meter,), clock, lambda *_: None, one_connection=False)

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        if self.kind is Hostility.FLAGS:
            return _Flood(b"\x7e" * _PIECE, self._clock)
        if self.kind is Hostility.GARBAGE:
            return _Flood(self._garbage, self._clock)
        if self.kind is Hostility.RESETS:
            return _Resets()
        protocol: SimulatorProtocol = self._genuine.buildProtocol(addr)
        if self.kind is Hostility.TRICKLE:
            connect = protocol.makeConnection
            protocol.makeConnection = lambda transport: connect(  # type: ignore[method-assign]
                _Trickling(transport, self._clock)
            )
        return protocol

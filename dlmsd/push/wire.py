"""The sockets of a listener: TCP connections and datagrams, each sender with its own stream."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from attrs import define
from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
from twisted.internet.protocol import DatagramProtocol, Protocol, connectionDone
from twisted.python.failure import Failure

from dlmsd.config.values import PushFraming
from dlmsd.meter.deadline import Deadline
from dlmsd.meter.protocol import MAX_BABBLE
from dlmsd.push.assembly import PATIENCE, Answer, Arrived
from dlmsd.push.stream import Stream

# Meters connect when they have something to say; who says nothing so long only holds a place.
_SILENT_SECONDS: Final = 120.0
# Senders of datagrams that are remembered; more at once, and the oldest begins anew.
MAX_SENDERS: Final = 1000

Deliver = Callable[[Arrived, str, Callable[[bytes], None]], None]
"""What arrived, the peer's host, and what sends octets back there."""


class PushProtocol(Protocol):
    """One connection. ``deliver`` takes each APDU and the peer's host.

    ``ended`` hears of its end. ``patient`` leaves a silent connection open: it is ours.
    """

    transport: ITCPTransport

    def __init__(
        self,
        framing: PushFraming,
        clock: IReactorTime,
        deliver: Deliver,
        ended: Callable[[PushProtocol, Failure], None],
        *,
        host: str,
        patient: bool,
    ) -> None:
        self.stream = Stream(framing)
        self._clock = clock
        self._deliver = deliver
        self._ended = ended
        self._host = host
        self._heard = patient
        self._pause = Deadline(clock, self._paused)
        self._silence = Deadline(clock, self._silent)

    def connectionMade(self) -> None:
        """A dead peer must be noticed."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpKeepAlive(True)
        if not self._heard:
            self._silence.set(_SILENT_SECONDS)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._pause.stop()
        self._silence.stop()
        self._ended(self, reason)

    def dataReceived(self, data: bytes) -> None:
        self._pause.set(PATIENCE)
        self._hand_over(self.stream.feed(data, self._clock.seconds()))
        if self.stream.idle > MAX_BABBLE:
            self.transport.loseConnection()

    def _paused(self) -> None:
        self._hand_over(self.stream.abandon(self._clock.seconds()))

    def _silent(self) -> None:
        self.transport.loseConnection()

    def _hand_over(self, found: list[Arrived | Answer]) -> None:
        if found and not self._heard:
            self._heard = True
            self._silence.stop()
        for one in found:
            if isinstance(one, Answer):
                self.transport.write(one.octets)
            else:
                self._deliver(one, self._host, self.transport.write)


@define
class _Sender:
    stream: Stream
    last: float


class PushDatagrams(DatagramProtocol):
    """All datagrams of one port.

    A wrapped APDU is one datagram (IEC 62056-47), so what is unfinished is given up when
    the next one comes; HDLC and M-Bus frames may lie across several.
    """

    noisy = False

    def __init__(self, framing: PushFraming, clock: IReactorTime, deliver: Deliver) -> None:
        self._framing = framing
        self._clock = clock
        self._deliver = deliver
        self._senders: dict[Any, _Sender] = {}
        self._bad = 0
        self._noise = 0

    @property
    def bad(self) -> int:
        """What came and was of no use, of all senders."""
        return self._bad + sum(one.stream.bad for one in self._senders.values())

    @property
    def noise(self) -> int:
        """Octets that belonged to no frame, of all senders."""
        return self._noise + sum(one.stream.noise for one in self._senders.values())

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        now = self._clock.seconds()
        sender = self._senders.pop(addr, None)
        if sender is None or now - sender.last >= PATIENCE or sender.stream.idle > MAX_BABBLE:
            if sender is not None:
                self._forget(sender)
            sender = _Sender(Stream(self._framing), now)
        sender.last = now
        # The dictionary is in order of the last datagram.
        self._senders[addr] = sender
        if len(self._senders) > MAX_SENDERS:
            self._forget(self._senders.pop(next(iter(self._senders))))
        found: list[Arrived | Answer] = []
        if datagram[:2] == b"\x00\x01":
            found = sender.stream.abandon(now)
        found += sender.stream.feed(datagram, now)
        for one in found:
            if isinstance(one, Answer):
                self._answer(addr, one.octets)
            else:
                self._deliver(one, str(addr[0]), partial(self._answer, addr))

    def _answer(self, addr: Any, octets: bytes) -> None:
        if self.transport is not None:
            self.transport.write(octets, addr)

    def _forget(self, sender: _Sender) -> None:
        self._bad += sender.stream.bad
        self._noise += sender.stream.noise


def peer(address: IAddress | None) -> str:
    """The host of a connection's other end."""
    return str(getattr(address, "host", ""))

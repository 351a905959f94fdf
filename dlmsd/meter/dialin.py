"""Meters that call in: their modems open the TCP connection, and are read over it.

Who calls is told by his address, or by the first octets that he sends. Nothing more is
believed of it than that: an association with security proves a meter, a name does not.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, frozen
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.config.values import DialInOptions, MeterOptions
from dlmsd.errors import DlmsdError
from dlmsd.meter.factory import MeterFactory
from dlmsd.meter.way import Connector, Way

# The longest announcement that can be configured, and as much again in front of its end.
MAX_ANNOUNCEMENT: Final = 256
# A file descriptor and 256 octets each. Who knows his name says it at once; so the oldest
# goes when there are more.
MAX_UNKNOWN: Final = 100
# Strangers come in crowds; one line a minute counts them.
_TELL_SECONDS: Final = 60.0


class ReceptionError(DlmsdError):
    """Meters cannot call in; check [dial_in] listen, and that nobody else has this port."""

    culprit = "operator"


@frozen
class Caller:
    """By what a caller is known: his address, his first octets, or both."""

    host: str
    announces: bytes | None

    def is_it(self, host: str, octets: bytes) -> bool:
        """Whether who calls from ``host`` and has said ``octets`` is this one."""
        return self.host in ("", host) and octets.startswith(self.announces or b"")


@frozen(eq=False)
class DialInWay(Way):
    """Waits at ``reception`` for a call."""

    reception: Reception
    caller: Caller

    @property
    def at_will(self) -> bool:
        """It is the meter that calls, or does not."""
        return False

    def connect(self, factory: ClientFactory) -> Connector:
        """From now on a call is the factory's; each new one takes the place of the last."""
        assert isinstance(factory, MeterFactory)
        return self.reception.expect(self.caller, factory)


class Reception:
    """The port where meters call. ``unknown`` counts callers who were none of ours."""

    _log = Logger()

    def __init__(self, options: DialInOptions, *, reactor: Any) -> None:
        self.unknown = 0
        self._options = options
        self._reactor = reactor
        self._port: IListeningPort | None = None
        self._expected: dict[Caller, _Expected] = {}
        self._waiting: dict[_Call, IDelayedCall] = {}
        self._told_at = -_TELL_SECONDS
        self._told = 0

    def way(self, meter: MeterOptions) -> DialInWay:
        """How to reach ``meter``, and all behind its modem."""
        return DialInWay(self, Caller(meter.host, meter.announces))

    async def start(self) -> None:
        """Listen, if anywhere; ReceptionError if the port cannot be had."""
        if self._options.listen is None:
            return
        listen = self._options.listen
        try:
            self._port = await serverFromString(self._reactor, listen).listen(_Calls(self))
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
            raise ReceptionError(f"[dial_in] {listen}: {reason}") from error

    async def stop(self) -> None:
        """Take no more calls; those of meters are their own affair."""
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        for call in tuple(self._waiting):
            self._forget(call)
            call.transport.abortConnection()

    def expect(self, caller: Caller, factory: MeterFactory) -> Connector:
        """Calls of ``caller`` go to ``factory`` from now on."""
        expected = self._expected[caller] = _Expected(self, caller, factory)
        for call in tuple(self._waiting):
            self.said(call)
        return expected

    def expect_no_more(self, expected: _Expected) -> None:
        """Its caller is a stranger from now on, unless somebody else expects him by now."""
        if self._expected.get(expected.caller) is expected:
            del self._expected[expected.caller]

    # What calls bring.

    def called(self, call: _Call) -> None:
        """Somebody is there; who, he may have to say yet."""
        if len(self._waiting) == MAX_UNKNOWN:
            self._refuse(next(iter(self._waiting)))
        self._waiting[call] = self._reactor.callLater(self._options.patience, self._refuse, call)
        self.said(call)

    def said(self, call: _Call) -> None:
        """He said something."""
        for caller, expected in self._expected.items():
            if caller.is_it(call.host, call.said):
                self._forget(call)
                expected.take(call)
                return
        if len(call.said) >= MAX_ANNOUNCEMENT:
            self._refuse(call)

    def left(self, call: _Call) -> None:
        """He has gone without being known."""
        if call in self._waiting:
            self._forget(call)
            self._count(call)

    def _forget(self, call: _Call) -> None:
        late = self._waiting.pop(call)
        if late.active():
            late.cancel()

    def _refuse(self, call: _Call) -> None:
        self._forget(call)
        self._count(call)
        call.transport.abortConnection()

    def _count(self, call: _Call) -> None:
        self.unknown += 1
        now = self._reactor.seconds()
        if now - self._told_at >= _TELL_SECONDS:
            self._log.warn(
                "a caller from {host} is no meter of ours; he said {said}; {count} such since the "
                "last of these lines",
                host=call.host,
                said=call.said[:64].hex() or "nothing",
                count=self.unknown - self._told,
            )
            self._told_at, self._told = now, self.unknown


class _Calls(Factory):
    noisy = False

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def buildProtocol(self, addr: IAddress | None) -> _Call:
        return _Call(self._reception)


class _Call(Protocol):
    """One call: ``said`` grows until it is known whose it is."""

    transport: Any

    def __init__(self, reception: Reception) -> None:
        self.host = ""
        self.said = b""
        self._reception = reception
        self._owner: _Expected | None = None

    def connectionMade(self) -> None:
        self.host = getattr(self.transport.getPeer(), "host", "")
        self._reception.called(self)

    def belongs(self, owner: _Expected) -> None:
        """What comes from now on is a meter's."""
        self._owner = owner

    def dataReceived(self, data: bytes) -> None:
        if self._owner is None:
            # What stands behind an announcement belongs to it: nobody was asked yet.
            self.said += data[: MAX_ANNOUNCEMENT - len(self.said)]
            self._reception.said(self)
        else:
            self._owner.received(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._owner is None:
            self._reception.left(self)
        else:
            self._owner.lost(self, reason)


@define(eq=False)
class _Expected:
    """The calls of one line: the one that is read, and one that waits for its end."""

    reception: Reception
    caller: Caller
    factory: MeterFactory
    call: _Call | None = None
    wire: Any = None
    next: _Call | None = None
    calls: int = 0

    def disconnect(self) -> None:
        """Expect no call, and end the one that is there."""
        self.reception.expect_no_more(self)
        for call in (self.call, self.next):
            if call is not None:
                call.transport.loseConnection()

    def take(self, call: _Call) -> None:
        """The meter has called again: whatever was there before is dead."""
        call.belongs(self)
        if self.call is None:
            self._begin(call)
            return
        if self.next is not None:
            self.next.transport.abortConnection()
        self.next = call
        self.call.transport.abortConnection()

    def received(self, call: _Call, data: bytes) -> None:
        """A call that waits is told nothing yet, and says nothing of use."""
        if call is self.call:
            self.wire.dataReceived(data)

    def lost(self, call: _Call, reason: Failure) -> None:
        """A call's end."""
        if call is self.next:
            self.next = None
        if call is not self.call:
            return
        self.call, wire, self.wire = None, self.wire, None
        wire.connectionLost(reason)
        following, self.next = self.next, None
        if following is not None:
            self._begin(following)

    def _begin(self, call: _Call) -> None:
        if not self.factory.continueTrying:
            call.transport.loseConnection()
            return
        self.calls += 1
        if self.calls > 1:
            self.factory.connects += 1
        self.call = call
        self.wire = self.factory.buildProtocol(None)
        self.wire.makeConnection(call.transport)

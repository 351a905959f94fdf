"""One connection, made again whenever it is lost, for the meters of one line.

A meter with an address of its own has a factory of its own. Meters behind an RS-485
gateway share one, because the gateway takes one TCP client: they take turns on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define, field
from twisted.internet import error as network
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.python.failure import Failure

from dlmsd import tls
from dlmsd.errors import (
    ClosedError,
    DlmsdError,
    LinkError,
    MeterError,
    SilenceError,
    TlsError,
)
from dlmsd.meter.protocol import MeterProtocol, Reassembly
from dlmsd.meter.session import Session
from dlmsd.meter.way import Connector, Way

# A peer that does not close within this after our FIN is dropped.
_CLOSE_SECONDS: Final = 1.0
# The longest pause between two attempts; the factory's own default waits over an hour.
MAX_DELAY: Final = 300
# Delays shrink by up to this share, so that meters lost together do not come back together.
_SPREAD: Final = 0.5

_ENDS: Final[tuple[tuple[type[Exception], type[LinkError], str], ...]] = (
    (network.ConnectionRefusedError, LinkError, "connection refused"),
    (network.TimeoutError, SilenceError, "no answer to the connection attempt"),
    (network.DNSLookupError, LinkError, "the host name is unknown"),
    (network.NoRouteError, LinkError, "no route to the host"),
    (network.ConnectError, LinkError, "the connection attempt failed"),
    (network.ConnectionDone, ClosedError, "the meter closed the connection"),
    (network.ConnectionLost, ClosedError, "the connection broke"),
)


def explain(reason: Failure) -> DlmsdError:
    """A connection's end in the operator's words."""
    if isinstance(reason.value, DlmsdError):
        return reason.value
    for kind, error, words in _ENDS:
        if reason.check(kind):
            return error(words)
    trouble = tls.explain(reason.value, "gateway")
    return LinkError(type(reason.value).__name__) if trouble is None else TlsError(trouble)


@define(eq=False)
class Member:
    """One meter's place on the connection, and what it wants to hear of it."""

    session: Session
    up: Callable[[], None]
    down: Callable[[DlmsdError], None]
    failed: bool = field(default=False, init=False)


class MeterFactory(ReconnectingClientFactory):
    """Connects by its ``way``, and connects again, until stopped.

    No attempt comes sooner than ``least_pause`` seconds after the one before has ended.
    ``admit`` gives a Deferred that fires when one more attempt is allowed; ``random``
    gives 0 to 1. The delay between attempts grows to five minutes and starts over with
    the first good read, never earlier: a meter that accepts and then drops would be tried
    for ever at full speed.
    """

    maxDelay = MAX_DELAY
    noisy = False
    protocol = MeterProtocol

    def __init__(
        self,
        way: Way,
        reassembly: Callable[[], Reassembly],
        *,
        reactor: Any,
        admit: Callable[[], Deferred[None]],
        random: Callable[[], float],
        least_pause: float = 0.0,
    ) -> None:
        self._least_pause = least_pause
        self.turn = DeferredLock()
        self.connects = 0
        self.wire: MeterProtocol | None = None
        self.clock = reactor
        self._way = way
        self._reassembly = reassembly
        self._reactor = reactor
        self._admit = admit
        self._random = random
        self._members: list[Member] = []
        self._connector: Connector | None = None
        self._admission: Deferred[None] | None = None
        self._closed: Deferred[None] | None = None
        self._late: IDelayedCall | None = None
        self._used = 0.0
        self.renewing = False
        self._dropped: DlmsdError | None = None
        self._noise = 0
        self._bad_frames = 0

    def join(self, member: Member) -> None:
        """Add a meter; before :meth:`start`."""
        self._members.append(member)

    def start(self, pause: float = 0.0) -> None:
        """Make the first attempt, ``pause`` seconds from now, as soon as it is admitted."""
        if pause:
            self._callID = self._reactor.callLater(pause, self._again)
        else:
            self._when_admitted()

    def hang_up(self) -> None:
        """Connect no more, and close what is open with a FIN."""
        self.stopTrying()
        if self._admission is not None:
            self._admission.cancel()
        if self.wire is not None:
            self._close(self.wire)
        elif self._connector is not None:
            self._connector.disconnect()

    async def stop(self) -> None:
        """Hang up, and wait for the connection's end."""
        self.hang_up()
        if self.wire is not None:
            self._closed = Deferred[None]()
            await self._closed

    def succeeded(self) -> None:
        """A good read: the way to the meter is whole."""
        self._used = self._reactor.seconds()
        if self.continueTrying and self.retries:
            self.resetDelay()
        for other in self._members:
            other.failed = False

    def failed(self, member: Member, error: DlmsdError) -> None:
        """A meter could not be opened; when none can, the connection is given up."""
        member.failed = True
        if all(other.failed for other in self._members):
            self._drop(error)

    def renew(self) -> bool:
        """Whether the connection, idle for longer than its way bears, is now made anew.

        That is no trouble, so ``down`` is not told of its end.
        """
        idle = self._reactor.seconds() - self._used
        if self.wire is not None and 0 < self._way.idle_seconds < idle:
            self.renewing = True
            self._close(self.wire)
        return self.renewing

    def _babbled(self) -> None:
        self._drop(MeterError("it sends octets that nobody asked for"))

    def _drop(self, error: DlmsdError) -> None:
        if self.wire is not None:
            self._dropped = error
            self._close(self.wire)

    def _close(self, wire: MeterProtocol) -> None:
        if self._late is None:
            self._late = self._reactor.callLater(_CLOSE_SECONDS, wire.transport.abortConnection)
        wire.transport.loseConnection()

    @property
    def shared(self) -> bool:
        """Whether other meters need this connection too."""
        return len(self._members) > 1

    @property
    def noise(self) -> int:
        """Octets received that belonged to no frame, over all connections."""
        return self._noise + (self.wire.noise if self.wire else 0)

    @property
    def bad_frames(self) -> int:
        """Frames received that were none, over all connections."""
        return self._bad_frames + (self.wire.bad_frames if self.wire else 0)

    # Twisted's side.

    def buildProtocol(self, addr: IAddress | None) -> MeterProtocol:
        sessions: Sequence[Session] = [member.session for member in self._members]
        return MeterProtocol(self._reassembly(), sessions, self._made, self._lost, self._babbled)

    def clientConnectionFailed(self, connector: Connector, reason: Failure) -> None:
        if self.continueTrying:
            self._down(explain(reason))
            self.retry(connector)

    def clientConnectionLost(self, connector: Connector, reason: Failure) -> None:
        if self.continueTrying:
            self.retry(connector)

    def retry(self, connector: Connector | None = None) -> None:
        """Plan the next attempt, unless one is planned."""
        if not self.continueTrying or self._callID is not None or self._admission is not None:
            return
        self.retries += 1
        self.delay = min(self.delay * self.factor, self.maxDelay)
        pause = max(self.delay * (1 - _SPREAD * self._random()), self._least_pause)
        self._callID = self._reactor.callLater(pause, self._again)

    def _again(self) -> None:
        self._callID = None
        self._when_admitted()

    def _when_admitted(self) -> None:
        self._admission = self._admit()

        def admitted(_: None) -> None:
            self._admission = None
            self._connect()

        def cancelled(reason: Failure) -> None:
            self._admission = None
            reason.trap(CancelledError)

        self._admission.addCallbacks(admitted, cancelled)

    def _connect(self) -> None:
        self.connects += 1
        self._connector = self._way.connect(self)

    def _made(self, wire: MeterProtocol) -> None:
        self.wire = wire
        self._used = self._reactor.seconds()
        for member in self._members:
            member.failed = False
            member.session.attach(wire)
        for member in self._members:
            member.up()

    def _lost(self, reason: Failure) -> None:
        self._noise, self._bad_frames = self.noise, self.bad_frames
        self.wire = None
        if self._late is not None and self._late.active():
            self._late.cancel()
        self._late = None
        error, self._dropped = self._dropped or explain(reason), None
        renewing, self.renewing = self.renewing, False
        self._down(error, told=not renewing)
        if self._closed is not None:
            self._closed.callback(None)

    def _down(self, error: DlmsdError, *, told: bool = True) -> None:
        for member in self._members:
            member.session.detach(error)
        for member in self._members if told else ():
            member.down(error)

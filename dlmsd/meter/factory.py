"""One connection, made again whenever it is lost, for the meters of one line.

A meter with an address of its own has a factory of its own. Meters behind an RS-485
gateway share one, because the gateway takes one TCP client: they take turns on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.config.recovery import DEFAULTS, RecoveryOptions
from dlmsd.errors import BusyError, ClosedError, DlmsdError, MeterError, RefusedError
from dlmsd.meter.ends import explain, known
from dlmsd.meter.protocol import MeterProtocol, Reassembly
from dlmsd.meter.session import Session
from dlmsd.meter.way import Connector, Way

# A peer that does not close within this after our FIN is dropped.
_CLOSE_SECONDS: Final = 1.0
# A meter that serves another client closes a new connection at once; one that closes later
# has other reasons. One or two such ends are chance.
_BUSY_SECONDS: Final = 10.0
_BUSY_TIMES: Final = 3
# Delays shrink by up to this share, so that meters lost together do not come back together.
_SPREAD: Final = 0.5


@define(eq=False)
class Member:
    """One meter's place on the connection, and what it wants to hear of it.

    ``planned`` is told when the next attempt was planned. Until ``not_before`` the meter needs
    no connection; while ``reading`` it wants to keep this one. It is ``idle`` if the end that
    it was last told of interrupted nothing.
    """

    session: Session
    up: Callable[[], None]
    down: Callable[[DlmsdError], None]
    planned: Callable[[], None] = lambda: None
    not_before: float = field(default=0.0, init=False)
    reading: bool = field(default=False, init=False)
    idle: bool = field(default=False, init=False)
    failed: bool = field(default=False, init=False)


class MeterFactory(ReconnectingClientFactory):
    """Connects by its ``way``, and connects again, until stopped.

    ``name`` is what the log calls the meter, or all of them.
    No attempt comes sooner than ``least_pause`` seconds after the one before has ended, nor
    while no meter needs a connection. ``admit`` gives a Deferred that fires when one more
    attempt is allowed, with what is to be called at its end; ``random`` gives 0 to 1. The
    delay between attempts grows up to ``recovery.max_delay`` and starts over with the first
    good read, never earlier: a meter that accepts and then drops would be tried for ever at
    full speed.
    """

    noisy = False
    protocol = MeterProtocol
    _log = Logger()

    def __init__(
        self,
        way: Way,
        reassembly: Callable[[], Reassembly],
        *,
        name: str,
        reactor: Any,
        admit: Callable[[], Deferred[Callable[[], None]]],
        random: Callable[[], float],
        least_pause: float = 0.0,
        recovery: RecoveryOptions = DEFAULTS,
    ) -> None:
        self._recovery = recovery
        self.maxDelay = self._recovery.max_delay  # type: ignore[assignment]
        self._least_pause = least_pause
        self.turn = DeferredLock()
        self.connects = 0
        self.wire: MeterProtocol | None = None
        self.clock = reactor
        self._name = name
        self._way = way
        self._reassembly = reassembly
        self._reactor = reactor
        self._admit = admit
        self._random = random
        self._members: list[Member] = []
        self._connector: Connector | None = None
        self._admission: Deferred[Callable[[], None]] | None = None
        self._leave: Callable[[], None] = _nothing
        self._closed: Deferred[None] | None = None
        self._late: IDelayedCall | None = None
        self._used = 0.0
        self._since = 0.0
        self._unheard = 0
        self.renewing = False
        self._at_once = False
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
        if self._connector is not None:
            # Also beside a wire: meters may be waited for, or call a second time.
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

    def failed(self, member: Member, error: DlmsdError) -> bool:
        """A meter has no more use for the connection; whether it was given up, as none has.

        Where one failed before, and none was read since, the others may only have been asked too
        seldom to find out. Then the connection is made anew between their cycles, which is no
        trouble of theirs.
        """
        # A refusal is an answer: such a connection works.
        again = member.failed and not isinstance(error, RefusedError)
        member.failed = True
        useless = all(other.failed for other in self._members)
        busy = any(other.reading and not other.failed for other in self._members)
        doubtful = again and not busy and self._way.at_will
        if doubtful and not useless and self.wire is not None:
            self.renewing = True
        if useless or doubtful:
            self._drop(error)
        return useless or doubtful

    def renew(self) -> bool:
        """Whether the connection is now made anew: it was idle for longer than its way bears,
        or it is too old and no meter is being read.

        That is no trouble, so ``down`` is not told of its end.
        """
        now = self._reactor.seconds()
        idle = 0 < self._way.idle_seconds < now - self._used
        old = 0 < self._recovery.max_age <= now - self._since
        busy = any(member.reading for member in self._members)
        if self.wire is not None and (idle or (old and not busy)):
            self.renewing = True
            self._close(self.wire)
        return self.renewing

    def _babbled(self, why: str) -> None:
        self._drop(MeterError(why))

    def _drop(self, error: DlmsdError) -> None:
        if self.wire is not None:
            self._dropped = error
            self._close(self.wire)

    def _close(self, wire: MeterProtocol) -> None:
        if self._late is None:
            self._late = self._reactor.callLater(_CLOSE_SECONDS, wire.transport.abortConnection)
        wire.transport.loseConnection()

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
        return MeterProtocol(
            self._reassembly(),
            sessions,
            self._made,
            self._lost,
            self._babbled,
            self._recovery.errors,
        )

    def clientConnectionFailed(self, connector: Connector | None, reason: Failure) -> None:
        if self.continueTrying and reason.check(DNSLookupError):
            address = self._way.unresolved()
            if address is not None:
                self._log.warn(
                    "{meter}: no name server answers; {address} was right before",
                    meter=self._name,
                    address=address,
                )
                self._reach()
                return
        self._attempted()
        if self.continueTrying:
            try:
                self._down(explain(reason))
            finally:
                self.retry(connector)

    def clientConnectionLost(self, connector: Connector, reason: Failure) -> None:
        if self.continueTrying:
            self.retry(connector)

    def retry(self, connector: Connector | None = None) -> None:
        """Plan the next attempt, unless one is planned."""
        if not self.continueTrying or self._callID is not None or self._admission is not None:
            return
        now = self._reactor.seconds()
        needed = min(member.not_before for member in self._members)
        pause = max(self._least_pause + self._backoff(), needed - now)
        self._callID = self._reactor.callLater(pause, self._again)
        for member in self._members:
            member.planned()

    def needed(self, member: Member) -> None:
        """A meter that ended what was idle is to be spoken to before its next cycle."""
        if member.idle and self._callID is not None:
            member.not_before = 0.0
            self._callID.reset(self._least_pause)

    def _backoff(self) -> float:
        """Seconds in addition to what the meter needs."""
        at_once, self._at_once = self._at_once, False
        if at_once:
            return 0.0
        self.retries += 1
        self.delay = min(self.delay * self.factor, self.maxDelay)
        pause = self.delay * (1 - _SPREAD * self._random())
        busy = self._unheard >= _BUSY_TIMES
        return max(pause, self._recovery.busy_pause) if busy else pause

    @property
    def next_attempt(self) -> float | None:
        """When it is, by the reactor's clock; None if none is planned."""
        return self._callID.getTime() if self._callID is not None else None

    def _again(self) -> None:
        self._callID = None
        self._when_admitted()

    def _when_admitted(self) -> None:
        self._admission = self._admit()

        def admitted(leave: Callable[[], None]) -> None:
            self._admission = None
            self._leave = leave
            self._connect()

        def cancelled(reason: Failure) -> None:
            self._admission = None
            reason.trap(CancelledError)

        self._admission.addCallbacks(admitted, cancelled)

    def _connect(self) -> None:
        self.connects += 1
        if not self._way.half_open:
            self._attempted()
        self._reach()

    def _reach(self) -> None:
        """Whatever fails in an attempt, and whoever forgot that it can, another one follows."""
        try:
            self._connector = self._way.connect(self)
        except Exception:  # noqa: BLE001 - it would end in a Deferred that nobody looks at
            what = "{meter}: an attempt to connect ended by a fault of dlmsd"
            error = known(Failure(), self._log, what, self._name)
            if self.wire is not None:
                self._dropped = error
                self.wire.transport.abortConnection()
                self.retry()
            elif self._callID is None:
                self.clientConnectionFailed(None, Failure(error))

    def _attempted(self) -> None:
        leave, self._leave = self._leave, _nothing
        leave()

    def _made(self, wire: MeterProtocol) -> None:
        self._attempted()
        self.wire = wire
        self._used = self._since = self._reactor.seconds()
        if self._way.half_open:
            self._way.reached(wire.transport.getPeer().host)
        for member in self._members:
            member.failed = False
            member.session.attach(wire)
        for member in self._members:
            member.up()

    def _lost(self, reason: Failure) -> None:
        self._noise, self._bad_frames = self.noise, self.bad_frames
        wire, self.wire = self.wire, None
        if self._late is not None and self._late.active():
            self._late.cancel()
        self._late = None
        renewing, self.renewing = self.renewing, False
        error, self._dropped = self._dropped or self._ended(wire, reason, renewing), None
        self._down(error, told=not renewing)
        self._at_once = renewing or all(member.idle for member in self._members)
        if self._closed is not None:
            self._closed.callback(None)

    def _ended(self, wire: MeterProtocol | None, reason: Failure, renewing: bool) -> DlmsdError:
        """The other end closed; whether that was all it ever did."""
        error = explain(reason)
        lasted = self._reactor.seconds() - self._since
        soon = isinstance(error, ClosedError) and lasted <= _BUSY_SECONDS
        if soon and not renewing and wire is not None and not wire.octets_in:
            self._unheard += 1
        else:
            self._unheard = 0
        if self._unheard < _BUSY_TIMES:
            return error
        return BusyError(f"it closed {self._unheard} connections in a row without a word")

    def _down(self, error: DlmsdError, *, told: bool = True) -> None:
        for member in self._members:
            member.session.detach(error)
        for member in self._members if told else ():
            member.down(error)


def _nothing() -> None:
    """What is to be done at the end of an attempt that was not counted."""

"""One meter's link and association, carried out over the wire: one exchange at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime

from dlmsd.dlms import link as data_link
from dlmsd.dlms import outcome
from dlmsd.dlms.association import Association, State, Witness
from dlmsd.dlms.link import DataLink, LinkEvent
from dlmsd.dlms.outcome import AssociationEvent, Unasked
from dlmsd.errors import (
    ClosedError,
    DlmsdError,
    LocalError,
    MeterError,
    ServiceError,
    SilenceError,
)
from dlmsd.meter.deadline import Deadline
from dlmsd.meter.pace import PacedWire, Wire
from dlmsd.meter.timing import LEAST_SECONDS, RoundTrip
from dlmsd.meter.trace import without
from dlmsd.meter.traffic import Traffic

# How soon a meter that said "not ready" is asked again.
_BUSY_SECONDS: Final = 0.5
# An answer may trickle in for this long; then the connection is too slow to be of use.
_TRICKLE_SECONDS: Final = 60.0
# Pushes during one request that are answered; of more the meter is none the worse.
_MOST_CONFIRMATIONS: Final = 8

Trace: TypeAlias = Callable[[str, bytes], None]
Consume: TypeAlias = Callable[[bytes], object]


class Conversation:
    """Speaks to one meter through the connection that it shares by ``turn``.

    ``timeout`` is how many seconds an answer may take, from the last octets sent to the
    first ones back; it is asked for once more when it takes unusually long, which is never
    before ``least_timeout``. ``frame_delay`` is how many each frame waits before it goes.
    ``told`` hears what the meter says unasked, ``witness`` sees each APDU.
    """

    def __init__(
        self,
        link: DataLink[Any],
        association: Association,
        *,
        timeout: float,
        turn: DeferredLock,
        clock: IReactorTime,
        trace: Trace | None = None,
        told: Callable[[Unasked], None] | None = None,
        witness: Witness | None = None,
        frame_delay: float = 0.0,
        least_timeout: float = LEAST_SECONDS,
    ) -> None:
        self.traffic = Traffic()
        self._link = link
        self._association = association
        self._witness = association.witness = witness
        self._timeout = timeout
        self._turn = turn
        self._trace = trace
        self._told = [told] if told is not None else []
        self._frame_delay = frame_delay
        self._clock = clock
        self._deadline = Deadline(clock, self._overdue)
        self._wire: Wire | None = None
        self._gone: DlmsdError = ClosedError("there is no connection")
        self._waiter: Deferred[Any] | None = None
        self._consume: Consume | None = None
        self._discarded = ""
        self._trip = RoundTrip(timeout, least_timeout)
        self._patience = timeout
        self._measuring = False
        self._confirmations: list[bytes] = []
        self._ended: DlmsdError | None = None
        self._heard = 0
        self._since = 0.0

    @property
    def attached(self) -> bool:
        """Whether there is a connection."""
        return self._wire is not None

    @property
    def associated(self) -> bool:
        """Whether attributes can be read."""
        return self._link.connected and self._association.associated

    @property
    def latency(self) -> float | None:
        """Seconds that an answer takes, smoothed; None before the first."""
        return self._trip.smoothed

    def listen(self, told: Callable[[Unasked], None]) -> None:
        """Let ``told`` hear too what the meter says unasked."""
        self._told.append(told)

    def attach(self, wire: Wire) -> None:
        """A connection is there."""
        self._wire = PacedWire(wire, self._frame_delay, self._clock) if self._frame_delay else wire

    def detach(self, error: DlmsdError) -> None:
        """The connection is gone; who waits, and who asks before the next, hears ``error``."""
        if isinstance(self._wire, PacedWire):
            self._wire.stop()
        self._wire = None
        self._gone = error
        self._association.abort()
        self._link.abort()
        self._confirmations.clear()
        self._settle(error)

    def end(self, error: DlmsdError) -> None:
        """No exchange begins from now on; whoever waits hears ``error``."""
        self._ended = error
        self._settle(error)

    def _refuse_if_ended(self) -> None:
        if self._ended is not None:
            raise self._ended

    async def _exchange(
        self,
        start: Callable[[], list[LinkEvent]],
        patience: float,
        consume: Consume | None = None,
    ) -> Any:
        """One request and its answer, while it is this meter's turn on the connection.

        ``patience`` is what the first thing sent is given at most, in seconds; ``consume`` takes
        the octets of an attribute that is streamed.
        """
        await self._turn.acquire()
        try:
            if self._wire is None:
                raise self._gone
            return await self._turned(self._wire, start, patience, consume)
        finally:
            self._waiter = self._consume = None
            self._deadline.clear()
            self._turn.release()

    async def _turned(
        self,
        wire: Wire,
        start: Callable[[], list[LinkEvent]],
        patience: float,
        consume: Consume | None,
    ) -> Any:
        """The same, while nobody else is heard on the wire."""
        before = wire.octets_in
        self._waiter = waiter = Deferred[Any]()
        self._consume = consume
        self._discarded = ""
        self._patience = patience
        self.traffic.requests += 1
        try:
            self._carry_out(start())
            result = await waiter
        finally:
            self.traffic.octets_in += wire.octets_in - before
        self.traffic.responses += 1
        self._confirm()
        return result

    def _confirm(self) -> None:
        """Answer what was told and wants an answer; it is our turn, and nothing is awaited."""
        confirmations, self._confirmations = self._confirmations, []
        for apdu in confirmations:
            try:
                events = self._link.tell(self._association.confirmation(apdu))
            except DlmsdError:
                # It cannot be protected; the meter may tell it again.
                continue
            for event in events:
                if isinstance(event, data_link.Transmit) and self._wire is not None:
                    self._write(self._wire, event.octets)

    async def _ask(
        self,
        request: Callable[[Association], list[AssociationEvent]],
        consume: Consume | None = None,
    ) -> Any:
        """The results of one request of the association."""

        def start() -> list[LinkEvent]:
            self._refuse_if_ended()
            return list(self._requested(request(self._association)))

        return await self._exchange(start, self._timeout, consume)

    # What the wire brings.

    def recognises(self, frame: Any) -> bool:
        """Whether a frame belongs to this meter's link."""
        return self._link.recognises(frame)

    def frame_received(self, frame: Any) -> bool:
        """Take a frame of this meter; whether anybody waited for one."""
        wanted = self._waiter is not None
        self._show("received", frame.encode)
        if wanted and self._measuring:
            self._measuring = False
            self._trip.measured(self._clock.seconds() - self._since - self._frame_delay)
        self._carry_out(self._link.receive(frame))
        if not self._turn.locked:
            self._confirm()
        return wanted

    def _overdue(self) -> None:
        """Silence, unless the answer is still trickling in."""
        wire = self._wire
        if wire is None or self._waiter is None:
            return
        heard, self._heard = self._heard, wire.octets_in
        trickling = self._clock.seconds() - self._since < _TRICKLE_SECONDS
        if wire.octets_in > heard and trickling:
            self._deadline.set(self._timeout)
            return
        waiter = self._waiter
        wire.abandon()
        if self._waiter is not waiter or waiter.called:
            return
        if self._measuring:
            self._trip.silent()
        again = [] if self._link.reliable else self._association.timeout()
        self._carry_out(self._requested(again) if again else self._link.timeout())
        self._measuring = False

    def _carry_out(self, events: Iterable[LinkEvent]) -> None:
        for event in events:
            match event:
                case data_link.Transmit(octets):
                    self._send(octets)
                case data_link.ApduReceived(apdu):
                    self._carry_out(self._requested(self._association.receive(apdu)))
                case data_link.LinkConnected():
                    self._carry_out(self._requested(self._association.associate()))
                case data_link.LinkDisconnected():
                    self._settle(None)
                case data_link.LinkLost(error):
                    self._association.abort()
                    self._settle(self._explained(error))
                case data_link.MeterBusy():
                    # What said so is no answer that trickles in.
                    self._heard = self._wire.octets_in if self._wire else 0
                    self._deadline.set(_BUSY_SECONDS)
                case data_link.Ignored():
                    pass

    def _requested(self, events: Iterable[AssociationEvent]) -> Iterable[LinkEvent]:
        """What the association wants of the link; the rest settles whoever waits."""
        for event in events:
            match event:
                case outcome.SendApdu(apdu):
                    yield from self._link.send(apdu, once=self._association.once)
                case outcome.SendStream(apdus):
                    yield from self._link.send(*apdus, once=self._association.once)
                case outcome.AwaitMore():
                    self._deadline.set(self._timeout)
                    yield from self._link.expect()
                case outcome.BlockReceived(octets):
                    if not self._consumed(octets):
                        return
                case outcome.Results(results):
                    self._settle(results)
                case outcome.Associated() | outcome.Released():
                    # What an earlier association was told is no longer to be confirmed.
                    self._confirmations.clear()
                    self._settle(None)
                case outcome.Refused(error) | outcome.RequestFailed(error):
                    self._failed(error)
                case outcome.Notified(apdu):
                    self.traffic.notifications += 1
                    for told in self._told:
                        told(apdu)
                case outcome.Confirm(apdu):
                    if len(self._confirmations) < _MOST_CONFIRMATIONS:
                        self._confirmations.append(apdu)
                case outcome.Discarded(reason):
                    self._discarded = reason

    def _consumed(self, octets: bytes) -> bool:
        """Hand on a block; False if it made no sense, which ends the request."""
        try:
            if self._consume is not None:
                self._consume(octets)
        except DlmsdError as error:
            self._association.abort()
            self._settle(error)
            return False
        return True

    def _failed(self, error: DlmsdError) -> None:
        if isinstance(error, MeterError) and not isinstance(error, ServiceError):
            # An answer that makes no sense leaves doubt about the next one too.
            self._association.abort()
        self._settle(error)

    def _send(self, octets: bytes) -> None:
        if self._wire is None:
            raise LocalError("there is no connection to write to")
        self._heard = self._wire.octets_in
        self._since = self._clock.seconds()
        self._write(self._wire, octets)
        self._measuring = True
        wait = self._trip.wait if self._link.repeating else self._timeout
        self._deadline.set(min(wait, self._patience) + self._frame_delay)
        self._patience = self._timeout

    def _write(self, wire: Wire, octets: bytes) -> None:
        self._show("sent", lambda: octets)
        wire.write(octets)
        self.traffic.octets_out += len(octets)

    @contextmanager
    def shown(self, trace: Trace, witness: Witness) -> Iterator[None]:
        """Meanwhile these see frames and APDUs, and not those who otherwise do."""
        before = self._trace, self._witness
        self._trace, self._witness = trace, witness
        self._association.witness = witness
        try:
            yield
        finally:
            self._trace, self._witness = before
            self._association.witness = self._witness

    def _explained(self, error: DlmsdError) -> DlmsdError:
        """Silence is none when something came that could not be taken for an answer."""
        if not self._discarded or not isinstance(error, SilenceError):
            return error
        return MeterError(f"no answer to be believed; what came: {self._discarded}")

    def _show(self, direction: str, octets: Callable[[], bytes]) -> None:
        if self._trace is not None:
            association = self._association
            travelling = association.state is State.PENDING
            shown = without(octets(), association.password, travelling=travelling)
            self._trace(direction, shown)

    def _settle(self, result: Any) -> None:
        waiter = self._waiter
        if waiter is None or waiter.called:
            return
        self._deadline.clear()
        if isinstance(result, DlmsdError):
            waiter.errback(result)
        else:
            waiter.callback(result)

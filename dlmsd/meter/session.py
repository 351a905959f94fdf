"""One meter's conversation: its link and its association, carried out over the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime

from dlmsd.dlms import link as data_link
from dlmsd.dlms import outcome
from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association import Association, State
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.link import DataLink, LinkEvent
from dlmsd.dlms.outcome import AssociationEvent, GetResult
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.errors import ClosedError, DlmsdError, LocalError, MeterError, ServiceError, SilenceError
from dlmsd.meter.batches import batches
from dlmsd.meter.deadline import Deadline
from dlmsd.meter.security import MeterSecurity
from dlmsd.meter.trace import without

# DISC on a new connection is often met with silence, which is an answer too.
_CLEARING_SECONDS: Final = 2.0
# How soon a meter that said "not ready" is asked again.
_BUSY_SECONDS: Final = 0.5
# A stop may take five seconds in all; a meter that ignores DISC gets one of them.
_CLOSING_SECONDS: Final = 1.0
# An answer may trickle in for this long; then the connection is too slow to be of use.
_TRICKLE_SECONDS: Final = 60.0

# The invocation counter of the unicast key (Blue Book 6.2.56), readable without security.
_COUNTER: Final = AttributeDescriptor(1, Obis.parse("0-0:43.1.0"), 2)

Trace = Callable[[str, bytes], None]


class Wire(Protocol):
    """What a session needs of its connection."""

    octets_in: int

    def write(self, octets: bytes) -> None:
        """Send."""

    def abandon(self) -> None:
        """Nothing more is coming for now."""


class Session:
    """Reads one meter through the connection that it shares by ``turn``.

    ``timeout`` is how many seconds an answer may take, from the last octets sent to the
    first ones back. With ``security`` each :meth:`open` begins a new association, and
    ``public`` is the link of the client that anybody may be. Every public coroutine
    raises a DlmsdError that names the culprit. After a LinkError or a MeterError the link
    is gone and :meth:`open` starts anew; after a ServiceError the association stands.
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
        security: MeterSecurity | None = None,
        public: DataLink[Any] | None = None,
    ) -> None:
        self._link = link
        self._association = association
        self._timeout = timeout
        self._turn = turn
        self._trace = trace
        self._security = security
        self._public = public or link
        self._doubtful = False
        self._discarded = ""
        self._clock = clock
        self._deadline = Deadline(clock, self._overdue)
        self._wire: Wire | None = None
        self._waiter: Deferred[Any] | None = None
        self._lists = True
        self._patience = timeout
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

    def attach(self, wire: Wire) -> None:
        """A connection is there."""
        self._wire = wire

    def detach(self, error: DlmsdError) -> None:
        """The connection is gone; whoever waits hears ``error``."""
        self._wire = None
        self._association.abort()
        self._link.abort()
        self._settle(error)

    async def open(self) -> None:
        """Link and association, from whatever state they are in.

        A meter that has seen higher counters of ours refuses, or just closes. So before
        the first of them and after a failure it is asked, by whoever may ask, and ours
        rise above.
        """
        if self._security is None:
            await self._begin(self._association)
            return
        await self._security.refill()
        if self._doubtful or self._security.fresh:
            await self._recover(self._security)
        try:
            await self._begin(await self._security.association())
        except DlmsdError:
            self._doubtful = self._security.counts
            if self._wire is None or not self._doubtful or not await self._recover(self._security):
                raise
            await self._begin(await self._security.association())

    async def _begin(self, association: Association) -> None:
        def start() -> list[LinkEvent]:
            self._refuse_if_ended()
            self._association.abort()
            self._association = association
            return self._link.connect()

        await self._exchange(start, min(self._timeout, _CLEARING_SECONDS))

    async def _recover(self, security: MeterSecurity) -> bool:
        """Learn the counter that the meter saw last, as public client; whether ours rose."""
        self._doubtful = False
        own, self._link = self._link, self._public
        try:
            await self._begin(Association(Mechanism.NONE))
            told: Any = (await self.get(_COUNTER)).value
            await self._leave()
        except DlmsdError:
            return False
        finally:
            self._link = own
        return isinstance(told, int) and await security.rise_above(told)

    async def close(self) -> None:
        """End the link politely; a meter that does not answer is left alone."""
        await self._leave()
        self._deadline.stop()

    async def _leave(self) -> None:
        try:
            if self._link.connected:
                self._association.abort()
                await self._exchange(self._link.disconnect, _CLOSING_SECONDS)
        except DlmsdError:
            # The meter drops the link by itself when its own timer runs out.
            self._link.abort()

    def end(self, error: DlmsdError) -> None:
        """Only :meth:`close` from now on; whoever waits hears ``error``."""
        self._ended = error
        self._settle(error)

    def _refuse_if_ended(self) -> None:
        if self._ended is not None:
            raise self._ended

    async def get(self, attribute: AttributeDescriptor) -> Data:
        """One attribute's value; ServiceError says why there is none."""
        (result,) = await self._ask((attribute,))
        if isinstance(result, DataAccessResult):
            raise ServiceError(f"{attribute}: {result.words}")
        return result

    async def get_many(self, attributes: Sequence[AttributeDescriptor]) -> list[GetResult]:
        """A result for each attribute, in order; as few requests as the meter allows.

        A meter that refuses a list is asked one by one, and remembered.
        """
        association = self._association
        lists = self._lists and Conformance.MULTIPLE_REFERENCES in association.conformance
        results: list[GetResult] = []
        for batch in batches(attributes, association.max_pdu, lists=lists):
            if len(batch) == 1 or not self._lists:
                results += await self._one_by_one(batch)
                continue
            try:
                results += self._plausible(await self._ask(batch))
            except ServiceError:
                self._lists = False
                results += await self._one_by_one(batch)
        return results

    async def _one_by_one(self, batch: Sequence[AttributeDescriptor]) -> list[GetResult]:
        return [result for one in batch for result in await self._ask((one,))]

    def _plausible(self, results: Sequence[GetResult]) -> Sequence[GetResult]:
        """Some meters refuse a list by refusing every item of it in the same words."""
        first = results[0]
        refused = isinstance(first, DataAccessResult) and first in _LIST_REFUSED
        if refused and all(result == first for result in results):
            raise ServiceError("the meter refused every item of the list")
        return results

    async def _ask(self, attributes: Sequence[AttributeDescriptor]) -> Sequence[GetResult]:
        def start() -> list[LinkEvent]:
            self._refuse_if_ended()
            return list(self._requested(self._association.get(attributes)))

        if self._security is not None:
            await self._security.refill()
        results: Sequence[GetResult] = await self._exchange(start, self._timeout)
        return results

    async def _exchange(self, start: Callable[[], list[LinkEvent]], patience: float) -> Any:
        """One request and its answer, while it is this meter's turn on the connection.

        ``patience`` is what the first thing sent is given, in seconds.
        """
        await self._turn.acquire()
        try:
            if self._wire is None:
                raise ClosedError("there is no connection")
            self._waiter = waiter = Deferred[Any]()
            self._since = self._clock.seconds()
            self._discarded = ""
            self._patience = patience
            self._carry_out(start())
            return await waiter
        finally:
            self._waiter = None
            self._deadline.clear()
            self._turn.release()

    # What the wire brings.

    def recognises(self, frame: Any) -> bool:
        """Whether a frame belongs to this meter's link."""
        return self._link.recognises(frame)

    def frame_received(self, frame: Any) -> bool:
        """Take a frame of this meter; whether anybody waited for one."""
        wanted = self._waiter is not None
        self._show("received", frame.encode)
        self._carry_out(self._link.receive(frame))
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
        if self._waiter is waiter and not waiter.called:
            self._carry_out(self._link.timeout())

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
                    self._deadline.set(_BUSY_SECONDS)
                case data_link.Ignored():
                    pass

    def _requested(self, events: Iterable[AssociationEvent]) -> Iterable[LinkEvent]:
        """What the association wants of the link; the rest settles whoever waits."""
        for event in events:
            match event:
                case outcome.SendApdu(apdu):
                    yield from self._link.send(apdu)
                case outcome.Results(results):
                    self._settle(results)
                case outcome.Associated() | outcome.Released():
                    self._settle(None)
                case outcome.Refused(error) | outcome.RequestFailed(error):
                    if isinstance(error, MeterError) and not isinstance(error, ServiceError):
                        # An answer that makes no sense leaves doubt about the next one too.
                        self._association.abort()
                    self._settle(error)
                case outcome.Discarded(reason):
                    self._discarded = reason

    def _send(self, octets: bytes) -> None:
        if self._wire is None:
            raise LocalError("there is no connection to write to")
        self._show("sent", lambda: octets)
        self._heard = self._wire.octets_in
        self._wire.write(octets)
        self._deadline.set(self._patience)
        self._patience = self._timeout

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


_LIST_REFUSED: Final = frozenset(
    {
        DataAccessResult.SCOPE_OF_ACCESS_VIOLATED,
        DataAccessResult.OTHER_REASON,
        DataAccessResult.READ_WRITE_DENIED,
    }
)

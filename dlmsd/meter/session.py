"""What may be asked of one meter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Any, Final

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from dlmsd.dlms.association import Association, Witness
from dlmsd.dlms.association_sn import AssociationSN
from dlmsd.dlms.axdr.data import Data, encode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.short_names import OBJECT_LIST_SN, ShortNames
from dlmsd.dlms.link import DataLink, LinkEvent
from dlmsd.dlms.outcome import GetResult, Unasked
from dlmsd.dlms.xdlms.access import (
    AccessAction,
    AccessOutcome,
    AccessSet,
    AccessSpecification,
)
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import Access
from dlmsd.errors import DlmsdError, ReadOnlyError, ServiceError
from dlmsd.meter.batches import batch_size
from dlmsd.meter.carrier import (
    Carrier,
    Carriers,
    Errand,
    Request,
    invoking,
    plausible,
    reading,
    writing,
)
from dlmsd.meter.conversation import Consume, Conversation, Trace
from dlmsd.meter.rights import Rights, Wanted
from dlmsd.meter.security import MeterSecurity
from dlmsd.meter.timing import LEAST_SECONDS

# DISC on a new connection is often met with silence, which is an answer too.
_CLEARING_SECONDS: Final = 2.0
# A stop may take five seconds in all; a meter that ignores DISC gets one of them.
_CLOSING_SECONDS: Final = 1.0

# The invocation counter of the unicast key (Blue Book 6.2.56), readable without security.
_COUNTER: Final = AttributeDescriptor(1, Obis.parse("0-0:43.1.0"), 2)


class Session(Conversation):
    """Opens, reads and, if it may, writes one meter, as ``client``.

    With ``security`` each :meth:`open` begins a new association, and ``public`` is the
    link of the client that anybody may be. Only with ``writing`` are attributes written
    and methods invoked. Every public coroutine raises a DlmsdError that names the culprit.
    After a LinkError or a MeterError the link is gone and :meth:`open` starts anew; after
    a ServiceError the association stands.
    """

    def __init__(
        self,
        link: DataLink[Any],
        association: Association,
        *,
        timeout: float,
        turn: DeferredLock,
        clock: IReactorTime,
        client: int,
        names: ShortNames,
        trace: Trace | None = None,
        told: Callable[[Unasked], None] | None = None,
        witness: Witness | None = None,
        security: MeterSecurity | None = None,
        public: DataLink[Any] | None = None,
        writing: bool = False,
        frame_delay: float = 0.0,
        least_timeout: float = LEAST_SECONDS,
    ) -> None:
        super().__init__(
            link,
            association,
            timeout=timeout,
            turn=turn,
            clock=clock,
            trace=trace,
            witness=witness,
            told=told,
            frame_delay=frame_delay,
            least_timeout=least_timeout,
        )
        self._security = security
        self._public = public or link
        self.client = client
        self.names = names
        """Those of a meter with short names."""
        self._writing = writing
        self._doubtful = False
        self._carriers = Carriers()
        self._rights = Rights()

    @property
    def conformance(self) -> Conformance:
        """What the meter offers to this association."""
        return self._association.conformance

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
            await self._begin(await self._security.association(self.names))
        except DlmsdError:
            self._doubtful = self._security.counts
            if self._wire is None or not self._doubtful or not await self._recover(self._security):
                raise
            await self._begin(await self._security.association(self.names))

    async def _begin(self, association: Association) -> None:
        def start() -> list[LinkEvent]:
            self._refuse_if_ended()
            self._association.abort()
            association.witness = self._witness
            self._association = association
            self._rights.forget()
            self._carriers.parted()
            return self._link.connect()

        await self._exchange(start, min(self._timeout, _CLEARING_SECONDS))
        if isinstance(association, AssociationSN) and not association.named:
            association.names.learn(await self.get(OBJECT_LIST_SN))

    async def _recover(self, security: MeterSecurity) -> bool:
        """Learn the counter that the meter saw last, as public client; whether ours rose.

        Many meters bear one link: each is left before the other is opened.
        """
        self._doubtful = False
        await self._leave()
        own, self._link = self._link, self._public
        told: Any = None
        try:
            with suppress(DlmsdError):  # what it does not tell cannot be learned
                await self._begin(security.public())
                told = (await self.get(_COUNTER)).value
            await self._disconnect()
        finally:
            self._link = own
        return isinstance(told, int) and await security.rise_above(told)

    async def close(self) -> None:
        """End the link politely; a meter that does not answer is left alone."""
        await self._leave()
        self._deadline.stop()

    async def _leave(self) -> None:
        if self._link.connected:
            await self._disconnect()

    async def _disconnect(self) -> None:
        """Also where an answer did not come: the meter may hold the link all the same."""
        self._association.abort()
        try:
            await self._exchange(self._link.disconnect, _CLOSING_SECONDS)
        except DlmsdError:
            # The meter drops the link by itself when its own timer runs out.
            self._link.abort()

    # Reading.

    async def get(self, attribute: AttributeDescriptor, access: Access | None = None) -> Data:
        """One attribute's value, or with ``access`` a part; ServiceError says why not."""
        errand = reading(self._chosen(Conformance.GET), (attribute,), (access,))
        (result,) = await self._done(errand)
        if isinstance(result, DataAccessResult):
            raise ServiceError(f"{attribute}: {result.words}", result)
        data: Data = result
        return data

    async def stream(
        self, attribute: AttributeDescriptor, access: Access | None, consume: Consume
    ) -> None:
        """One attribute, its encoded octets given to ``consume`` as they come.

        A DlmsdError of ``consume`` ends the request and is raised here.
        """
        carrier = self._chosen(Conformance.GET)
        (result,) = await self._done(
            reading(carrier, (attribute,), (access,), stream=True), consume
        )
        if isinstance(result, DataAccessResult):
            raise ServiceError(f"{attribute}: {result.words}", result)
        if result is not None:
            consume(encode(result))

    async def get_many(self, attributes: Sequence[AttributeDescriptor]) -> list[GetResult]:
        """A result for each attribute, in order; as few requests as the meter allows.

        What a meter refuses to take many attributes in, and gives one by one, is remembered.
        """
        results: list[GetResult] = []
        while len(results) < len(attributes):
            rest = attributes[len(results) :]
            carrier = self._chosen(Conformance.GET, len(rest))
            to = self._association
            batch = rest[: batch_size(carrier, to.most if carrier.access else to.max_pdu)]
            try:
                told = plausible(await self._done(reading(carrier, batch)))
            except ServiceError:
                if not carrier.several:
                    raise
                self._carriers.refused(carrier)
                continue
            results += told
            if self._carriers.doubtful and any(isinstance(one, Data) for one in told):
                self._carriers.took(carrier)
        self._carriers.acquit()
        return results

    def _chosen(self, service: Conformance, count: int = 1) -> Carrier:
        return self._carriers.choose(self.conformance, service, count)

    # Writing.

    async def set(
        self, attribute: AttributeDescriptor, value: Data, access: Access | None = None
    ) -> None:
        """Write one attribute; ServiceError says why the meter did not."""
        (result,) = await self.set_many((attribute,), (value,), (access,))
        if result is not DataAccessResult.SUCCESS:
            raise ServiceError(f"{attribute}: {result.words}")

    async def permit(self, *wanted: Wanted) -> None:
        """AccessRightError for an attribute or method that this client may not write or invoke.

        So far as the meter tells; whatever writes or invokes asks this by itself.
        """
        self._refuse_unless_writing()
        if isinstance(self._association, AssociationSN) and not self.names.rights_told:
            return
        await self._rights.check(self, wanted)
        if not self.associated:
            await self.open()

    async def set_many(
        self,
        attributes: Sequence[AttributeDescriptor],
        values: Sequence[Data],
        accesses: Sequence[Access | None] = (),
    ) -> Sequence[DataAccessResult]:
        """Write several attributes, in one request if the meter takes that; what became of
        each, in order.
        """
        await self.permit(*attributes)
        items = list(zip_longest(attributes, values, accesses))
        return await self._changed(Conformance.SET, items, writing)

    async def action(
        self, method: MethodDescriptor, parameters: Data | None = None
    ) -> GetResult | None:
        """Invoke one method, and what it returned; ServiceError says why it was not done."""
        (answer,) = await self.action_many((method,), (parameters,))
        if answer.result is not ActionResult.SUCCESS:
            raise ServiceError(f"{method}: {answer.result.words}")
        return answer.data

    async def action_many(
        self, methods: Sequence[MethodDescriptor], parameters: Sequence[Data | None]
    ) -> Sequence[ActionAnswer]:
        """Invoke several methods, in one request if the meter takes that; the answer of each,
        in order.
        """
        await self.permit(*methods)
        items = list(zip(methods, parameters, strict=True))
        return await self._changed(Conformance.ACTION, items, invoking)

    async def _changed(
        self,
        service: Conformance,
        items: Sequence[tuple[Any, ...]],
        errand_of: Callable[..., Errand],
    ) -> Sequence[Any]:
        """Carry out ``items``. What the meter refuses is not tried in another way by itself:
        some of it may be done.
        """
        carrier = self._chosen(service, len(items))
        errand = errand_of(carrier, *zip(*items, strict=True))
        too_long = carrier is Carrier.ACCESS and 0 < self._association.most < errand.size
        if too_long or (len(items) > 1 and not carrier.several):
            return [(await self._changed(service, (item,), errand_of))[0] for item in items]
        try:
            return await self._done(errand)
        except ServiceError:
            if carrier.several:
                self._carriers.refused(carrier)
            raise

    async def access(
        self,
        items: Sequence[AccessSpecification],
        values: Sequence[Data | None],
        *,
        break_on_error: bool = False,
    ) -> Sequence[tuple[Data, AccessOutcome]]:
        """Read, write and invoke in one request of the ACCESS service."""
        await self.permit(*_permitted(items))
        results: Sequence[tuple[Data, AccessOutcome]] = await self._request(
            lambda to: to.access(items, values, break_on_error=break_on_error)
        )
        return results

    def _refuse_unless_writing(self) -> None:
        if not self._writing:
            raise ReadOnlyError("writing is off for this meter")

    async def _done(self, errand: Errand, consume: Consume | None = None) -> Sequence[Any]:
        return errand.results(await self._request(errand.request, consume))

    async def _request(self, request: Request, consume: Consume | None = None) -> Any:
        if self._security is not None:
            await self._security.refill()
        return await self._ask(request, consume)


def _permitted(items: Sequence[AccessSpecification]) -> Iterator[Wanted]:
    """What is not only read."""
    for item in items:
        match item:
            case AccessSet(attribute):
                yield attribute
            case AccessAction(method):
                yield method

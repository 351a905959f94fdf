"""One connection to one meter for one errand, and no second attempt."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from twisted.internet.defer import Deferred, succeed

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.association import Witness
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.errors import DlmsdError
from dlmsd.meter.build import make_reassembly, make_session, make_way
from dlmsd.meter.conversation import Trace
from dlmsd.meter.factory import Member, MeterFactory
from dlmsd.meter.security import MeterSecurity
from dlmsd.meter.session import Session
from dlmsd.meter.way import Way


class Visit:
    """``async with Visit(meter, reactor) as session``: associated inside, closed after.

    Entering raises the DlmsdError that kept us out. ``way`` is another than the meter's;
    ``names`` are the short names that earlier visits learned.
    """

    def __init__(
        self,
        meter: MeterOptions,
        reactor: Any,
        trace: Trace | None = None,
        security: MeterSecurity | None = None,
        way: Way | None = None,
        witness: Witness | None = None,
        names: ShortNames | None = None,
    ) -> None:
        self._factory = MeterFactory(
            way or make_way(meter, reactor),
            lambda: make_reassembly((meter,)),
            name=meter.name,
            reactor=reactor,
            admit=lambda: succeed(lambda: None),
            random=lambda: 0.0,
        )
        self._session = make_session(
            meter, self._factory.turn, reactor, trace, security, witness, names
        )
        self._connected = Deferred[None]()
        self._factory.join(Member(self._session, self._up, self._down))

    async def __aenter__(self) -> Session:
        self._factory.start()
        try:
            await self._connected
            self._factory.stopTrying()
            await self._session.open()
        except BaseException:
            await self._leave()
            raise
        return self._session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        await self._session.close()
        await self._factory.stop()

    def _up(self) -> None:
        self._connected.callback(None)

    def _down(self, error: DlmsdError) -> None:
        self._factory.stopTrying()
        if not self._connected.called:
            self._connected.errback(error)

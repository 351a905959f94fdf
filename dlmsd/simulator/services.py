"""The xDLMS services of one association at the meter's end: who answers which request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access import AccessRequest
from dlmsd.dlms.xdlms.apdu import ActionRequest, Apdu, GetRequest, SetRequest
from dlmsd.dlms.xdlms.invoke import INVOKE_ID
from dlmsd.dlms.xdlms.notification import EventNotificationRequest
from dlmsd.simulator.access import AccessService
from dlmsd.simulator.action import ActionService
from dlmsd.simulator.answer import Answer, unsupported
from dlmsd.simulator.get import GetService
from dlmsd.simulator.quirks import Quirk
from dlmsd.simulator.set import SetService
from dlmsd.simulator.terms import Terms


class Services:
    """By logical names, on these terms. A request of one service ends the blocks of others."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._constant = terms.has(Quirk.CONSTANT_INVOKE_ID)
        self._get = GetService(terms)
        self._set = SetService(terms)
        self._action = ActionService(terms)
        self._access = AccessService(terms)

    def answer(self, request: Apdu | None) -> Answer:
        """The response to a request, None for one that cannot be understood."""
        if not isinstance(request, SetRequest):
            self._set.abort()
        if not isinstance(request, ActionRequest):
            self._action.abort()
        if self._constant and isinstance(request, GetRequest | SetRequest | ActionRequest):
            request = evolve(request, invoke=request.invoke & ~INVOKE_ID | 1)
        if isinstance(request, GetRequest):
            return self._get.answer(request)
        if isinstance(request, SetRequest):
            return self._set.answer(request)
        if isinstance(request, ActionRequest):
            return self._action.answer(request)
        if isinstance(request, AccessRequest):
            return self._access.answer(request)
        return unsupported()

    def report(self, attributes: Sequence[AttributeDescriptor]) -> Iterator[Answer]:
        """Values that nobody asked for: an EventNotification for each that can be read."""
        for attribute in attributes:
            value = self._terms.read(attribute)
            if isinstance(value, Data):
                told = EventNotificationRequest(None, attribute, value)
                yield Answer(told.encode(), ((attribute, value),))

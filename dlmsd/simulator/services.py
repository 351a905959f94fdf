"""The xDLMS services of one association at the meter's end: who answers which request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.xdlms.access import AccessRequest
from dlmsd.dlms.xdlms.apdu import ActionRequest, Apdu, GetRequest, SetRequest
from dlmsd.dlms.xdlms.invoke import INVOKE_ID
from dlmsd.dlms.xdlms.long_invoke import encode_long_invoke
from dlmsd.dlms.xdlms.notification import (
    DataNotification,
    DataNotificationConfirm,
    EventNotificationRequest,
)
from dlmsd.simulator.access import AccessService
from dlmsd.simulator.action import ActionService
from dlmsd.simulator.answer import SILENCE, Answer, unsupported
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
        self._pushes = 0

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
        return SILENCE if isinstance(request, DataNotificationConfirm) else unsupported()

    def report(
        self, attributes: Sequence[AttributeDescriptor], *, confirmed: bool
    ) -> Iterator[Answer]:
        """Values that nobody asked for: an EventNotification for each that can be read, or
        all in a DataNotification that wants to be ``confirmed``.
        """
        read = [(attribute, self._terms.read(attribute)) for attribute in attributes]
        told = tuple((attribute, value) for attribute, value in read if isinstance(value, Data))
        if confirmed and told:
            self._pushes += 1
            objects = Data(Tag.ARRAY, tuple(CaptureObject(attribute).data for attribute, _ in told))
            body = Data(Tag.STRUCTURE, (objects, *(value for _, value in told)))
            push = DataNotification(encode_long_invoke(self._pushes), None, body)
            yield Answer(push.encode(), told)
            return
        for attribute, value in told:
            event = EventNotificationRequest(None, attribute, value)
            yield Answer(event.encode(), ((attribute, value),))

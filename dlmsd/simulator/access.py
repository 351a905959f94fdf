"""ACCESS at the meter's end: several GET, SET and ACTION in one request (Green Book)."""

from __future__ import annotations

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.xdlms.access import (
    AccessGet,
    AccessOutcome,
    AccessRequest,
    AccessResponse,
    AccessSet,
    AccessSpecification,
    ActionDone,
    GetDone,
    SetDone,
)
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.long_invoke import breaks_on_error, is_confirmed, is_self_descriptive
from dlmsd.simulator.answer import SILENCE, Answer, Answered, too_long, unsupported
from dlmsd.simulator.terms import Terms

_NOTHING = Data(Tag.NULL_DATA, None)


class AccessService:
    """For one association. It has no blocks of its own: what is too long needs general ones."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def answer(self, request: AccessRequest) -> Answer:
        """The response; silence if none is wanted."""
        if not self._terms.offers(Conformance.ACCESS):
            return unsupported()
        values: list[Data] = []
        outcomes: list[AccessOutcome] = []
        results: list[Answered] = []
        for item, given in zip(request.items, request.values, strict=True):
            value, outcome = self._carry_out(item, given)
            values.append(value)
            outcomes.append(outcome)
            if isinstance(item, AccessGet):
                read = value if outcome.result == 0 else DataAccessResult(outcome.result)
                results.append((item.attribute, read))
            if outcome.result and breaks_on_error(request.invoke):
                break
        if not is_confirmed(request.invoke):
            return SILENCE
        items = request.items if is_self_descriptive(request.invoke) else ()
        response = AccessResponse(request.invoke, tuple(values), tuple(outcomes), items).encode()
        return Answer(response, tuple(results)) if self._terms.fits(response) else too_long()

    def _carry_out(self, item: AccessSpecification, given: Data) -> tuple[Data, AccessOutcome]:
        if isinstance(item, AccessGet):
            read = self._terms.read(item.attribute, item.access)
            if isinstance(read, DataAccessResult):
                return _NOTHING, GetDone(read)
            return read, GetDone(DataAccessResult.SUCCESS)
        if isinstance(item, AccessSet):
            return _NOTHING, SetDone(self._terms.write(item.attribute, given, item.access))
        answer = self._terms.invoke(item.method, None if given.tag is Tag.NULL_DATA else given)
        returned = answer.data if isinstance(answer.data, Data) else _NOTHING
        return returned, ActionDone(answer.result)

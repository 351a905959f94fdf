"""What carries a request: the items' own service, for one or with a list, or ACCESS.

ACCESS (IEC 62056-5-3 clause 9.3.6) takes many items of any kind, each with a result of its
own. Meters that know no lists may know it, and some know nothing else (GBCS).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, Final, TypeAlias

from attrs import frozen

from dlmsd.dlms.association import Association
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.outcome import AssociationEvent, GetResult
from dlmsd.dlms.xdlms.access import (
    AccessAction,
    AccessGet,
    AccessOutcome,
    AccessRequest,
    AccessSet,
    AccessSpecification,
)
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import Access
from dlmsd.errors import ServiceError

Request: TypeAlias = Callable[[Association], list[AssociationEvent]]

_NOTHING: Final = Data(Tag.NULL_DATA, None)
_ALL_REFUSED: Final = frozenset(
    {
        DataAccessResult.SCOPE_OF_ACCESS_VIOLATED,
        DataAccessResult.OTHER_REASON,
        DataAccessResult.READ_WRITE_DENIED,
    }
)


class Carrier(enum.Enum):
    """One item in its own service or in ACCESS, or several in either."""

    ONE = False, False
    LIST = False, True
    ONE_ACCESS = True, False
    ACCESS = True, True

    def __init__(self, access: bool, several: bool) -> None:
        self.access = access
        self.several = several


class Carriers:
    """Those of one meter; what it refuses for several items it is not sent again.

    Who has lost the association refuses whatever he is sent. So a refusal counts once the
    meter, in the same association, gives one by one what was asked for. Some end the
    association with what they refuse: that counts when it has happened twice.
    """

    def __init__(self) -> None:
        self._refused: set[Carrier] = set()
        self._doubted: set[Carrier] = set()
        self._parted: set[Carrier] = set()  # the association ended before it gave anything
        self._once: set[Carrier] = set()

    def choose(self, offered: Conformance, service: Conformance, count: int) -> Carrier:
        """For ``count`` items of a ``service``, of what the meter has ``offered``."""
        access = Conformance.ACCESS in offered
        own = service in offered or not access
        if count > 1:
            lists = own and Conformance.MULTIPLE_REFERENCES in offered
            spared = self._refused | self._doubted
            if lists and Carrier.LIST not in spared:
                return Carrier.LIST
            if access and Carrier.ACCESS not in spared:
                return Carrier.ACCESS
        return Carrier.ONE if own else Carrier.ONE_ACCESS

    @property
    def doubtful(self) -> bool:
        """Whether it is to be told what the meter took."""
        return bool(self._doubted or self._once)

    def refused(self, carrier: Carrier) -> None:
        """The meter did not take it, for now."""
        self._doubted.add(carrier)

    def parted(self) -> None:
        """Another association begins."""
        self._parted |= self._doubted

    def took(self, carrier: Carrier) -> None:
        """It brought what was asked for."""
        self._once.discard(carrier)
        first = (self._doubted & self._parted) - self._once
        self._once |= first
        self._refused |= self._doubted - first
        self.acquit()

    def acquit(self) -> None:
        """What was refused is not given one by one either."""
        self._doubted.clear()
        self._parted.clear()


@frozen
class Errand:
    """``request`` makes the request; ``results`` those of its service, whatever carried it."""

    request: Request
    results: Callable[[Sequence[Any]], Sequence[Any]] = tuple
    size: int = 0
    """Octets of the request, where its service has no blocks."""


def reading(
    carrier: Carrier,
    attributes: Sequence[AttributeDescriptor],
    accesses: Sequence[Access | None] = (),
    *,
    stream: bool = False,
) -> Errand:
    """Results are Data or why not; None for one that was streamed, which ACCESS cannot be."""
    if not carrier.access:
        return Errand(lambda to: to.get(attributes, accesses, stream=stream))
    items = [AccessGet(*each) for each in zip_longest(attributes, accesses)]
    return _by_access(items, (None,) * len(items), _read)


def writing(
    carrier: Carrier,
    attributes: Sequence[AttributeDescriptor],
    values: Sequence[Data],
    accesses: Sequence[Access | None] = (),
) -> Errand:
    """Results are DataAccessResults."""
    if not carrier.access:
        return Errand(lambda to: to.set(attributes, values, accesses))
    items = [AccessSet(*each) for each in zip_longest(attributes, accesses)]
    return _by_access(items, values, lambda _, outcome: outcome.result)


def invoking(
    carrier: Carrier, methods: Sequence[MethodDescriptor], parameters: Sequence[Data | None]
) -> Errand:
    """Results are ActionAnswers."""
    if not carrier.access:
        return Errand(lambda to: to.action(methods, parameters))
    return _by_access([AccessAction(method) for method in methods], parameters, _invoked)


def _by_access(
    items: Sequence[AccessSpecification],
    values: Sequence[Data | None],
    result: Callable[[Data, AccessOutcome], object],
) -> Errand:
    given = [value or _NOTHING for value in values]
    return Errand(
        lambda to: to.access(items, given),
        lambda pairs: [result(data, outcome) for data, outcome in pairs],
        len(AccessRequest(0, tuple(items), tuple(given)).encode()),
    )


def _read(data: Data, outcome: AccessOutcome) -> object:
    return data if outcome.result == DataAccessResult.SUCCESS else outcome.result


def _invoked(data: Data, outcome: AccessOutcome) -> ActionAnswer:
    # The service has null-data where nothing was returned.
    return ActionAnswer(ActionResult(outcome.result), None if data == _NOTHING else data)


def plausible(results: Sequence[GetResult]) -> Sequence[GetResult]:
    """ServiceError if they are a refusal: some meters refuse a list by refusing every item of
    it in the same words.
    """
    first = results[0]
    refused = isinstance(first, DataAccessResult) and first in _ALL_REFUSED
    if refused and len(results) > 1 and all(result == first for result in results):
        raise ServiceError("the meter refused every item of the list")
    return results

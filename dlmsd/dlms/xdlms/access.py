"""ACCESS: GET, SET and ACTION of many items in one request (Green Book, ACCESS service)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Self, TypeAlias

from attrs import frozen

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Budget, Data
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import read_method
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.parts import (
    check_counts,
    check_one_each,
    encode_long_head,
    encode_values,
    read_data,
    read_long_head,
    read_values,
)

_GET: Final = 1
_SET: Final = 2
_ACTION: Final = 3
# With selection, the choice of a GET or SET is this much higher.
_SELECTION: Final = 3


@frozen
class AccessGet:
    """Read an attribute, or with ``access`` a part of it; its Data is null-data."""

    attribute: AttributeDescriptor
    access: Access | None = None

    def encode(self) -> bytes:
        """Its choice and what belongs to it."""
        return _encode_selected(_GET, self.attribute, self.access)


@frozen
class AccessSet:
    """Write an attribute, or with ``access`` a part of it; its Data is the value."""

    attribute: AttributeDescriptor
    access: Access | None = None

    def encode(self) -> bytes:
        """Its choice and what belongs to it."""
        return _encode_selected(_SET, self.attribute, self.access)


@frozen
class AccessAction:
    """Invoke a method; its Data are the parameters, null-data where it has none."""

    method: MethodDescriptor

    def encode(self) -> bytes:
        """Its choice and what belongs to it."""
        return b"%c%b" % (_ACTION, self.method.encoded)


AccessSpecification: TypeAlias = AccessGet | AccessSet | AccessAction

_SELECTABLE: Final[dict[int, type[AccessGet] | type[AccessSet]]] = {
    _GET: AccessGet,
    _SET: AccessSet,
}


def _encode_selected(choice: int, attribute: AttributeDescriptor, access: Access | None) -> bytes:
    if access is None:
        return b"%c%b" % (choice, attribute.encoded)
    selector, parameters = access
    head = b"%c%b%c" % (choice + _SELECTION, attribute.encoded, selector)
    return head + encode_data(parameters)


def _read_specification(cursor: Cursor, budget: Budget) -> AccessSpecification:
    start = cursor.offset
    choice = cursor.unsigned(1, "the choice of an item")
    if choice == _ACTION:
        return AccessAction(read_method(cursor))
    selected = choice > _ACTION
    kind = _SELECTABLE.get(choice - _SELECTION if selected else choice)
    if kind is None:
        raise cursor.error(f"no item is of choice {choice},", start)
    octets = cursor.octets(9, "the attribute descriptor")
    attribute, _ = AttributeDescriptor.decode(octets)
    if not selected:
        return kind(attribute)
    selector = cursor.unsigned(1, "the access selector")
    return kind(attribute, (selector, read_data(cursor, budget, "access parameters")))


def _read_specifications(cursor: Cursor, budget: Budget) -> tuple[AccessSpecification, ...]:
    count = cursor.length("the list of items")
    return tuple([_read_specification(cursor, budget) for _ in range(count)])


def _encode_specifications(items: Sequence[AccessSpecification]) -> bytes:
    return encode_length(len(items)) + b"".join([item.encode() for item in items])


@frozen
class AccessRequest:
    """Several items, and Data for each; ``invoke`` is a long-invoke-id-and-priority.

    LocalError if there are not as many Data as items.
    """

    TAG: ClassVar = 0xD9

    invoke: int
    items: tuple[AccessSpecification, ...]
    values: tuple[Data, ...]
    moment: DateTime | None = None

    def __attrs_post_init__(self) -> None:
        check_one_each(self.values, "values", self.items)

    def encode(self) -> bytes:
        """The APDU."""
        head = encode_long_head(b"\xd9", self.invoke, self.moment)
        return head + _encode_specifications(self.items) + encode_values(self.values)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke, moment = read_long_head("access-request", apdu, b"\xd9")
        budget = Budget()
        items = _read_specifications(cursor, budget)
        values = read_values(cursor, budget)
        cursor.finish()
        check_counts(cursor, values, "values", len(items))
        return cls(invoke, items, values, moment)


@frozen
class GetDone:
    """What became of an :class:`AccessGet`."""

    CHOICE: ClassVar = _GET

    result: DataAccessResult


@frozen
class SetDone:
    """What became of an :class:`AccessSet`."""

    CHOICE: ClassVar = _SET

    result: DataAccessResult


@frozen
class ActionDone:
    """What became of an :class:`AccessAction`."""

    CHOICE: ClassVar = _ACTION

    result: ActionResult


AccessOutcome: TypeAlias = GetDone | SetDone | ActionDone


def _read_outcome(cursor: Cursor) -> AccessOutcome:
    start = cursor.offset
    choice = cursor.unsigned(1, "the choice of a result")
    result = cursor.unsigned(1, "the result")
    if choice == _GET:
        return GetDone(DataAccessResult(result))
    if choice == _SET:
        return SetDone(DataAccessResult(result))
    if choice == _ACTION:
        return ActionDone(ActionResult(result))
    raise cursor.error(f"no result is of choice {choice},", start)


@frozen
class AccessResponse:
    """For each item of the request its Data and its outcome, in the same order.

    An item without data has null-data. ``items`` repeats what was asked, if that was wanted;
    else it is empty. With break-on-error there are fewer values than were asked for.
    LocalError if values and outcomes are not equally many.
    """

    TAG: ClassVar = 0xDA

    invoke: int
    values: tuple[Data, ...]
    outcomes: tuple[AccessOutcome, ...]
    items: tuple[AccessSpecification, ...] = ()
    moment: DateTime | None = None

    def __attrs_post_init__(self) -> None:
        check_one_each(self.outcomes, "outcomes", self.values)

    def encode(self) -> bytes:
        """The APDU."""
        return b"".join(
            (
                encode_long_head(b"\xda", self.invoke, self.moment),
                b"\x01" + _encode_specifications(self.items) if self.items else b"\x00",
                encode_values(self.values),
                encode_length(len(self.outcomes)),
                *(bytes((outcome.CHOICE, outcome.result)) for outcome in self.outcomes),
            )
        )

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke, moment = read_long_head("access-response", apdu, b"\xda")
        budget = Budget()
        items: tuple[AccessSpecification, ...] = ()
        if cursor.flag("the presence of the items"):
            items = _read_specifications(cursor, budget)
        values = read_values(cursor, budget)
        count = cursor.length("the list of results")
        outcomes = tuple([_read_outcome(cursor) for _ in range(count)])
        cursor.finish()
        check_counts(cursor, outcomes, "outcomes", len(values))
        return cls(invoke, values, outcomes, items, moment)

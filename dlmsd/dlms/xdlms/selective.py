"""Selective access: to the buffer of a profile by range and by entry (Blue Book, class 7), to the
object list of an association by object (class 15).
"""

from __future__ import annotations

import datetime
from typing import ClassVar, Final, Self

from attrs import evolve, frozen

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.value import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject, decode_capture_objects
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.structure import array, class_id, elements, logical_name, unsigned
from dlmsd.dlms.xdlms.get import Access
from dlmsd.errors import DecodeError

# Profiles are ordered by the time of the meter's clock, whatever else they hold.
CLOCK: Final = CaptureObject(AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2))


def range_value(
    moment: datetime.datetime, *, deviation: bool = True, negate_deviation: bool = False
) -> Data:
    """``moment`` as the end of a range: date-time octets.

    Some meters refuse a deviation in a range and others want one. Without it, ``moment``
    is to be in the meter's local time; the clock status is then left unspecified too, as it
    says which of two equal local times is meant only to those who know the deviation.
    ``negate_deviation`` is for meters that count it from UTC to local time.
    """
    sent = DateTime.from_datetime(moment)
    if negate_deviation and sent.deviation is not None:
        sent = evolve(sent, deviation=-sent.deviation)
    if not deviation:
        sent = evolve(sent, deviation=None, status=None)
    return Data(Tag.OCTET_STRING, sent.encode())


@frozen
class RangeDescriptor:
    """Rows whose value of ``restricting`` lies from ``from_value`` to ``to_value``.

    ``columns`` are those to send, all if it is empty.
    """

    SELECTOR: ClassVar = 1

    from_value: Data
    to_value: Data
    restricting: CaptureObject = CLOCK
    columns: tuple[CaptureObject, ...] = ()

    @property
    def access(self) -> Access:
        """What a request takes."""
        columns = Data(Tag.ARRAY, tuple([column.data for column in self.columns]))
        parts = (self.restricting.data, self.from_value, self.to_value, columns)
        return self.SELECTOR, Data(Tag.STRUCTURE, parts)

    @classmethod
    def of(cls, access: Access) -> Self:
        """From a request; DecodeError if it selects in another way."""
        selector, parameters = access
        _check_selector(selector, cls.SELECTOR)
        restricting, start, end, columns = elements(parameters, "a range", 4)
        return cls(start, end, CaptureObject.of(restricting), decode_capture_objects(columns))


@frozen
class EntryDescriptor:
    """Rows and columns by number, from 1; an end of 0 is the highest there is."""

    SELECTOR: ClassVar = 2

    from_entry: int
    to_entry: int = 0
    from_column: int = 1
    to_column: int = 0

    @property
    def access(self) -> Access:
        """What a request takes."""
        parts = (
            Data(Tag.DOUBLE_LONG_UNSIGNED, self.from_entry),
            Data(Tag.DOUBLE_LONG_UNSIGNED, self.to_entry),
            Data(Tag.LONG_UNSIGNED, self.from_column),
            Data(Tag.LONG_UNSIGNED, self.to_column),
        )
        return self.SELECTOR, Data(Tag.STRUCTURE, parts)

    @classmethod
    def of(cls, access: Access) -> Self:
        """From a request; DecodeError if it selects in another way."""
        selector, parameters = access
        _check_selector(selector, cls.SELECTOR)
        names = ("from_entry", "to_entry", "from_selected_value", "to_selected_value")
        parts = elements(parameters, "an entry descriptor", 4)
        return cls(*(unsigned(part, name) for part, name in zip(parts, names, strict=True)))


@frozen
class ObjectIdList:
    """The objects, by class and logical name, whose entries are wanted with their rights."""

    SELECTOR: ClassVar = 3

    ids: tuple[tuple[int, Obis], ...]

    @property
    def access(self) -> Access:
        """What a request takes."""
        ids = [
            Data(
                Tag.STRUCTURE,
                (Data(Tag.LONG_UNSIGNED, kind), Data(Tag.OCTET_STRING, obis.raw)),
            )
            for kind, obis in self.ids
        ]
        return self.SELECTOR, Data(Tag.ARRAY, tuple(ids))

    @classmethod
    def of(cls, access: Access) -> Self:
        """From a request; DecodeError if it selects in another way."""
        selector, parameters = access
        _check_selector(selector, cls.SELECTOR)
        parts = [elements(each, "object_id", 2) for each in array(parameters, "object_id_list")]
        return cls(tuple([(class_id(kind), logical_name(name)) for kind, name in parts]))


def _check_selector(selector: int, wanted: int) -> None:
    if selector != wanted:
        raise DecodeError(f"access selector {selector}, not {wanted}")

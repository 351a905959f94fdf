"""What a notification holds: values, each with its OBIS code where the meter tells it.

Meters tell it in three ways, and some mix them:

* The push object list goes first, an array of capture objects, and the values follow in its
  order (Blue Book, Push setup). Of an attribute 0 all attributes follow, in a structure.
* Each value stands behind its OBIS code, and scaler and unit may stand behind the value: in
  a structure of its own, or one after the other in the structure of all.
* Not at all: then a template knows the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.capture import CaptureObject, decode_capture_objects
from dlmsd.dlms.cosem.classes import scaler_attribute
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import Unasked
from dlmsd.dlms.xdlms.described import DescribedNotification, decode_data_notification
from dlmsd.dlms.xdlms.notification import (
    DataNotification,
    DataNotificationConfirm,
    EventNotificationRequest,
)
from dlmsd.dlms.xdlms.short_name import InformationReport
from dlmsd.errors import DecodeError
from dlmsd.meter.scaling import ScalerUnit

_PUSH_SETUP: Final = 40
_VALUE: Final = 2
# Of attribute 0, the place of value and scaler_unit behind the logical name, by class.
_WHOLE: Final = {1: (1, None), 3: (1, 2), 4: (1, 2)}
_CONTAINERS: Final = (Tag.ARRAY, Tag.STRUCTURE)
_TEXTS: Final = (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING)
# Value group A names a medium; all that are in use are below.
_MEDIA: Final = 16


@frozen
class Item:
    """A value and its name. ``attribute`` is None where the meter tells the OBIS code alone."""

    obis: Obis
    data: Data
    attribute: int | None = None
    scaler_unit: ScalerUnit | None = None


@frozen
class Push:
    """One notification. ``loose`` are the values without a name, in order; ``confirmation`` is
    the answer that it wants, if any.
    """

    moment: DateTime | None
    items: tuple[Item, ...]
    loose: tuple[Data, ...] = ()
    confirmation: DataNotificationConfirm | None = None

    @property
    def texts(self) -> frozenset[str]:
        """All texts in it."""
        return _texts((*(item.data for item in self.items), *self.loose))

    @property
    def identities(self) -> frozenset[str]:
        """The texts of which one must be the meter's serial number, if it has one here."""
        named = [item.data for item in self.items if _identifies(item.obis)]
        return _texts((*named, *self.loose))


def decode_push(apdu: bytes) -> Push:
    """What a plain notification holds; DecodeError if the APDU is none."""
    match apdu[:1]:
        case b"\x0f":
            return push_of(decode_data_notification(apdu))
        case b"\xc2":
            return push_of(EventNotificationRequest.decode(apdu))
        case b"\x18":
            return push_of(InformationReport.decode(apdu))
    shown = f"tag {apdu[0]:02X}" if apdu else "no octet"
    raise DecodeError(f"no notification: {shown} at byte 0")


def push_of(told: Unasked) -> Push:
    """What a notification holds; DecodeError if that makes no sense."""
    match told:
        case DataNotification():
            return evolve(_by_contents(told), confirmation=told.confirmation)
        case DescribedNotification(moment=moment, values=described):
            items = tuple(Item(one.obis, data, one.attribute) for one, data in described)
            return Push(moment, items, confirmation=told.confirmation)
        case EventNotificationRequest(moment=moment, attribute=one, value=value):
            return Push(moment, (Item(one.obis, value, one.attribute),))
        case InformationReport(values=values):
            return Push(None, (), values)


def _by_contents(told: DataNotification) -> Push:
    elements: Any = told.body.value if told.body.tag in _CONTAINERS else (told.body,)
    objects = _object_list(elements)
    if objects:
        return Push(told.moment, tuple(_by_objects(objects, elements[1:])))
    found = list(_described(elements))
    items = [one for one in found if isinstance(one, Item)]
    loose = [one for one in found if isinstance(one, Data)]
    return Push(told.moment, tuple(items), tuple(loose))


def _object_list(elements: Sequence[Data]) -> tuple[CaptureObject, ...]:
    """Of which objects values follow; none if there is no list.

    The list may name itself first, since it is pushed too. DecodeError if not as many values
    follow: they would get wrong names.
    """
    if not elements or elements[0].tag is not Tag.ARRAY or not elements[0].value:
        return ()
    try:
        objects = decode_capture_objects(elements[0])
    except DecodeError:
        return ()
    first = objects[0].attribute
    if (first.class_id, first.attribute) == (_PUSH_SETUP, _VALUE):
        objects = objects[1:]
    if len(objects) != len(elements) - 1:
        raise DecodeError(f"{len(elements) - 1} values follow {len(objects)} push objects")
    return objects


def _by_objects(objects: Sequence[CaptureObject], values: Sequence[Data]) -> Iterator[Item]:
    scalers: dict[tuple[int, Obis], ScalerUnit] = {}
    items: list[tuple[int, Item]] = []
    for one, data in zip(objects, values, strict=True):
        told = one.attribute
        class_id, obis, attribute = told.class_id, told.obis, told.attribute
        unit = _scaler_unit(data)
        if unit is not None and attribute == scaler_attribute(class_id, _VALUE):
            scalers[class_id, obis] = unit
        elif attribute == 0 and class_id in _WHOLE:
            items.append((class_id, _whole(class_id, obis, data)))
        else:
            items.append((class_id, Item(obis, data, attribute)))
    for class_id, item in items:
        unit = scalers.get((class_id, item.obis))
        yield evolve(item, scaler_unit=unit) if unit and item.attribute == _VALUE else item


def _whole(class_id: int, obis: Obis, data: Data) -> Item:
    value, unit = _WHOLE[class_id]
    parts: Any = data.value
    if data.tag is not Tag.STRUCTURE or len(parts) <= max(value, unit or 0):
        return Item(obis, data, 0)
    return Item(obis, parts[value], _VALUE, None if unit is None else _scaler_unit(parts[unit]))


def _described(elements: Sequence[Data]) -> Iterator[Item | Data]:
    """Names with what stands behind them, and what has no name; in containers too."""
    place = 0
    while place < len(elements):
        one = elements[place]
        place += 1
        obis = _obis(one)
        if obis is not None and place < len(elements):
            data = elements[place]
            place += 1
            unit = _scaler_unit(elements[place]) if place < len(elements) else None
            place += unit is not None
            yield Item(obis, data, None, unit)
        elif one.tag in _CONTAINERS:
            parts: Any = one.value
            yield from _described(parts)
        elif one.tag is not Tag.NULL_DATA:
            yield one


def _obis(data: Data) -> Obis | None:
    raw = data.value
    if data.tag is Tag.OCTET_STRING and isinstance(raw, bytes) and len(raw) == 6:
        return Obis(raw) if raw[0] < _MEDIA and raw[5] == 0xFF else None
    return None


def _scaler_unit(data: Data) -> ScalerUnit | None:
    if data.tag is not Tag.STRUCTURE:
        return None
    try:
        return ScalerUnit.of(data)
    except DecodeError:
        return None


def _identifies(obis: Obis) -> bool:
    """Device ID (x-b:96.1.e, 1-b:0.0.e) or logical device name (0-b:42.0.0)."""
    return obis.raw[2:4] in (b"\x60\x01", b"\x00\x00") or obis.raw[2:5] == b"\x2a\x00\x00"


def _texts(data: Iterable[Data]) -> frozenset[str]:
    return frozenset(text for one in data if (text := _text(one)))


def _text(data: Data) -> str:
    if data.tag not in _TEXTS:
        return ""
    raw = data.value
    text = raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)
    text = text.strip(" \0")
    return text if text.isascii() and text.isprintable() else ""

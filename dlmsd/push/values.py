"""From the items of a push to the values of a reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import evolve, field, frozen

from dlmsd.config.values import Measurement, MeterOptions
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.catalogue import NAMES, lookup
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.meter.identity import SERIALS
from dlmsd.meter.installation import Installation
from dlmsd.meter.payload import Item, Push
from dlmsd.meter.scaling import Scale, ScalerUnit
from dlmsd.model import Value

_REGISTER: Final = 3
_VALUE: Final = 2
_DEVICE_ID: Final = AttributeDescriptor(1, SERIALS[0], _VALUE)
# What a reading may hold where the operator names nothing: the longest published list has 33.
_MOST_VALUES: Final = 256


def _usual_names() -> Iterator[tuple[Obis, str]]:
    for name in NAMES:
        if known := lookup(name):
            obis = known.attribute.obis
            yield obis, name
            if other := obis.other_channel:
                yield other, name


_KNOWN: Final = dict(_usual_names())


@frozen
class Picked:
    """What a reading gets. ``absent`` says of what was pushed why it gives no value. ``serial``
    is the device's ID, "" where none was pushed.
    """

    values: Mapping[str, Value] = field(factory=dict)
    units: Mapping[str, str] = field(factory=dict)
    absent: Mapping[str, str] = field(factory=dict)
    serial: str = ""


class Picker:
    """Picks what a meter's ``read`` wants; without one, every number under its usual name,
    or its OBIS code.

    Where nothing under its OBIS code was pushed, a measurement takes what was under that of
    the other channel, 0 or 1, unless another measurement is that. ``every`` leaves out what
    was published less than so many seconds ago.
    """

    def __init__(self, meter: MeterOptions) -> None:
        self._read = meter.read
        self._codes = {each.attribute.obis for each in meter.read}
        self._installation = Installation.of(meter)
        self._lists = {len(one): one for one in meter.push_lists}
        self._units = {one.obis: ScalerUnit(one.scaler, one.unit) for one in meter.push_units}
        self._scales: dict[tuple[str, ScalerUnit | None], Scale] = {}
        self._last: dict[str, float] = {}

    def pick(self, push: Push, now: float) -> Picked:
        """The values of one push that came ``now`` (seconds of the clock)."""
        values: dict[str, Value] = {}
        units: dict[str, str] = {}
        absent: dict[str, str] = {}
        named = self._named(push)
        for measurement, item in self._wanted(named):
            key = measurement.key
            if key in self._last and now - self._last[key] < measurement.every:
                continue
            scale = self._scale(measurement, item.scaler_unit)
            value = scale.value(item.data)
            if value is None or (scale.mismatch and item.scaler_unit is None):
                tag = item.data.tag.name.lower()
                absent[key] = scale.mismatch or f"no single value here: {tag}"
                continue
            values[key], units[key] = value, scale.symbol
            self._last[key] = now
        return Picked(values, units, absent, _serial(named))

    def _named(self, push: Push) -> tuple[Item, ...]:
        """Its items; where it does not tell names and units itself, with the configured."""
        items = push.items
        if not items:
            names = self._lists.get(len(push.loose), ())
            pairs = zip(names, push.loose, strict=False)
            items = tuple(Item(obis, data) for obis, data in pairs if obis is not None)
        return tuple(self._with_unit(item) for item in items)

    def _with_unit(self, item: Item) -> Item:
        if item.scaler_unit is not None:
            return item
        return evolve(item, scaler_unit=self._units.get(item.obis))

    def _wanted(self, items: tuple[Item, ...]) -> Iterator[tuple[Measurement, Item]]:
        if not self._read:
            yield from _all_numbers(items)
            return
        pushed = {item.obis: item for item in reversed(items)}
        for measurement in self._read:
            attribute = measurement.attribute
            found, other = pushed.get(attribute.obis), attribute.obis.other_channel
            if found is None and other is not None and other not in self._codes:
                found = pushed.get(other)
            if found is not None and found.attribute in (None, attribute.attribute):
                yield measurement, found

    def _scale(self, measurement: Measurement, unit: ScalerUnit | None) -> Scale:
        known = self._scales.get((measurement.key, unit))
        if known is None:
            if len(self._scales) >= _MOST_VALUES:
                self._scales.clear()
            known = self._scales[measurement.key, unit] = Scale(
                measurement, unit, self._installation
            )
        return known


def _serial(items: tuple[Item, ...]) -> str:
    """Of the two names that a meter may have only one, since both are never compared."""
    for item in items:
        if item.obis == SERIALS[0] and item.attribute in (None, _VALUE):
            told = Scale(Measurement("serial", _DEVICE_ID, "serial"), None).value(item.data)
            return "" if told is None else str(told)
    return ""


def _all_numbers(items: tuple[Item, ...]) -> Iterator[tuple[Measurement, Item]]:
    """Channels above 1 keep their OBIS code, so that a name means one thing in every push."""
    taken: set[str] = set()
    for item in items[:_MOST_VALUES]:
        if item.attribute not in (None, _VALUE) or not isinstance(item.data.value, int | float):
            continue
        code = str(item.obis)
        usual = _KNOWN.get(item.obis)
        key = code if usual is None or usual in taken else usual
        if not taken & {key, code}:
            taken |= {key, code}
            yield Measurement(key, AttributeDescriptor(_REGISTER, item.obis, _VALUE), key), item

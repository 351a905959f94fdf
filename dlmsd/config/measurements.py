"""What is read from a meter: measurements by OBIS code or by name."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from dlmsd.config.rules import Refusal, text
from dlmsd.config.source import Place
from dlmsd.config.tables import MeasurementTable, ReadTable
from dlmsd.config.values import Measurement
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.catalogue import lookup, near
from dlmsd.dlms.cosem.units import UNITS, conversion
from dlmsd.errors import Problem

REGISTER = 3  # interface class Register (Blue Book 4.3.2)
VALUE = 2  # its attribute "value"


def unit(value: object) -> str:
    """The rule for a wanted unit."""
    if isinstance(value, str) and any(
        each.symbol and conversion(each.symbol, value) is not None for each in UNITS.values()
    ):
        return value
    raise Refusal("expected a unit such as V, A, Hz, W, kW, Wh or kWh")


def resolve(
    read: ReadTable, base: Mapping[str, Measurement], place: Place, problems: list[Problem]
) -> dict[str, Measurement]:
    """The measurements of a ``read`` at ``place``, by name, in the order of reading.

    A table adds to ``base`` (a profile's measurements) and changes them, ``name = false``
    takes one away, a list selects. A measurement that gives no OBIS code takes what it
    does not say from ``base``, or from the catalogue.
    """
    found: dict[str, Measurement] = {} if read.listed else dict(base)
    for index, (name, entry) in enumerate(read.entries.items()):
        where = place.at(index if read.listed else name)
        if entry is None:
            if found.pop(name, None) is None:
                problems.append(where.problem("false takes away what a profile reads; this is not"))
            continue
        measurement = _measurement(name, entry, base.get(name), where, problems)
        if measurement is not None:
            found[name] = measurement
    _different_keys(found, read, place, problems)
    return found


def _measurement(
    name: str,
    entry: MeasurementTable,
    base: Measurement | None,
    where: Place,
    problems: list[Problem],
) -> Measurement | None:
    if entry.obis is not None:
        attribute = AttributeDescriptor(REGISTER, entry.obis, VALUE)
        base = Measurement(name, attribute, key=name)
    elif base is None:
        known = lookup(name)
        if known is None:
            names = ", ".join(near(name))
            message = "needs an OBIS code" + (f"; known without one: {names}" if names else "")
            problems.append(where.problem(message))
            return None
        base = Measurement(name, known.attribute, key=name)
    if entry.attribute == 0:
        problems.append(where.at("attribute").problem("attribute 0 is none; the value is 2"))
        return None
    try:
        text(64)(entry.key or base.key)
    except Refusal as error:
        problems.append(where.problem(f"a name that is published: {error}"))
        return None
    said = {
        name: value
        for name in ("key", "unit", "scale", "every", "compact")
        if (value := getattr(entry, name)) is not None
    }
    return evolve(base, attribute=_attribute(entry, base.attribute), **said)


def _attribute(entry: MeasurementTable, base: AttributeDescriptor) -> AttributeDescriptor:
    if entry.class_id is None and entry.attribute is None:
        return base
    class_id = base.class_id if entry.class_id is None else entry.class_id
    attribute = base.attribute if entry.attribute is None else entry.attribute
    return AttributeDescriptor(class_id, base.obis, attribute)


def _different_keys(
    found: Mapping[str, Measurement], read: ReadTable, place: Place, problems: list[Problem]
) -> None:
    owners: dict[str, str] = {}
    for name, measurement in found.items():
        other = owners.setdefault(measurement.key, name)
        if other == name:
            continue
        # The one that this table says is the one to change.
        mine, theirs = (name, other) if name in read.entries else (other, name)
        problems.append(
            place.at(mine).problem(f"is published as {measurement.key}, and so is {theirs}")
        )

"""COSEM interface classes (Blue Book clause 4): what attributes and methods an object has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen


def _numbered(*names: str) -> Mapping[int, str]:
    return MappingProxyType(dict(enumerate(names, start=1)))


def _fixed(scaled: Mapping[int, int]) -> Mapping[int, int]:
    return MappingProxyType(dict(scaled))


@frozen
class InterfaceClass:
    """One class; attributes and methods by index.

    ``value`` is the index of the attribute that is read when none is named. ``scaled``
    leads from an attribute to the one that holds its scaler_unit.
    """

    class_id: int
    name: str
    attributes: Mapping[int, str]
    methods: Mapping[int, str] = _numbered()
    value: int = 2
    scaled: Mapping[int, int] = field(factory=dict, converter=_fixed)


_TABLE: Final = (
    InterfaceClass(1, "Data", _numbered("logical_name", "value")),
    InterfaceClass(
        3,
        "Register",
        _numbered("logical_name", "value", "scaler_unit"),
        _numbered("reset"),
        scaled={2: 3},
    ),
    InterfaceClass(
        4,
        "Extended register",
        _numbered("logical_name", "value", "scaler_unit", "status", "capture_time"),
        _numbered("reset"),
        scaled={2: 3},
    ),
    InterfaceClass(
        5,
        "Demand register",
        _numbered(
            "logical_name",
            "current_average_value",
            "last_average_value",
            "scaler_unit",
            "status",
            "capture_time",
            "start_time_current",
            "period",
            "number_of_periods",
        ),
        _numbered("reset", "next_period"),
        scaled={2: 4, 3: 4},
    ),
    InterfaceClass(
        8,
        "Clock",
        _numbered(
            "logical_name",
            "time",
            "time_zone",
            "status",
            "daylight_savings_begin",
            "daylight_savings_end",
            "daylight_savings_deviation",
            "daylight_savings_enabled",
            "clock_base",
        ),
        _numbered(
            "adjust_to_quarter",
            "adjust_to_measuring_period",
            "adjust_to_minute",
            "adjust_to_preset_time",
            "preset_adjusting_time",
            "shift_time",
        ),
    ),
)

CLASSES: Final[Mapping[int, InterfaceClass]] = MappingProxyType(
    {each.class_id: each for each in _TABLE}
)


def by_id(class_id: int) -> InterfaceClass | None:
    """The class with this class_id, None if it is not known here."""
    return CLASSES.get(class_id)


def scaler_attribute(class_id: int, attribute: int) -> int | None:
    """The attribute that holds the scaler_unit of another; None where there is none."""
    known = CLASSES.get(class_id)
    return None if known is None else known.scaled.get(attribute)

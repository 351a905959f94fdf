"""Measurements by name: which register holds them (IEC 62056-6-1, electricity).

All are Register objects of channel 1 (``1-1:``), value in attribute 2. A meter that keeps
them elsewhere is configured with OBIS codes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis

_REGISTER: Final = 3
_VALUE: Final = 2

_PHASES: Final = ("l1", "l2", "l3")
_TARIFFS: Final = (1, 2, 3, 4)


@frozen
class CatalogueEntry:
    """A measurement: where it is read, what it measures, and the unit to expect.

    ``unit`` is without prefix, as a meter sends it; empty for a ratio.
    """

    name: str
    attribute: AttributeDescriptor
    quantity: str
    unit: str


def _entry(name: str, group_c: int, rest: str, quantity: str, unit: str) -> CatalogueEntry:
    obis = Obis.parse(f"1-1:{group_c}.{rest}")
    return CatalogueEntry(name, AttributeDescriptor(_REGISTER, obis, _VALUE), quantity, unit)


def _instantaneous() -> Iterator[CatalogueEntry]:
    """D = 7: instantaneous values. Group C of a phase is that of the sum plus 20, 40, 60."""
    for name, group_c, quantity, unit in (
        ("voltage", 12, "voltage", "V"),
        ("current", 11, "current", "A"),
    ):
        for number, phase in enumerate(_PHASES, start=1):
            yield _entry(f"{name}_{phase}", group_c + 20 * number, "7.0", quantity, unit)
    yield _entry("current_neutral", 91, "7.0", "current", "A")
    yield _entry("frequency", 14, "7.0", "frequency", "Hz")
    for name, group_c, quantity, unit in (
        ("active_power", 1, "active power", "W"),
        ("active_power_export", 2, "active power", "W"),
        ("reactive_power", 3, "reactive power", "var"),
        ("reactive_power_export", 4, "reactive power", "var"),
        ("apparent_power", 9, "apparent power", "VA"),
        ("apparent_power_export", 10, "apparent power", "VA"),
        ("power_factor", 13, "power factor", ""),
    ):
        yield _entry(name, group_c, "7.0", quantity, unit)
        for number, phase in enumerate(_PHASES, start=1):
            yield _entry(f"{name}_{phase}", group_c + 20 * number, "7.0", quantity, unit)


def _angles() -> Iterator[CatalogueEntry]:
    """C = 81: group E is the angle to one vector (tens) from another (units).

    0, 1, 2 are the voltages and 4, 5, 6 the currents of L1, L2, L3.
    """
    for name, group_e in (
        ("voltage_angle_l2", 1),
        ("voltage_angle_l3", 2),
        ("phase_angle_l1", 4),
        ("phase_angle_l2", 15),
        ("phase_angle_l3", 26),
    ):
        yield _entry(name, 81, f"7.{group_e}", "phase angle", "°")


def _energies() -> Iterator[CatalogueEntry]:
    """D = 8: time integrals; group E is the tariff, 0 for all."""
    for name, group_c, quantity, unit in (
        ("active_energy", 1, "active energy", "Wh"),
        ("active_energy_export", 2, "active energy", "Wh"),
        ("reactive_energy", 3, "reactive energy", "varh"),
        ("reactive_energy_export", 4, "reactive energy", "varh"),
        ("apparent_energy", 9, "apparent energy", "VAh"),
        ("apparent_energy_export", 10, "apparent energy", "VAh"),
    ):
        yield _entry(name, group_c, "8.0", quantity, unit)
        for number, phase in enumerate(_PHASES, start=1):
            yield _entry(f"{name}_{phase}", group_c + 20 * number, "8.0", quantity, unit)
        for tariff in _TARIFFS:
            yield _entry(f"{name}_t{tariff}", group_c, f"8.{tariff}", quantity, unit)
    for quadrant in (1, 2, 3, 4):
        name = f"reactive_energy_q{quadrant}"
        yield _entry(name, 4 + quadrant, "8.0", "reactive energy", "varh")


_ENTRIES: Final = {
    entry.name: entry for part in (_instantaneous(), _angles(), _energies()) for entry in part
}

NAMES: Final = tuple(_ENTRIES)


def lookup(name: str) -> CatalogueEntry | None:
    """The measurement of this name, None if the catalogue has none."""
    return _ENTRIES.get(name)


def near(name: str) -> tuple[str, ...]:
    """Up to three names that are spelled much like this one, the likeliest first."""
    return tuple(difflib.get_close_matches(name, NAMES))

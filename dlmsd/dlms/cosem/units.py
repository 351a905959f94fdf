"""Physical units: the enum of ``scaler_unit`` (Blue Book, Register; IEC 62056-6-2 table 4)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from attrs import frozen


@frozen
class Unit:
    """``symbol`` is what is published: SI's where SI has one, empty for a plain number."""

    code: int
    symbol: str
    quantity: str


# Codes between these are reserved. Those from 128 on (inch, pound and their like) are left
# out: no electricity meter uses them.
_TABLE: Final = (
    Unit(1, "a", "time"),
    Unit(2, "mo", "time"),
    Unit(3, "wk", "time"),
    Unit(4, "d", "time"),
    Unit(5, "h", "time"),
    Unit(6, "min", "time"),
    Unit(7, "s", "time"),
    Unit(8, "°", "phase angle"),
    Unit(9, "°C", "temperature"),
    Unit(10, "currency", "local currency"),
    Unit(11, "m", "length"),
    Unit(12, "m/s", "speed"),
    Unit(13, "m³", "volume"),
    Unit(14, "m³", "corrected volume"),
    Unit(15, "m³/h", "volume flux"),
    Unit(16, "m³/h", "corrected volume flux"),
    Unit(17, "m³/d", "volume flux"),
    Unit(18, "m³/d", "corrected volume flux"),
    Unit(19, "l", "volume"),
    Unit(20, "kg", "mass"),
    Unit(21, "N", "force"),
    Unit(22, "Nm", "energy"),
    Unit(23, "Pa", "pressure"),
    Unit(24, "bar", "pressure"),
    Unit(25, "J", "energy"),
    Unit(26, "J/h", "thermal power"),
    Unit(27, "W", "active power"),
    Unit(28, "VA", "apparent power"),
    Unit(29, "var", "reactive power"),
    Unit(30, "Wh", "active energy"),
    Unit(31, "VAh", "apparent energy"),
    Unit(32, "varh", "reactive energy"),
    Unit(33, "A", "current"),
    Unit(34, "C", "electrical charge"),
    Unit(35, "V", "voltage"),
    Unit(36, "V/m", "electric field strength"),
    Unit(37, "F", "capacitance"),
    Unit(38, "Ω", "resistance"),
    Unit(39, "Ωm²/m", "resistivity"),
    Unit(40, "Wb", "magnetic flux"),
    Unit(41, "T", "magnetic flux density"),
    Unit(42, "A/m", "magnetic field strength"),
    Unit(43, "H", "inductance"),
    Unit(44, "Hz", "frequency"),
    Unit(45, "1/(Wh)", "active energy meter constant or pulse value"),
    Unit(46, "1/(varh)", "reactive energy meter constant or pulse value"),
    Unit(47, "1/(VAh)", "apparent energy meter constant or pulse value"),
    Unit(48, "V²h", "volt-squared hours"),
    Unit(49, "A²h", "ampere-squared hours"),
    Unit(50, "kg/s", "mass flux"),
    Unit(51, "S", "conductance"),
    Unit(52, "K", "temperature"),
    Unit(53, "1/(V²h)", "volt-squared hour meter constant or pulse value"),
    Unit(54, "1/(A²h)", "ampere-squared hour meter constant or pulse value"),
    Unit(55, "1/m³", "volume meter constant or pulse value"),
    Unit(56, "%", "percentage"),
    Unit(57, "Ah", "ampere-hours"),
    Unit(60, "Wh/m³", "energy per volume"),
    Unit(61, "J/m³", "calorific value"),
    Unit(62, "Mol %", "molar fraction of gas composition"),
    Unit(63, "g/m³", "mass density"),
    Unit(64, "Pa s", "dynamic viscosity"),
    Unit(65, "J/kg", "specific energy"),
    Unit(66, "g/cm²", "pressure"),
    Unit(67, "atm", "pressure"),
    Unit(70, "dBm", "signal strength"),
    Unit(71, "dBµV", "signal strength"),
    Unit(72, "dB", "logarithmic ratio"),
    Unit(254, "", "other"),
    Unit(255, "", "count"),
)

UNITS: Final[Mapping[int, Unit]] = MappingProxyType({each.code: each for each in _TABLE})


def unit(code: int) -> Unit | None:
    """The unit with this code, None for a reserved one."""
    return UNITS.get(code)


# Units that take SI prefixes; a prefix before m³ would have to be cubed, so it is not here.
_ELECTRIC: Final = ("W", "VA", "var", "Wh", "VAh", "varh", "V", "A", "Ah", "V2h", "A2h", "Hz", "Ω")
_PHYSICAL: Final = ("F", "H", "T", "Wb", "C", "S", "J", "N", "Nm", "Pa", "bar", "K", "g", "m", "s")
_PREFIXABLE: Final = frozenset((*_ELECTRIC, *_PHYSICAL, "l"))
# As NFKC writes them: micro is the Greek letter.
_PREFIXES: Final = {
    "p": -12,
    "n": -9,
    "μ": -6,
    "u": -6,
    "m": -3,
    "c": -2,
    "d": -1,
    "": 0,
    "h": 2,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
}


def _plain(symbol: str) -> str:
    """One spelling for all: ``m3`` and ``m³``, ``Ohm`` and both signs of it, ``degC``."""
    text = unicodedata.normalize("NFKC", symbol.strip())
    for spelling, meant in (("Ohm", "Ω"), ("ohm", "Ω"), ("deg", "°")):
        text = text.replace(spelling, meant)
    return text


def _split(symbol: str) -> tuple[str, int]:
    """The unit without its prefix, and the prefix's power of ten."""
    if symbol not in _PREFIXABLE:
        for prefix, power in _PREFIXES.items():
            if prefix and symbol.startswith(prefix) and symbol[len(prefix) :] in _PREFIXABLE:
                return symbol[len(prefix) :], power
    return symbol, 0


def quantity(symbol: str) -> str:
    """What a unit measures, however it is prefixed and spelt; empty if that is not known."""
    base, _ = _split(_plain(symbol))
    return next((each.quantity for each in _TABLE if base and _plain(each.symbol) == base), "")


def conversion(meter_unit_symbol: str, wanted_symbol: str) -> Decimal | None:
    """What a value in the meter's unit is multiplied by to be in the wanted one; exact.

    Only SI prefixes of one unit are converted (Wh to kWh: 0.001). None when the two are
    not the same unit.
    """
    unit_sent, power_sent = _split(_plain(meter_unit_symbol))
    unit_wanted, power_wanted = _split(_plain(wanted_symbol))
    if unit_sent != unit_wanted:
        return None
    return Decimal(10) ** (power_sent - power_wanted)

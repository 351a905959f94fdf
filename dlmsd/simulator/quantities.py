"""The registers of a virtual meter: which OBIS code holds what, in which type and unit.

Value groups C, D and E; A is 1, and B is any of :data:`CHANNELS`, with the same values in
each. Units are codes of class 3, attribute 3 (Blue Book, ``scal_unit_type``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from attrs import frozen

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.simulator.curves import PHASES, Wave
from dlmsd.simulator.supply import Supply

Measured: TypeAlias = Callable[[Supply, float], float]
Direction: TypeAlias = Callable[[Supply], Sequence[Wave]]

# Microstar counts its channels from 1, most others use 0.
CHANNELS: Final = (0, 1)

DEGREE: Final = 8
WATT: Final = 27
VOLT_AMPERE: Final = 28
VAR: Final = 29
WATT_HOUR: Final = 30
VOLT_AMPERE_HOUR: Final = 31
VAR_HOUR: Final = 32
AMPERE: Final = 33
VOLT: Final = 35
HERTZ: Final = 44
NO_UNIT: Final = 255

_ALL: Final = slice(None)
# How the energy of a life is spread over tariffs 1 to 4.
_TARIFFS: Final = (0.5, 0.3, 0.15, 0.05)


@frozen
class Quantity:
    """``measured`` is in the unit itself; the register holds it divided by 10**scaler."""

    group: tuple[int, int, int]
    tag: Tag
    scaler: int
    unit: int
    measured: Measured

    def raw(self, supply: Supply, t: float) -> Data:
        """The register's value at Unix seconds ``t``, cut to its digits as meters do."""
        return Data(self.tag, math.floor(self.measured(supply, t) / 10.0**self.scaler))

    @property
    def scaler_unit(self) -> Data:
        """Attribute 3."""
        return Data(Tag.STRUCTURE, (Data(Tag.INTEGER, self.scaler), Data(Tag.ENUM, self.unit)))


def _import(supply: Supply) -> Sequence[Wave]:
    return supply.curves.imports


def _export(supply: Supply) -> Sequence[Wave]:
    return supply.curves.exports


def _power(direction: Direction, phases: slice = _ALL) -> Measured:
    return lambda supply, t: supply.power(direction(supply)[phases], t)


def _energy(direction: Direction, phases: slice = _ALL) -> Measured:
    return lambda supply, t: supply.energy(direction(supply)[phases], t)


def _reactive(active: Measured) -> Measured:
    return lambda supply, t: active(supply, t) * math.tan(supply.curves.angle)


def _apparent(active: Measured) -> Measured:
    return lambda supply, t: active(supply, t) / math.cos(supply.curves.angle)


def _part(whole: Measured, share: float) -> Measured:
    return lambda supply, t: whole(supply, t) * share


def _constant(value: float) -> Measured:
    return lambda supply, t: value


def _voltage(phase: int) -> Measured:
    return lambda supply, t: supply.curves.voltage(phase, t)


def _current(phase: int) -> Measured:
    return lambda supply, t: supply.current(phase, t)


def _neutral(supply: Supply, t: float) -> float:
    """What three unlike phases leave over, without their angles."""
    currents = [supply.current(phase, t) for phase in range(PHASES)]
    return max(currents) - min(currents)


def _factor(supply: Supply, t: float) -> float:
    return math.cos(supply.curves.angle)


def _lag(supply: Supply, t: float) -> float:
    return math.degrees(supply.curves.angle)


def _sums(first: int, phases: slice) -> Iterator[Quantity]:
    """What exists for all phases together (``first`` 0) and for each (20, 40, 60)."""
    long, long64 = Tag.DOUBLE_LONG_UNSIGNED, Tag.LONG64_UNSIGNED
    for c, direction in ((1, _import), (2, _export)):
        watts, watt_hours = _power(direction, phases), _energy(direction, phases)
        yield Quantity((first + c, 7, 0), long, 0, WATT, watts)
        yield Quantity((first + c + 2, 7, 0), long, 0, VAR, _reactive(watts))
        yield Quantity((first + c + 8, 7, 0), long, 0, VOLT_AMPERE, _apparent(watts))
        yield Quantity((first + c, 8, 0), long64, 0, WATT_HOUR, watt_hours)
        yield Quantity((first + c + 2, 8, 0), long64, 0, VAR_HOUR, _reactive(watt_hours))
        yield Quantity((first + c + 8, 8, 0), long64, 0, VOLT_AMPERE_HOUR, _apparent(watt_hours))
    yield Quantity((first + 13, 7, 0), Tag.LONG, -3, NO_UNIT, _factor)


def _phase(phase: int) -> Iterator[Quantity]:
    """What exists for one phase only."""
    first = 20 * (phase + 1)
    yield Quantity((first + 12, 7, 0), Tag.LONG_UNSIGNED, -1, VOLT, _voltage(phase))
    yield Quantity((first + 11, 7, 0), Tag.DOUBLE_LONG_UNSIGNED, -3, AMPERE, _current(phase))
    yield from _sums(first, slice(phase, phase + 1))
    # 81.7.x: voltages are vectors 0, 1, 2, currents are 4, 5, 6.
    angle = _constant(120.0 * phase)
    if phase:
        yield Quantity((81, 7, phase), Tag.LONG, -1, DEGREE, angle)
        yield Quantity((81, 7, 10 * phase), Tag.LONG, -1, DEGREE, angle)
    yield Quantity((81, 7, 11 * phase + 4), Tag.LONG, -1, DEGREE, _lag)


def _all_phases() -> Iterator[Quantity]:
    yield from _sums(0, _ALL)
    yield Quantity(
        (14, 7, 0), Tag.LONG_UNSIGNED, -2, HERTZ, lambda supply, t: supply.curves.frequency.at(t)
    )
    yield Quantity((91, 7, 0), Tag.DOUBLE_LONG_UNSIGNED, -3, AMPERE, _neutral)
    both = (_power(_import), _power(_export))
    yield Quantity(
        (15, 7, 0),
        Tag.DOUBLE_LONG_UNSIGNED,
        0,
        WATT,
        lambda supply, t: sum(each(supply, t) for each in both),
    )
    energies = (
        (1, WATT_HOUR, _energy(_import)),
        (2, WATT_HOUR, _energy(_export)),
        (3, VAR_HOUR, _reactive(_energy(_import))),
        (4, VAR_HOUR, _reactive(_energy(_export))),
        (9, VOLT_AMPERE_HOUR, _apparent(_energy(_import))),
        (10, VOLT_AMPERE_HOUR, _apparent(_energy(_export))),
    )
    for c, unit, whole in energies:
        for tariff, share in enumerate(_TARIFFS, start=1):
            yield Quantity((c, 8, tariff), Tag.LONG64_UNSIGNED, 0, unit, _part(whole, share))
    # Imported current lags (quadrant 1), exported too (quadrant 3).
    quadrants = (_reactive(_energy(_import)), _NOTHING, _reactive(_energy(_export)), _NOTHING)
    for c, measured in enumerate(quadrants, start=5):
        yield Quantity((c, 8, 0), Tag.LONG64_UNSIGNED, 0, VAR_HOUR, measured)


_NOTHING: Final = _constant(0.0)

QUANTITIES: Final = (*_all_phases(), *(one for phase in range(PHASES) for one in _phase(phase)))
"""Class 3, registers."""

MAXIMUM_DEMAND: Final = Quantity(
    (1, 6, 0), Tag.DOUBLE_LONG_UNSIGNED, 0, WATT, lambda supply, t: supply.curves.ceiling
)
"""Class 4, an extended register."""

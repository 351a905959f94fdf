"""What a virtual meter measures, as functions of the wall time.

Every curve is a sum of sine waves, so it is smooth, differs from meter to meter, needs no
state, and has an exact integral: a power's energy never runs backwards, and any instant
gives the same values again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Final

from attrs import frozen

DAY: Final = 86400.0
PHASES: Final = 3

# 1 January 2020, when all virtual meters were installed; Unix seconds.
INSTALLED: Final = 1577836800.0

_TURN: Final = 2 * math.pi


@frozen
class Ripple:
    """One sine wave: its share of the base, its period in seconds, its phase in radians."""

    depth: float
    period: float
    phase: float


@frozen
class Wave:
    """``base * (1 + ripples)``; depths that sum up to less than 1 keep it positive."""

    base: float
    ripples: tuple[Ripple, ...]

    def at(self, t: float) -> float:
        """Its value at Unix seconds ``t``."""
        return self.base * (
            1 + sum(r.depth * math.sin(_TURN * t / r.period + r.phase) for r in self.ripples)
        )

    def integral(self, start: float, end: float) -> float:
        """The area from ``start`` to ``end``, in units times seconds."""
        area = end - start
        for r in self.ripples:
            turned = math.cos(_TURN * start / r.period + r.phase) - math.cos(
                _TURN * end / r.period + r.phase
            )
            area += r.depth * r.period / _TURN * turned
        return self.base * area

    @property
    def ceiling(self) -> float:
        """What it never exceeds."""
        return self.base * (1 + sum(abs(r.depth) for r in self.ripples))


def share(seed: int, index: int, *labels: object) -> float:
    """A number from 0 to 1 that belongs to these arguments for ever."""
    text = "/".join(str(part) for part in (seed, index, *labels))
    octets = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(octets, "big") / (1 << 64)


@frozen
class Curves:
    """One meter's installation: volts, imported and exported watts by phase, hertz.

    ``angle`` is how far current lags behind voltage, in radians, the same in all phases.
    """

    voltages: tuple[Wave, ...]
    imports: tuple[Wave, ...]
    exports: tuple[Wave, ...]
    frequency: Wave
    angle: float

    @classmethod
    def of(cls, seed: int, index: int) -> Curves:
        """Those of meter ``index``: no two alike, but all of them plausible."""
        make = _Maker(seed, index)
        size = 2000 + 10000 * make.share("size")
        phases = range(PHASES)
        loads = [size / PHASES * (0.8 + 0.4 * make.share("part", phase)) for phase in phases]
        return cls(
            tuple(
                make.wave(f"volts{phase}", 229 + 2 * make.share("volts", phase), *_VOLTAGE)
                for phase in phases
            ),
            tuple(make.daily(f"load{phase}", loads[phase], 0.4, 19, *_LOAD) for phase in phases),
            tuple(
                make.daily(f"roof{phase}", size / 10 / PHASES, 0.75, 12, *_ROOF) for phase in phases
            ),
            make.wave("frequency", 50, *_FREQUENCY),
            math.acos(0.90 + 0.09 * make.share("factor")),
        )

    def voltage(self, phase: int, t: float) -> float:
        """V, phase 0 to 2."""
        return self.voltages[phase].at(t)

    def current(self, phase: int, t: float) -> float:
        """A, from imported power, voltage and power factor."""
        return self.imports[phase].at(t) / (self.voltage(phase, t) * math.cos(self.angle))

    def demand(self, start: float, end: float) -> float:
        """Mean imported W of all phases from ``start`` to ``end``."""
        return sum(wave.integral(start, end) for wave in self.imports) / (end - start)

    @property
    def ceiling(self) -> float:
        """W that no demand exceeds."""
        return sum(wave.ceiling for wave in self.imports)


def power(waves: Iterable[Wave], t: float) -> float:
    """W of these together."""
    return sum(wave.at(t) for wave in waves)


def energy(waves: Iterable[Wave], t: float) -> float:
    """Wh of these since the meter was installed; before that, zero."""
    end = max(t, INSTALLED)
    return sum(wave.integral(INSTALLED, end) for wave in waves) / 3600


# Depths and periods in seconds, besides the course of a day.
_VOLTAGE: Final = ((0.008, DAY), (0.003, 613.0), (0.002, 47.0), (0.0005, 7.0))
_LOAD: Final = ((0.2, DAY / 2), (0.1, 1800.0), (0.08, 431.0), (0.05, 73.0))
_ROOF: Final = ((0.15, 2700.0), (0.04, 97.0))
_FREQUENCY: Final = ((0.0004, 900.0), (0.0003, 127.0), (0.0002, 19.0))


@frozen
class _Maker:
    """Makes the waves of one meter."""

    seed: int
    index: int

    def share(self, *labels: object) -> float:
        return share(self.seed, self.index, *labels)

    def wave(self, name: str, base: float, *parts: tuple[float, float]) -> Wave:
        return Wave(base, self._ripples(name, parts))

    def daily(
        self, name: str, base: float, depth: float, hour: float, *parts: tuple[float, float]
    ) -> Wave:
        """With a daily peak that is within two hours of ``hour``, UTC."""
        peak = hour + 4 * self.share(name, "peak") - 2
        course = Ripple(depth, DAY, math.pi / 2 - _TURN * peak / 24)
        return Wave(base, (course, *self._ripples(name, parts)))

    def _ripples(self, name: str, parts: Iterable[tuple[float, float]]) -> tuple[Ripple, ...]:
        return tuple(
            Ripple(depth, period, _TURN * self.share(name, period)) for depth, period in parts
        )

"""What the virtual meters answered, and when."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from attrs import define, field

from dlmsd.simulator.record import Entry


@define
class _Register:
    """The raw values of one, in the order in which they were answered."""

    times: list[float] = field(factory=list)
    raws: list[str] = field(factory=list)
    ever: set[str] = field(factory=set)

    def add(self, t: float, raw: str) -> None:
        self.times.append(t)
        self.raws.append(raw)
        self.ever.add(raw)

    def between(self, start: float, end: float) -> list[str]:
        return self.raws[bisect_left(self.times, start) : bisect_right(self.times, end)]


class Answers:
    """``obis`` gives the OBIS code of each measurement; ``around`` is how far from a reading's
    time its values may have been answered, in seconds.

    ``true`` gives the time of a timestamp, by the clock of the meters' record, where the clock
    of the host is right about it, else None: then any answer will do.
    """

    def __init__(
        self, obis: Mapping[str, str], around: float, true: Callable[[int], float | None]
    ) -> None:
        self._obis = obis
        self._around = around
        self._true = true
        self._registers: dict[tuple[str, str], _Register] = defaultdict(_Register)
        self._scalers: dict[tuple[str, str], int] = {}
        self.dated = 0

    def take(self, entry: Entry) -> None:
        """A meter has answered."""
        for obis, attribute, raw in entry.results:
            if raw is None:
                continue
            if attribute == 2:
                self._registers[entry.meter, obis].add(entry.t, raw)
            elif attribute == 3:
                self._scalers[entry.meter, obis] = int(raw.strip("[]").split(",")[0])

    def wrong(self, meter: str, ts: int, values: Mapping[str, Any]) -> str:
        """Which value of a reading its meter has not answered then; "" if it has all."""
        at = self._true(ts)
        self.dated += at is not None
        for key, value in values.items():
            raw = self._raw(meter, key, value)
            register = self._registers[meter, self._obis.get(key, "")]
            if raw not in register.ever:
                return f"{key} = {value} was never answered"
            if at is not None and raw not in register.between(at - self._around, at + self._around):
                return f"{key} = {value} was not answered within {self._around} s of {ts}"
        return ""

    def _raw(self, meter: str, key: str, value: Any) -> str:
        """As the meter has it; as it is, where that is no whole number."""
        scaler = self._scalers.get((meter, self._obis.get(key, "")))
        assert isinstance(value, Decimal)
        if scaler is None:
            return ""
        raw = value.scaleb(-scaler)
        return str(int(raw)) if raw == raw.to_integral_value() else str(raw)

"""What a meter gave, as readings: each gets its time, is committed, and is told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from dlmsd.config.values import MeterOptions
from dlmsd.meter.account import Account
from dlmsd.meter.cycle import Cycle
from dlmsd.meter.gaps import GapKeeper, Moment
from dlmsd.model import GapStart, Reading, Value


class Commit(Protocol):
    """The outbox's, for these sinks; a reading counts as good when its Deferred fires."""

    def __call__(
        self, reading: Reading, sinks: Sequence[str], behind: GapStart | None = None, /
    ) -> Deferred[None]: ...


class Harvest:
    """Of one meter. ``last_ts`` is the newest timestamp that the store has (ms, 0 for none), so
    that a clock set back never reuses one.
    """

    def __init__(
        self,
        options: MeterOptions,
        cycle: Cycle,
        account: Account,
        gaps: GapKeeper | None,
        *,
        commit: Commit,
        last_ts: int,
    ) -> None:
        self._options = options
        self._cycle = cycle
        self._account = account
        self._gaps = gaps
        self._commit = commit
        self._last_ts = last_ts

    def read(self, values: Mapping[str, Value], began: float, seconds: float) -> None:
        """By a cycle that began then (Unix seconds); a register's time is the middle of request
        and answer."""
        at = began + seconds / 2
        reading = self._reading(values, at)
        moment = behind = None
        if self._gaps is not None:
            moment = self._gaps.moment(int(at * 1000), seconds / 2)
            behind = self._gaps.expect(moment)
        self._commit(reading, self._options.sinks, behind).addCallbacks(
            self._committed,
            self._account.unkept,
            callbackArgs=(reading, seconds, self._account.troubles, moment),
        )

    def told(self, values: Mapping[str, Value], at: float) -> None:
        """Unasked, then (Unix seconds)."""
        reading = self._reading(values, at)
        self._commit(reading, self._options.sinks).addCallbacks(
            self._account.told, self._account.unkept, callbackArgs=(reading,)
        )

    def _reading(self, values: Mapping[str, Value], at: float) -> Reading:
        self._last_ts = max(int(at * 1000), self._last_ts + 1)
        return Reading(self._options.name, self._last_ts, values)

    def _committed(
        self, _: None, reading: Reading, seconds: float, troubles: int, moment: Moment | None
    ) -> None:
        cycle = self._cycle
        self._account.good(
            reading,
            seconds,
            troubles,
            units=cycle.units,
            absent=cycle.absent,
            scales_kept=cycle.scales_kept,
            scales_asked=cycle.scales_asked,
        )
        if self._gaps is not None and moment is not None:
            self._gaps.read(moment)

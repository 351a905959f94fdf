"""Histories made by hand, for rules."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.board import Board
from dlmsd.model import MeterState, MeterStatus, SinkState, SinkStatus
from dlmsd.watch.aftermath import Aftermath
from dlmsd.watch.examine import examine
from dlmsd.watch.finding import Finding
from dlmsd.watch.history import History

WALL = 1_800_000_000.0
METER = MeterStatus("a", "h:1", "p", 10.0, MeterState.READING, good=1)
SINK = SinkStatus("tb", "mqtt", "mqtt://b", SinkState.CONNECTED, connections=1, connected=1)


class RuleCase(SynchronousTestCase):
    """``post`` statuses, let time ``pass_``, and look at what is ``found``."""

    def setUp(self) -> None:
        self.now = 1000.0
        self.board = Board()
        self.history = History(self.board)
        self.board.subscribe(lambda status: self.history.posted(status, self.now))

    def post(self, *statuses: Any) -> None:
        for status in statuses:
            self.board.post(status)

    def pass_(self, seconds: float) -> None:
        self.now += seconds

    def found(self) -> list[Finding]:
        return examine(self.history, Aftermath(), self.now, WALL)

    def rules(self) -> list[str]:
        return [one.rule for one in self.found()]

    def only(self) -> Finding:
        (finding,) = self.found()
        return finding

    def read(self, status: MeterStatus = METER, times: int = 1, **changes: Any) -> MeterStatus:
        """Good cycles, ten seconds apart."""
        for _ in range(times):
            self.pass_(10)
            status = evolve(status, good=status.good + 1, **changes)
            self.post(status)
        return status

    def fail_(self, status: MeterStatus, times: int, **changes: Any) -> MeterStatus:
        """Failed cycles, ten seconds apart."""
        for _ in range(times):
            self.pass_(10)
            status = evolve(
                status,
                state=MeterState.DOWN,
                failed=status.failed + 1,
                error="no",
                error_ts=int(self.now * 1000),
                **changes,
            )
            self.post(status)
        return status

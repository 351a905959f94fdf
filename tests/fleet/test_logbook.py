"""What is told of connections becomes a row for each end of one."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.task import Clock

from dlmsd.errors import StoreError
from dlmsd.fleet.board import Board
from dlmsd.fleet.logbook import Logbook
from dlmsd.model import Gone, Link, MeterState, MeterStatus
from dlmsd.standing import Rung, Standing
from dlmsd.store.disconnects import Disconnect
from tests.store.registry_case import RegistryCase

METER = MeterStatus("a", "h:1", "p", 5.0, MeterState.READING)
LOST = evolve(METER, state=MeterState.CONNECTING, error="closed by the meter", cause="closed")
UP = Link("tb", "", True)
DOWN = Link("tb", "", False, "the broker closed", "takeover", ("3 closes",))


class LogbookTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.board = Board()
        self.done(self.registry.configured(["a", "b"]))
        self.begin()

    def begin(self) -> None:
        self.logbook = Logbook(self.board, self.registry, clock=self.clock, wall=lambda: self.now)
        self.done(self.logbook.start())

    def end(self) -> None:
        self.done(self.logbook.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.clock.advance(seconds)

    def rows(self, **asked: Any) -> list[Disconnect]:
        return list(self.done(self.registry.disconnects.list(**asked)))

    def test_a_meter_that_is_away_for_a_while(self) -> None:
        self.board.post(METER)
        self.pass_(60)
        began = int(self.now * 1000)
        self.board.post(evolve(LOST, standing=Standing(Rung.CONNECTING, errors=3, losses=2)))
        self.pass_(1)
        (row,) = self.rows()
        self.assertEqual((row.sink, row.meter, row.at), ("", self.registry.ids["a"], began))
        self.assertEqual((row.cause, row.message), ("closed", "closed by the meter"))
        self.assertEqual((row.stood, row.over_at), (60_000, None))
        self.assertEqual(
            row.evidence,
            ("3 failures since the last good reading", "2 associations lost within an hour"),
        )
        self.board.post(evolve(LOST, cause="refused", error="connection refused"))
        self.pass_(9)
        self.board.post(evolve(METER, state=MeterState.ASSOCIATING))
        self.board.post(METER)
        self.pass_(1)
        (row,) = self.rows()
        self.assertEqual((row.cause, row.attempts), ("refused", 1))
        self.assertEqual((row.over_at, row.back), (began + 10_000, True))
        self.end()

    def test_a_cycle_that_fails_on_a_connection_that_stands_is_none(self) -> None:
        self.board.post(METER)
        self.board.post(evolve(LOST, state=MeterState.DOWN))
        self.board.post(evolve(METER, state=MeterState.CONNECTING))
        self.pass_(2)
        self.assertEqual(self.rows(), [])
        self.end()

    def test_sinks(self) -> None:
        self.logbook.linked(UP)
        self.pass_(5)
        self.logbook.linked(evolve(DOWN, cause="unknown", evidence=()))
        self.pass_(2)
        self.logbook.linked(evolve(DOWN, cause="unreachable", evidence=("refused",)))
        self.logbook.linked(evolve(UP, cause="takeover", evidence=("2 closes",)))
        self.pass_(2)
        self.logbook.linked(Link("tb", "b", False, "refused", "credentials"))
        self.pass_(2)
        first, second = reversed(self.rows())
        self.assertEqual((first.sink, first.meter, first.stood), ("tb", 0, 5000))
        self.assertEqual((first.cause, first.evidence), ("takeover", ("2 closes",)))
        self.assertEqual((first.over_at, first.back), (first.at + 2000, True))
        self.assertEqual((second.meter, second.stood), (self.registry.ids["b"], None))
        self.end()

    def test_what_nobody_wants_any_more(self) -> None:
        for index, leave in enumerate(
            (Gone("meter", "a"), Gone("sink", "tb"), evolve(METER, state=MeterState.INACTIVE))
        ):
            self.logbook.linked(evolve(DOWN, meter="a"))
            self.board.post(LOST)
            self.pass_(3)
            self.board.post(leave)
            self.pass_(3)
            self.board.post(Gone("sink", "tb"))
            self.board.post(Gone("meter", "a"))
            self.pass_(3)
            found = self.rows()
            self.assertEqual(len(found), 2 * (index + 1))
            self.assertEqual({one.back for one in found}, {False})
            self.assertNotIn(None, [one.over_at for one in found])
        self.end()

    def test_what_lasts_over_a_restart(self) -> None:
        self.logbook.linked(DOWN)
        self.board.post(LOST)
        self.end()
        self.pass_(100)
        self.begin()
        self.logbook.linked(DOWN)
        self.logbook.linked(UP)
        self.board.post(METER)
        self.end()
        found = self.rows()
        self.assertEqual(len(found), 2)
        self.assertEqual({(one.over_at or 0) - one.at for one in found}, {100_000})

    def test_a_store_that_fails_loses_none(self) -> None:
        write = self.registry.disconnects.write

        async def failing(rows: object) -> None:
            raise StoreError("full")

        self.registry.disconnects.write = failing  # type: ignore[method-assign,assignment]
        self.logbook.linked(DOWN)
        self.pass_(5)
        self.logbook.linked(UP)
        self.pass_(5)
        self.registry.disconnects.write = write  # type: ignore[method-assign]
        self.pass_(1)
        self.assertEqual([one.back for one in self.rows()], [True])
        self.end()

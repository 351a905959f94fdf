"""What is posted on the board becomes a row for each meter and minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from dlmsd.errors import StoreError
from dlmsd.fleet.board import Board
from dlmsd.fleet.collector import Accounts, Collector
from dlmsd.fleet.door import OTHERS
from dlmsd.model import Gone, MeterState, MeterStatus
from dlmsd.store.metrics import Figures, Span
from tests.store.registry_case import RegistryCase

METER = MeterStatus("a", "h:1", "p", 5.0, MeterState.READING)


@frozen
class Owed:
    delivered: int = 0
    queued: int = 0


class CollectorTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.board = Board()
        self.owed: dict[tuple[str, str], Owed] = {}
        self.begin()

    def begin(self) -> None:
        self.collector = Collector(
            self.board, self.registry, self.accounts, clock=self.clock, wall=lambda: self.now
        )
        self.done(self.collector.start())

    async def accounts(self) -> Accounts:
        return self.owed

    def pass_(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1
            self.clock.advance(1)

    def rows(self, name: str = "a", span: Span = Span.MINUTE) -> list[Figures]:
        number = self.registry.ids.get(name, 0)
        found = self.done(self.registry.metrics.of(number, span, 0, int(self.now * 1000) + 1))
        return [row.figures for row in found]

    def end(self) -> None:
        self.done(self.collector.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_minute(self) -> None:
        self.board.post(evolve(METER, connects=1, requests=2, octets_out=90))
        for good, seconds in ((1, 0.25), (2, 0.75), (3, 0.5)):
            self.board.post(evolve(METER, good=good, connects=1, cycle_seconds=seconds))
        self.board.post(
            evolve(
                METER,
                good=3,
                failed=1,
                connects=2,
                requests=9,
                responses=8,
                octets_in=700,
                scales_kept=12,
                scales_asked=4,
            )
        )
        self.collector.published("a", 120)
        self.collector.published("a", 80)
        self.owed["a", "tb"] = Owed(2, 1)
        self.owed["a", "local"] = Owed(3, 4)
        self.pass_(60)
        (figures,) = self.rows()
        self.assertEqual(
            figures,
            Figures(
                good=3,
                failed=1,
                timed=3,
                read_ms=1500,
                least_ms=250,
                most_ms=750,
                connects=2,
                dlms_requests=11,
                dlms_responses=8,
                dlms_octets_out=90,
                dlms_octets_in=700,
                mqtt_messages=2,
                mqtt_octets=200,
                delivered=5,
                queued=5,
                scales_kept=12,
                scales_asked=4,
            ),
        )
        self.assertEqual(figures.average_ms, 500.0)
        self.end()

    def test_wrong_tokens_are_noted_by_address(self) -> None:
        for number in range(30):
            for _ in range(2):
                self.board.door.refused(f"10.0.0.{number}")
        self.pass_(60)
        self.pass_(60)
        rows = self.done(self.registry.audit.list())
        self.assertEqual(len(rows), 21)
        told = {one.subject: one.detail for one in rows if one.action == "login refused"}
        self.assertEqual(told["10.0.0.7"], "2 wrong tokens within a minute")
        self.assertEqual(told[OTHERS], "20 wrong tokens within a minute")
        self.end()

    def test_each_row_has_only_what_is_new_and_a_quiet_meter_none(self) -> None:
        self.owed["a", "tb"] = Owed(1000, 0)
        self.end()
        self.begin()
        for good in (1, 2, 2, 4):
            self.board.post(evolve(METER, good=good))
            self.owed["a", "tb"] = Owed(1000 + good, 0)
            self.pass_(60)
        self.assertEqual(
            [(one.good, one.delivered) for one in self.rows()], [(1, 1), (1, 1), (2, 2)]
        )
        self.end()

    def test_a_meter_that_was_started_again_counts_from_0(self) -> None:
        self.board.post(evolve(METER, good=50))
        self.board.post(METER)
        self.board.post(evolve(METER, good=3))
        self.pass_(60)
        self.assertEqual(self.rows()[0].good, 53)
        self.board.post(Gone("meter", "a"))
        self.board.post(evolve(METER, good=4))
        self.pass_(60)
        self.assertEqual(self.rows()[1].good, 4)
        self.end()

    def test_a_stop_writes_what_there_is_of_the_minute(self) -> None:
        self.pass_(10)
        self.board.post(evolve(METER, good=2))
        self.end()
        self.begin()
        self.board.post(evolve(METER, good=1))
        self.pass_(60)
        self.assertEqual(sum(one.good for one in self.rows()), 3)
        self.end()

    def test_a_wall_clock_that_jumps_costs_no_row(self) -> None:
        self.board.post(evolve(METER, good=1))
        self.pass_(30)
        self.now -= 7 * 86_400
        self.board.post(evolve(METER, good=2))
        self.pass_(90)
        self.now += 14 * 86_400
        self.board.post(evolve(METER, good=3))
        self.pass_(90)
        self.assertEqual(self.look("SELECT sum(good) FROM metrics WHERE span = 86400000"), [(3,)])
        self.end()

    def test_a_file_that_refuses(self) -> None:
        self.patch(self.registry.metrics, "write", self.refuse)
        self.board.post(evolve(METER, good=1))
        self.pass_(180)
        del self.registry.metrics.write
        self.board.post(evolve(METER, good=2))
        self.pass_(60)
        self.assertEqual([one.good for one in self.rows()], [1])
        self.end()

    async def refuse(self, at: int, figures: Sequence[Any]) -> None:
        raise StoreError("no")

    def test_sweeps_once_an_hour(self) -> None:
        self.done(self.registry.health.add(0, "{}"))
        self.now += 91 * 86_400
        self.pass_(60)
        self.assertEqual(self.look("SELECT count(*) FROM health"), [(0,)])
        self.end()

    @given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 5)), max_size=30))
    @settings(max_examples=30)
    def test_nothing_is_counted_twice_or_lost(self, steps: list[tuple[int, int]]) -> None:
        self.look("DELETE FROM metrics")  # of the example before
        self.board.post(METER)
        self.collector._meters.clear()
        good = total = 0
        for seconds, more in steps:
            good, total = good + more, total + more
            if more == 5:  # started again
                good = 0
                self.board.post(METER)
                total -= more
            self.board.post(evolve(METER, good=good))
            self.pass_(seconds)
        self.end()
        self.begin()
        counted = self.look("SELECT coalesce(sum(good), 0) FROM metrics WHERE span = 60000")
        self.assertEqual(counted, [(total,)])

    def tearDown(self) -> None:
        self.end()

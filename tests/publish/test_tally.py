from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import SinkOptions
from dlmsd.model import Link, SinkState, SinkStatus
from dlmsd.publish.inquiry import Inquiry
from dlmsd.publish.tally import Tally
from dlmsd.publish.troubles import ClosedTrouble, UnreachableTrouble


class TallyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.posted: list[SinkStatus] = []
        self.links: list[Link] = []
        options = SinkOptions("s", "mqtt", "mqtt://h")
        inquiry = Inquiry(self.clock.seconds, lambda: 1700.5)
        self.tally = Tally(
            options,
            self.posted.append,
            self.clock,
            lambda: 1700.5,
            lambda *_: None,
            inquiry,
            self.links.append,
        )
        self.tally.open(2)

    def test_states(self) -> None:
        states = [self.posted[-1].state]
        for act in (
            lambda: self.tally.down("a", UnreachableTrouble("x")),
            lambda: self.tally.up("b", None),
            lambda: self.tally.up("a", None),
            lambda: self.tally.down("a", ClosedTrouble("y")),
        ):
            act()
            states.append(self.posted[-1].state)
        self.assertEqual(
            [state.value for state in states],
            ["connecting", "down", "connecting", "connected", "connecting"],
        )

    def test_each_begin_and_end_of_a_connection_is_told(self) -> None:
        self.tally.down("a", UnreachableTrouble("x"))
        self.tally.up("a", None)
        self.tally.down("a", ClosedTrouble("y"))
        self.tally.up("a", None)
        self.tally.up("b", None)
        told = [(one.sink, one.meter, one.up, one.error) for one in self.links]
        self.assertEqual(
            told,
            [
                ("s", "a", False, "x"),
                ("s", "a", True, ""),
                ("s", "a", False, "y"),
                ("s", "a", True, ""),
                ("s", "b", True, ""),
            ],
        )
        self.assertEqual(self.posted[-1].reconnections, 1)
        self.tally.close()
        self.tally.down("a", ClosedTrouble("z"))
        self.assertEqual(len(self.links), 5)

    def test_the_latest_trouble_stands_until_acknowledged(self) -> None:
        self.tally.down("a", UnreachableTrouble("first"))
        self.tally.down("b", ClosedTrouble("second"))
        last = self.posted[-1]
        self.assertEqual((last.error, last.error_ts), ("b: second", 1700500))
        self.assertEqual(last.advice, ClosedTrouble("").advice)
        self.tally.up("b", None)
        self.tally.acknowledged("b", 0)
        self.assertEqual(self.posted[-1].error, "a: first")

    def test_counts_are_posted_once_a_second(self) -> None:
        self.tally.up("a", None)
        posts = len(self.posted)
        for _ in range(1000):
            self.tally.acknowledged("a", 2)
        self.assertEqual(len(self.posted), posts)
        self.clock.advance(1)
        self.assertEqual(len(self.posted), posts + 1)
        last = self.posted[-1]
        self.assertEqual((last.delivered, last.last_delivery_ts), (2000, 1700500))

    def test_closed_it_posts_once_and_keeps_silent(self) -> None:
        self.tally.up("a", None)
        self.tally.acknowledged("a", 1)
        self.tally.close()
        posts = len(self.posted)
        self.assertEqual(self.posted[-1].state, SinkState.DOWN)
        self.assertEqual(self.posted[-1].delivered, 1)
        self.tally.down("a", ClosedTrouble("x"))
        self.tally.acknowledged("a", 1)
        self.assertEqual((len(self.posted), self.clock.getDelayedCalls()), (posts, []))

"""The report line: what happened since the last, and who is in trouble."""

from decimal import Decimal

from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.board import Board
from dlmsd.fleet.report import Report
from dlmsd.model import (
    ListenerState,
    ListenerStatus,
    MeterState,
    MeterStatus,
    OutboxStatus,
    Reading,
    SinkState,
    SinkStatus,
)


def meter(name: str, **more: object) -> MeterStatus:
    return MeterStatus(name, "h:1", "p", 5.0, MeterState.READING, **more)


class ReportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.board = Board()
        self.clock = Clock()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.report = Report(self.board, self.clock, 60, values=True)
        self.report.start()
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))
        self.addCleanup(self.report.stop)

    def line(self) -> str:
        self.events.clear()
        self.clock.advance(60)
        return "\n".join(formatEvent(event) for event in self.events)

    def test_counts_what_is_new(self) -> None:
        self.board.post(meter("a", good=10, failed=2))
        self.board.post(SinkStatus("s", "mqtt", "u", SinkState.CONNECTED, delivered=9))
        self.board.post(OutboxStatus(queued={"s": 1}, quarantined=4))
        self.assertEqual(
            self.line(),
            "meters: 1; cycles: 12, 10 good, 9 delivered, 1 queued, 4 in quarantine; no trouble",
        )
        self.board.post(meter("a", good=11, failed=2))
        self.assertIn("cycles: 1, 1 good, 0 delivered", self.line())

    def test_names_who_is_in_trouble_and_no_more_than_five(self) -> None:
        for number in range(7):
            self.board.post(meter(f"m{number}", error="no answer"))
        self.board.post(SinkStatus("s", "mqtt", "u", SinkState.DOWN))
        self.assertIn("trouble: m0, m1, m2, m3, m4 and 3 more", self.line())

    def test_a_listener_that_hears_nobody(self) -> None:
        state = ListenerState.DOWN
        self.board.post(ListenerStatus("han", "head:1", state, error="connection refused"))
        self.assertIn("trouble: han", self.line())

    def test_the_next_line_comes_after_one_that_failed(self) -> None:
        self.board.meters["broken"] = None
        self.assertIn("could not be made", self.line())
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        del self.board.meters["broken"]
        self.assertIn("meters: 0", self.line())

    def test_values_of_a_cycle(self) -> None:
        self.board.post(meter("a", reading=Reading("a", 1, {"u": Decimal("230.1")})))
        self.assertIn("230.1", formatEvent(self.events[-1]))

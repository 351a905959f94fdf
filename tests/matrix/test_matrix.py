"""Every fault in every state once; and each oracle sees a bug that was put in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from twisted.internet.defer import DeferredLock, fail
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.exchange.exchange import Exchange
from dlmsd.dlms.hdlc import reassembly
from dlmsd.errors import MeterError
from dlmsd.meter import factory, refusals
from dlmsd.meter.conversation import Conversation
from dlmsd.meter.deadline import Deadline
from dlmsd.meter.poller import Poller
from dlmsd.meter.scaling import Scale
from tests.matrix import judge
from tests.matrix.cell import Cell, Trial
from tests.matrix.cells import every, left_out, reason, sensible
from tests.matrix.rounds import Figures, rounds
from tests.matrix.state import State
from tests.matrix.table import FAULTS


class MatrixTests(SynchronousTestCase):
    def test_every_cell_keeps_every_promise(self) -> None:
        figures = Figures()
        for verdict in rounds(sensible(), (0,)):
            figures.add(verdict)
        print(next(figures.lines()), end=" ")
        self.assertEqual([(str(each.cell), each.violations) for each in figures.bad], [])
        # Nothing is shown by a state that no session was in.
        self.assertEqual(set(figures.states), {state.name for state in State})
        self.assertGreater(min(figures.states.values()), 0)

    def test_the_matrix_is_whole(self) -> None:
        self.assertEqual(list(FAULTS), list(range(1, 43)))
        self.assertEqual(len(State), 11)
        cells = list(every())
        self.assertEqual(len(cells), len(set(cells)))
        self.assertEqual(len(cells), len(sensible()) + left_out().total())
        # A fault, or a state, that makes no sense with anybody is a hole.
        for cell in cells:
            if not reason(cell):
                continue
            twins = [each for each in sensible() if each.fault == cell.fault]
            self.assertTrue(twins, cell)

    def test_the_same_seed_is_the_same_trial(self) -> None:
        for text in ("S6/12/hdlc", "S7/37/gmac", "S1/17/wrapper"):
            (cell,) = Cell.parse(text)
            first, second = Trial(cell, 5), Trial(cell, 5)
            self.assertEqual(first.run(), second.run())
            self.assertEqual(first.stage.statuses, second.stage.statuses)


def finer(value: Any) -> Any:
    """What gives a tenth of the last digit more."""

    def more(self: Any, data: Any) -> Any:
        found = value(self, data)
        if not isinstance(found, Decimal):
            return found
        return found + Decimal(1).scaleb(int(found.as_tuple().exponent) - 1)

    return more


class OracleTests(SynchronousTestCase):
    """A bug put in on purpose is seen."""

    def broken(self, text: str, seeds: int = 12) -> str:
        """What the first trial that broke a promise broke."""
        for seed in range(seeds):
            for cell in Cell.parse(text):
                if found := Trial(cell, seed).run().violations:
                    return "\n".join(found)
        return ""

    def test_what_reaches_the_reactor(self) -> None:
        def broken(self: Any) -> None:
            raise ValueError("nobody expects it")

        self.patch(reassembly.FrameReassembly, "abandon", broken)
        self.assertIn("reached the reactor", self.broken("S6/3/hdlc"))

    def test_what_nobody_handled(self) -> None:
        failed = Conversation._failed

        def forgetful(self: Any, error: Any) -> None:
            fail(ValueError("nobody looks at it"))
            failed(self, error)

        self.patch(Conversation, "_failed", forgetful)
        self.assertIn("unhandled", self.broken("S6/36/wrapper"))
        self.flushLoggedErrors(ValueError)

    def test_an_answer_to_somebody_else(self) -> None:
        self.patch(Exchange, "_told", lambda self, of: 0)
        self.assertIn("was forged", self.broken("S6/34/wrapper"))

    def test_an_answer_that_nobody_checked(self) -> None:
        self.patch(reassembly, "is_good", lambda octets: True)
        self.assertIn("was not answered in its cycle", self.broken("S6/12/hdlc"))

    def test_a_timer_that_is_left(self) -> None:
        self.patch(Deadline, "stop", lambda self: None)
        self.assertIn("a timer is left", self.broken("S6/4/hdlc"))

    def test_a_neighbour_that_waits(self) -> None:
        lock = DeferredLock()
        self.patch(factory, "DeferredLock", lambda: lock)
        self.assertIn("the meter beside was read", self.broken("S6/3/hdlc"))

    def test_a_wrong_name(self) -> None:
        self.patch(factory, "explain", lambda reason: MeterError("something"))
        self.assertIn("RST was called MeterError", self.broken("S6/1/hdlc"))

    def test_no_name_at_all(self) -> None:
        self.patch(judge, "told", lambda stage, since: [])
        self.assertIn("RST had no name", self.broken("S6/1/hdlc"))

    def test_who_was_refused_and_knocks(self) -> None:
        self.patch(refusals.Memory, "refused", lambda *_: None)
        self.assertIn("refused, and asked again", self.broken("S3/31/hdlc"))

    def test_who_never_comes_back(self) -> None:
        self.patch(ReconnectingClientFactory, "retry", lambda *_: None)
        self.patch(factory.MeterFactory, "retry", lambda *_: None)
        self.assertIn("not back after", self.broken("S6/1/hdlc"))

    def test_who_comes_back_and_reads_less(self) -> None:
        opening = Poller._open

        async def poorer(self: Any) -> None:
            self.opened = getattr(self, "opened", 0) + 1
            if self.opened > 1:
                self._cycle._read = self._cycle._read[:1]
            await opening(self)

        self.patch(Poller, "_open", poorer)
        self.assertRegex(self.broken("S6/1/hdlc"), r"not back after .*\{'voltage_l1'\}")

    def test_digits_that_no_answer_had(self) -> None:
        self.patch(Scale, "value", finer(Scale.value))
        self.assertIn("was not answered in its cycle", self.broken("S6/1/hdlc", seeds=1))

    def test_a_buffer_without_a_limit(self) -> None:
        feed = reassembly.FrameReassembly.feed

        def hoard(self: Any, octets: bytes) -> Any:
            self.__dict__.setdefault("hoard", []).append(octets)
            self.idle = 0
            return feed(self, octets)

        self.patch(reassembly.FrameReassembly, "feed", hoard)
        self.assertIn("octets were held", self.broken("S6/17/hdlc"))

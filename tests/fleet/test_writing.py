"""A meter that is written to: only where it is allowed, and never without a record."""

from __future__ import annotations

from attrs import evolve

from dlmsd.errors import ReadOnlyError, UnknownClockError, UnsynchronisedError
from dlmsd.meter.rights import AccessRightError
from dlmsd.secret import Secret
from dlmsd.simulator.equipment import ClockOptions
from dlmsd.simulator.personality import MICROSTAR
from tests.fleet.orders_case import TurnsCase

WRITER = {"client": 32, "password": Secret("11111111"), "writing": True}


class WritingTests(TurnsCase):
    def test_the_clock(self) -> None:
        equipment = evolve(MICROSTAR.equipment, clock=ClockOptions(drift=86_400.0))
        self.begin(interval=60.0, personality=evolve(MICROSTAR, equipment=equipment), **WRITER)
        self.ask(self.time, 10.0)
        before, after = self.successResultOf(
            self.order(self.orders.set_clock(self.names[0], "me", force=False))
        )
        self.assertGreater(before.difference, 8)
        self.assertLess(abs(after.difference), 1.5)
        self.assertEqual(self.audit(), [("me", "clock set", self.names[0], "done")])

    def test_not_by_a_clock_that_may_be_wrong(self) -> None:
        self.begin(interval=60.0, **WRITER)
        for self.synchronised, refusal in (
            (False, UnsynchronisedError),
            (None, UnknownClockError),
        ):
            asked = self.order(self.orders.set_clock(self.names[0], "me", force=False))
            self.assertIs(self.failureResultOf(asked, UnsynchronisedError).type, refusal)
            asked = self.order(self.orders.set_clock(self.names[0], "me", force=True))
            self.successResultOf(asked)

    def test_the_supply(self) -> None:
        self.begin(interval=60.0, **WRITER)
        for on, state in ((False, "disconnected"), (True, "connected")):
            supply = self.successResultOf(
                self.order(self.orders.switch(self.names[0], "me", on=on))
            )
            self.assertEqual((supply.connected, supply.state), (on, state))
        self.assertEqual(
            [action for _, action, *_ in self.audit()],
            ["supply disconnected", "supply reconnected"],
        )

    def test_only_where_the_configuration_allows_it(self) -> None:
        self.begin(interval=60.0)
        frames = len(self.record)
        for work in (
            self.orders.switch(self.names[0], "me", on=False),
            self.orders.set_clock(self.names[0], "me", force=True),
        ):
            failure = self.failureResultOf(self.order(work, 0.0), ReadOnlyError)
            assert isinstance(failure.value, ReadOnlyError)
            self.assertIn("`writing = true`", failure.value.advice)
        self.assertEqual((len(self.record), self.audit()), (frames, []))

    def test_what_failed_is_kept_too(self) -> None:
        """The reader's client asks to write."""
        self.begin(interval=60.0, writing=True)
        asked = self.order(self.orders.switch(self.names[0], "me", on=False))
        failure = self.failureResultOf(asked, AccessRightError)
        [(_, action, _, detail)] = self.audit()
        self.assertEqual((action, detail), ("supply disconnected", str(failure.value)))
        self.assertIn("its access mode is no_access", detail)

    def test_an_audit_that_cannot_be_written(self) -> None:
        self.begin(interval=60.0, **WRITER)
        self.done(self.registry.stop())
        self.successResultOf(self.order(self.orders.switch(self.names[0], "me", on=False)))

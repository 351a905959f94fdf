"""What a sink lost of a meter that pushes, or is inactive, is owed to it again."""

from __future__ import annotations

from typing import Any

from dlmsd.config.values import MeterOptions
from dlmsd.fleet.creditor import LOOK_SECONDS, Creditor
from dlmsd.model import Lane
from tests.store.test_restitution import RestitutionCase


def meter(**more: Any) -> MeterOptions:
    given = {"transport": "push", "sinks": ("slow", "tb"), **more}
    return MeterOptions("m", "", "p", "m", (), **given)


class CreditorTests(RestitutionCase):
    def begin(self, *meters: MeterOptions) -> None:
        creditor = Creditor(self.outbox.gaps, lambda: meters, self.clock)
        creditor.start()
        self.addCleanup(creditor.stop)

    def owed(self, seconds: float = LOOK_SECONDS) -> list[int]:
        self.clock.advance(seconds)
        return self.times("slow", Lane.BACKFILL)

    def test_of_a_meter_that_pushes_or_is_inactive(self) -> None:
        self.deliver()
        self.begin(meter(transport="tcp", status="inactive"))
        self.assertEqual(self.owed(), self.lost)
        self.assertEqual(self.owed(), self.lost)
        self.assertEqual(self.times("tb", Lane.BACKFILL), [])
        self.assertEqual(self.done(self.outbox.audit()), [])

    def test_not_before_there_is_room_and_the_sink_takes_something(self) -> None:
        self.begin(meter())
        self.assertEqual(self.owed(), [])
        self.deliver(meter="other")
        self.assertEqual(self.owed(), [])
        self.deliver()
        self.assertEqual(self.owed(), self.lost)

    def test_not_of_one_that_is_polled_nor_for_a_sink_that_is_gone(self) -> None:
        self.deliver()
        self.begin(meter(transport="tcp"), meter(sinks=("tb",)))
        self.assertEqual(self.owed(), [])

    def test_a_file_that_refuses_is_asked_again(self) -> None:
        self.deliver()
        refuse = """
            CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.lane = 1
            BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END
        """
        self.look(refuse)
        self.begin(meter())
        self.assertEqual(self.owed(), [])
        self.look("DROP TRIGGER refuse")
        self.assertEqual(self.owed(), self.lost)

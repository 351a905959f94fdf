"""A meter's clock read, compared and set, in virtual time."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from attrs import evolve
from twisted.internet.task import deferLater

from dlmsd.dlms.axdr.clock import ClockStatus
from dlmsd.meter.installation import Installation
from dlmsd.meter.session import Session
from dlmsd.meter.timekeeping import ClockReading, Timekeeping, TimezoneError
from dlmsd.simulator.equipment import ClockOptions
from dlmsd.simulator.personality import MICROSTAR
from tests.meter.test_services import ServiceCase

BOGOTA = ZoneInfo("America/Bogota")


class TimekeepingTests(ServiceCase):
    def clock(
        self, options: ClockOptions, place: Installation, *, after: float = 0.0, sets: bool = False
    ) -> list[ClockReading]:
        """What a meter's clock with these options tells, ``after`` seconds of drift."""
        equipment = evolve(MICROSTAR.equipment, clock=options)
        personality = evolve(MICROSTAR, equipment=equipment)

        async def work(session: Session) -> list[ClockReading]:
            keeping = Timekeeping(session, place, wall=self.wall, clock=self.network)
            readings = [await keeping.read()]
            if after:
                await deferLater(self.network, after, lambda: None)
                readings = [await keeping.read()]
            if sets:
                readings.append(await keeping.set(readings[0]))
            return readings

        return self.visit(work, personality)

    def test_right_within_its_uncertainty(self) -> None:
        for options, place in (
            (ClockOptions("America/Bogota"), Installation()),
            (ClockOptions("America/Bogota", "opposite"), Installation(negate_deviation=True)),
            (ClockOptions("America/Bogota", "none"), Installation(timezone=BOGOTA)),
        ):
            with self.subTest(options=options):
                self.setUp()
                (told,) = self.clock(options, place)
                assert told.difference is not None
                self.assertLessEqual(abs(told.difference), told.uncertainty)
                self.assertLess(told.uncertainty, 0.6)
                self.end()

    def test_a_slow_line_is_less_certain(self) -> None:
        self.network.delay = 2.0
        (told,) = self.clock(ClockOptions(), Installation())
        self.assertGreater(told.uncertainty, 2.0)
        assert told.difference is not None
        self.assertLessEqual(abs(told.difference), told.uncertainty)

    def test_without_deviation_nor_timezone_there_is_no_difference(self) -> None:
        (told,) = self.clock(ClockOptions("America/Bogota", "none"), Installation())
        self.assertIsNone(told.difference)
        self.assertIsNone(told.instant)

    def test_set_with_its_own_deviation_status_and_sign(self) -> None:
        for options, place in (
            (ClockOptions("America/Bogota"), Installation()),
            (ClockOptions("America/Bogota", "opposite"), Installation(negate_deviation=True)),
            (ClockOptions("America/Bogota", "none"), Installation(timezone=BOGOTA)),
            (ClockOptions("America/Bogota", status=None), Installation()),
        ):
            with self.subTest(options=options):
                self.setUp()
                fast = evolve(options, drift=57_600.0)
                before, after = self.clock(fast, place, after=90.0, sets=True)
                assert before.difference is not None and after.difference is not None
                self.assertApproximates(before.difference, 60.0, 1.0)
                self.assertLessEqual(abs(after.difference), after.uncertainty + 0.2)
                self.assertEqual(after.told.deviation, before.told.deviation)
                self.assertEqual(after.told.status, before.told.status)
                self.end()

    def test_what_is_written_in_summer_and_at_other_signs(self) -> None:
        keeping = Timekeeping(None, Installation(), wall=self.wall, clock=self.network)  # type: ignore[arg-type]
        (told,) = self.clock(ClockOptions("Europe/Madrid"), Installation())
        july = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC).timestamp()
        summer = evolve(
            told,
            told=evolve(told.told, deviation=-120, status=ClockStatus.DAYLIGHT_SAVING),
        )
        meant = keeping.meant(summer, july)
        self.assertEqual((meant.time.hour, meant.deviation), (14, -120))
        self.assertEqual(meant.status, ClockStatus.DAYLIGHT_SAVING)
        self.assertEqual(meant.date.weekday, 3)
        nowhere = evolve(told, told=evolve(told.told, deviation=None))
        self.assertRaises(TimezoneError, keeping.meant, nowhere, july)
        keeping = Timekeeping(
            None,  # type: ignore[arg-type]
            Installation(timezone=ZoneInfo("Europe/Madrid")),
            wall=self.wall,
            clock=self.network,
        )
        meant = keeping.meant(nowhere, july)
        self.assertEqual((meant.time.hour, meant.deviation), (14, None))
        self.assertEqual(meant.status, ClockStatus.DAYLIGHT_SAVING)

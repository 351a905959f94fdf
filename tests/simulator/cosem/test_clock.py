"""The clock of a virtual meter: set, shifted, adjusted, drifting, in any zone."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import ClockStatus, DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.equipment import ClockOptions, Equipment
from tests.simulator.client import NOON
from tests.simulator.cosem.bench import Bench

CLOCK = "0-0:1.0.0"
BERLIN = ZoneInfo("Europe/Berlin")
SUMMER = datetime.datetime(2025, 7, 1, 12, tzinfo=datetime.UTC).timestamp()


def bench(t: float = NOON, **options: object) -> Bench:
    return Bench(Equipment(clock=ClockOptions(**options)), t)  # type: ignore[arg-type]


def told(held: Bench, timezone: datetime.tzinfo | None = None, negate: bool = False) -> float:
    moment = DateTime.decode(held.value(CLOCK, "time")).to_datetime(timezone, negate)
    assert moment is not None
    return moment.timestamp()


class TimeTests(SynchronousTestCase):
    def test_it_goes_with_the_wall(self) -> None:
        held = bench()
        for later in (0, 1, 86400):
            held.t = NOON + later
            self.assertEqual(told(held), held.t)

    def test_set_and_the_offset_is_kept(self) -> None:
        held = bench()
        done = held.write(CLOCK, "time", literal.utc(NOON + 500))
        self.assertIs(done, DataAccessResult.SUCCESS)
        self.assertEqual(told(held), NOON + 500)
        held.t += 1000
        self.assertEqual(told(held), NOON + 1500)

    def test_set_as_date_time(self) -> None:
        held = bench()
        moment = datetime.datetime.fromtimestamp(NOON + 7, datetime.UTC)
        held.write(CLOCK, "time", Data(Tag.DATE_TIME, DateTime.from_datetime(moment)))
        self.assertEqual(told(held), NOON + 7)

    def test_what_is_no_time(self) -> None:
        held = bench()
        cases = (
            (literal.octets(b"\x00" * 11), DataAccessResult.TYPE_UNMATCHED),
            (literal.long(5), DataAccessResult.TYPE_UNMATCHED),
            (literal.NEVER, DataAccessResult.OTHER_REASON),
            (literal.utc(NOON + 75 * 365.25 * 86_400), DataAccessResult.OTHER_REASON),
        )
        for value, result in cases:
            self.assertIs(held.write(CLOCK, "time", value), result)
        self.assertIs(
            held.write(CLOCK, "clock_base", literal.enum(1)), DataAccessResult.READ_WRITE_DENIED
        )
        self.assertEqual(told(held), NOON)

    def test_drift(self) -> None:
        held = bench(drift=2.0)
        self.assertEqual(told(held), NOON)
        held.t += 10 * 86400
        self.assertEqual(told(held), held.t + 20)
        held.write(CLOCK, "time", literal.utc(held.t))
        self.assertEqual(told(held), held.t)


class MethodTests(SynchronousTestCase):
    @given(st.integers(0, 86399), st.sampled_from([("adjust_to_minute", 60)]))
    def test_to_the_nearest_minute(self, second: int, case: tuple[str, int]) -> None:
        self.nearest(second, *case)

    @given(
        st.integers(0, 86399),
        st.sampled_from([("adjust_to_quarter", 900), ("adjust_to_measuring_period", 900)]),
    )
    def test_to_the_nearest_quarter(self, second: int, case: tuple[str, int]) -> None:
        self.nearest(second, *case)

    def nearest(self, second: int, name: str, step: int) -> None:
        held = bench(NOON + second)
        self.assertIs(held.invoke(CLOCK, name, literal.integer(0)), ActionResult.SUCCESS)
        self.assertEqual(told(held) % step, 0)
        self.assertLessEqual(abs(told(held) - held.t), step / 2)

    def test_shift(self) -> None:
        held = bench()
        self.assertIs(held.invoke(CLOCK, "shift_time", literal.long(-900)), ActionResult.SUCCESS)
        self.assertEqual(told(held), NOON - 900)
        self.assertIs(
            held.invoke(CLOCK, "shift_time", literal.long(901)), ActionResult.OTHER_REASON
        )
        self.assertIs(held.invoke(CLOCK, "shift_time"), ActionResult.TYPE_UNMATCHED)

    def test_preset(self) -> None:
        held = bench()
        self.assertIs(held.invoke(CLOCK, "adjust_to_preset_time"), ActionResult.OTHER_REASON)
        moments = [literal.utc(NOON + each) for each in (77, 10, 20)]
        preset = literal.structure(*moments)
        self.assertIs(held.invoke(CLOCK, "preset_adjusting_time", preset), ActionResult.SUCCESS)
        self.assertIs(held.invoke(CLOCK, "adjust_to_preset_time"), ActionResult.OTHER_REASON)
        held.t += 15
        self.assertIs(held.invoke(CLOCK, "adjust_to_preset_time"), ActionResult.SUCCESS)
        self.assertEqual(told(held), NOON + 77)


class ZoneTests(SynchronousTestCase):
    def test_summer_and_winter(self) -> None:
        for t, deviation, summer in ((SUMMER, -120, True), (NOON, -60, False)):
            held = bench(t, timezone="Europe/Berlin")
            sent = DateTime.decode(held.value(CLOCK, "time"))
            self.assertEqual(sent.deviation, deviation)
            assert sent.status is not None
            self.assertEqual(ClockStatus.DAYLIGHT_SAVING in sent.status, summer)
            self.assertEqual(told(held), t)
            self.assertEqual(held.value(CLOCK, "time_zone"), -60)
            self.assertEqual(held.value(CLOCK, "status"), 0x80 if summer else 0)

    def test_rules(self) -> None:
        held = bench(timezone="Europe/Berlin")
        begin, end = (
            DateTime.decode(held.value(CLOCK, f"daylight_savings_{each}"))
            for each in ("begin", "end")
        )
        # The last Sunday of March at 2, and of October at 3, local time.
        for rule, month, hour in ((begin, 3, 2), (end, 10, 3)):
            self.assertEqual(rule.date.month, month)
            self.assertEqual((rule.date.day, rule.date.weekday), (0xFE, 7))
            self.assertEqual(rule.time.hour, hour)
        self.assertEqual(bench().value(CLOCK, "daylight_savings_begin"), literal.NEVER.value)

    def test_no_daylight_saving(self) -> None:
        held = bench(SUMMER, timezone="Europe/Berlin")
        held.write(CLOCK, "daylight_savings_enabled", literal.boolean(False))
        self.assertEqual(DateTime.decode(held.value(CLOCK, "time")).deviation, -60)
        self.assertEqual(told(held), SUMMER)
        held.write(CLOCK, "daylight_savings_enabled", literal.boolean(True))
        self.assertEqual(DateTime.decode(held.value(CLOCK, "time")).deviation, -120)

    def test_another_zone(self) -> None:
        held = bench()
        self.assertIs(held.write(CLOCK, "time_zone", literal.long(300)), DataAccessResult.SUCCESS)
        self.assertEqual(held.value(CLOCK, "time_zone"), 300)
        self.assertEqual(DateTime.decode(held.value(CLOCK, "time")).time.hour, 7)
        self.assertEqual(told(held), NOON)
        self.assertIs(
            held.write(CLOCK, "time_zone", literal.long(721)), DataAccessResult.OTHER_REASON
        )

    def test_opposite_deviation(self) -> None:
        held = bench(timezone="America/Bogota", deviation="opposite")
        self.assertEqual(DateTime.decode(held.value(CLOCK, "time")).deviation, -300)
        self.assertEqual(held.value(CLOCK, "time_zone"), -300)
        self.assertEqual(told(held, negate=True), NOON)
        held.write(CLOCK, "time", literal.octets(held.value(CLOCK, "time")))
        self.assertEqual(told(held, negate=True), NOON)
        held.write(CLOCK, "time_zone", literal.long(60))
        self.assertEqual(DateTime.decode(held.value(CLOCK, "time")).time.hour, 13)

    def test_no_deviation(self) -> None:
        for t in (SUMMER, NOON):
            held = bench(t, timezone="Europe/Berlin", deviation="none")
            self.assertIsNone(DateTime.decode(held.value(CLOCK, "time")).deviation)
            self.assertEqual(told(held, BERLIN), t)

    def test_status(self) -> None:
        held = bench(status=ClockStatus.DOUBTFUL)
        self.assertEqual(held.value(CLOCK, "status"), 2)
        self.assertEqual(DateTime.decode(held.value(CLOCK, "time")).status, ClockStatus.DOUBTFUL)
        self.assertIsNone(DateTime.decode(bench(status=None).value(CLOCK, "time")).status)

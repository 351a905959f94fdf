"""Activity calendar, special days and tariff masks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.cosem.calendar import MAX_SPECIAL_DAYS
from tests.simulator.client import NOON
from tests.simulator.cosem.bench import Bench

CALENDAR, DAYS, MASKS = "0-0:13.0.0", "0-0:11.0.0", "0-0:14.0.0"
SUCCESS, OTHER = ActionResult.SUCCESS, ActionResult.OTHER_REASON
NAME = literal.octets(b"SUMMER")


class CalendarTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()

    def active(self) -> bytes:
        name: bytes = self.bench.value(CALENDAR, "calendar_name_active")
        return name

    def test_by_method(self) -> None:
        done = self.bench.write(CALENDAR, "calendar_name_passive", NAME)
        self.assertIs(done, DataAccessResult.SUCCESS)
        self.assertEqual(self.active(), b"DAYNIGHT")
        self.assertIs(self.bench.invoke(CALENDAR, "activate_passive_calendar"), SUCCESS)
        self.assertEqual(self.active(), b"SUMMER")

    def test_by_time(self) -> None:
        self.bench.write(CALENDAR, "calendar_name_passive", NAME)
        when = literal.utc(NOON + 60)
        self.bench.write(CALENDAR, "activate_passive_calendar_time", when)
        self.assertEqual(self.bench.read(CALENDAR, "activate_passive_calendar_time"), when)
        self.bench.t += 59
        self.assertEqual(self.active(), b"DAYNIGHT")
        self.bench.t += 1
        # What is written after its time belongs to the next calendar.
        self.bench.write(CALENDAR, "calendar_name_passive", literal.octets(b"WINTER"))
        self.assertEqual(self.active(), b"SUMMER")
        self.assertEqual(self.bench.read(CALENDAR, "activate_passive_calendar_time"), literal.NEVER)

    def test_tables(self) -> None:
        for part in ("season_profile", "week_profile_table", "day_profile_table"):
            active = self.bench.read(CALENDAR, f"{part}_active")
            self.assertIs(
                self.bench.write(CALENDAR, f"{part}_active", active),
                DataAccessResult.READ_WRITE_DENIED,
            )
            self.assertIs(
                self.bench.write(CALENDAR, f"{part}_passive", active), DataAccessResult.SUCCESS
            )
            wrong = literal.array(literal.structure(literal.NULL))
            self.assertIs(
                self.bench.write(CALENDAR, f"{part}_passive", wrong),
                DataAccessResult.TYPE_UNMATCHED,
            )


class SpecialDayTests(SynchronousTestCase):
    def day(self, index: int, kind: int = 1) -> Data:
        date = literal.octets(b"\xff\xff\x0c\x19\xff")
        return literal.structure(literal.long_unsigned(index), date, literal.unsigned(kind))

    def test_insert_replace_delete(self) -> None:
        held = Bench()
        for day in (self.day(1), self.day(2), self.day(1, 5)):
            self.assertIs(held.invoke(DAYS, "insert", day), SUCCESS)
        self.assertEqual(held.value(DAYS, "entries"), (self.day(1, 5), self.day(2)))
        self.assertIs(held.invoke(DAYS, "delete", literal.long_unsigned(1)), SUCCESS)
        self.assertIs(held.invoke(DAYS, "delete", literal.long_unsigned(1)), OTHER)
        self.assertEqual(held.value(DAYS, "entries"), (self.day(2),))

    def test_written_as_a_whole(self) -> None:
        held = Bench()
        held.invoke(DAYS, "insert", self.day(7))
        days = [self.day(each) for each in range(MAX_SPECIAL_DAYS)]
        self.assertIs(held.write(DAYS, "entries", literal.array(*days)), DataAccessResult.SUCCESS)
        self.assertEqual(held.value(DAYS, "entries"), tuple(days))
        self.assertIs(held.invoke(DAYS, "insert", self.day(MAX_SPECIAL_DAYS)), OTHER)
        many = literal.array(*days, self.day(MAX_SPECIAL_DAYS))
        self.assertIs(held.write(DAYS, "entries", many), DataAccessResult.OTHER_REASON)
        self.assertEqual(held.value(DAYS, "entries"), tuple(days))


class RegisterActivationTests(SynchronousTestCase):
    def mask(self, name: bytes, *indices: int) -> Data:
        places = literal.array(*map(literal.unsigned, indices))
        return literal.structure(literal.octets(name), places)

    def test_a_new_tariff(self) -> None:
        held = Bench()
        register = literal.structure(literal.long_unsigned(3), literal.name("1-0:2.8.1"))
        self.assertIs(held.invoke(MASKS, "add_mask", self.mask(b"X", 5)), OTHER)
        self.assertIs(held.invoke(MASKS, "add_register", register), SUCCESS)
        self.assertEqual(held.value(MASKS, "register_assignment")[-1], register)
        self.assertIs(held.invoke(MASKS, "add_mask", self.mask(b"X", 1, 5)), SUCCESS)
        name = literal.octets(b"X")
        self.assertIs(held.write(MASKS, "active_mask", name), DataAccessResult.SUCCESS)
        self.assertIs(held.invoke(MASKS, "delete_mask", name), OTHER)
        held.write(MASKS, "active_mask", literal.octets(b"T1"))
        self.assertIs(held.invoke(MASKS, "delete_mask", name), SUCCESS)
        self.assertEqual(len(held.value(MASKS, "mask_list")), 4)
        self.assertIs(held.write(MASKS, "active_mask", name), DataAccessResult.OTHER_REASON)

    def test_limit(self) -> None:
        held = Bench()
        register = literal.structure(literal.long_unsigned(3), literal.name("1-0:2.8.1"))
        results = [held.invoke(MASKS, "add_register", register) for _ in range(252)]
        self.assertEqual(results, [SUCCESS] * 251 + [OTHER])

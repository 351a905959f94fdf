"""A profile's columns: keys, scales, units; a row's time and what is wrong with it."""

from __future__ import annotations

import datetime
from decimal import Decimal

from attrs import evolve
from twisted.internet.defer import Deferred

from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.clock import ClockStatus, DateTime
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.errors import (
    LocalError,
    ServiceError,
    TimezoneError,
)
from dlmsd.meter.installation import Installation
from dlmsd.meter.layout import ProfileRow
from dlmsd.meter.profile import read
from tests.meter.profiles import (
    ENERGY,
    MIDNIGHT,
    ProfileCase,
    ProfileSession,
    numbers,
    series,
)


class RowTests(ProfileCase):
    def test_a_row(self) -> None:
        (row,) = self.read(ProfileSession([(MIDNIGHT, 1365)]))
        self.assertEqual(
            row,
            ProfileRow(
                MIDNIGHT,
                ClockStatus(0),
                False,
                {"1-0:1.8.0": Decimal("136.5")},
                {"1-0:1.8.0": "Wh"},
                {},
            ),
        )

    def test_columns_that_are_measured_anyway_have_their_names_and_units(self) -> None:
        energy = Measurement("energy", ENERGY.attribute, "energy", unit="kWh")
        session = ProfileSession([(MIDNIGHT, 1365)])
        (row,) = self.read(session, read=[energy], installation=Installation(Decimal(40)))
        self.assertEqual(dict(row.values), {"energy": Decimal("5.46")})
        self.assertEqual(dict(row.units), {"energy": "kWh"})

    def test_a_column_of_the_other_channel_has_the_name_only_without_the_own_one(self) -> None:
        own = evolve(ENERGY, attribute=evolve(ENERGY.attribute, obis=Obis.parse("1-1:1.8.0")))
        energy = Measurement("energy", own.attribute, "energy")
        session = ProfileSession([(MIDNIGHT, 7)])
        (row,) = self.read(session, read=[energy])
        self.assertEqual(list(row.values), ["energy"])
        session.columns.append(own)
        (row,) = self.read(session, read=[energy])
        self.assertEqual(list(row.values), ["1-0:1.8.0", "energy"])

    def test_a_column_of_another_device_keeps_its_code(self) -> None:
        session = ProfileSession([(MIDNIGHT, 7)])
        gas, meter = (
            AttributeDescriptor(3, Obis.parse(code), 2) for code in ("0-1:24.2.1", "0-0:24.2.1")
        )
        session.columns.append(CaptureObject(gas))
        (row,) = self.read(session, read=[Measurement("meter", meter, "meter")])
        self.assertEqual(list(row.values), ["1-0:1.8.0", "0-1:24.2.1"])

    def test_one_object_twice_has_two_keys(self) -> None:
        (row,) = self.read(ProfileSession([(MIDNIGHT, 7)], columns=2))
        self.assertEqual(list(row.values), ["1-0:1.8.0", "1-0:1.8.0 (3)"])

    def test_a_scaler_that_is_not_told_now_is_no_number(self) -> None:
        session = ProfileSession([(MIDNIGHT, 7)])
        session.scaler = DataAccessResult.TEMPORARY_FAILURE
        (row,) = self.read(session)
        self.assertEqual(dict(row.values), {})
        self.assertIn("scaler and unit cannot be read", row.absent["1-0:1.8.0"])

    def test_a_scaler_that_is_denied_leaves_raw_numbers(self) -> None:
        session = ProfileSession([(MIDNIGHT, 7)])
        session.scaler = DataAccessResult.READ_WRITE_DENIED
        (row,) = self.read(session)
        self.assertEqual((row.values["1-0:1.8.0"], row.units["1-0:1.8.0"]), (7, ""))

    def test_no_time_column(self) -> None:
        rows = self.read(ProfileSession(series(3), timed=False), MIDNIGHT, MIDNIGHT)
        self.assertEqual(numbers(rows), [0, 1, 2])
        self.assertEqual({row.absent["time"] for row in rows}, {"the profile has no column for it"})

    def test_no_profile_there(self) -> None:
        session = ProfileSession([])
        ran = Deferred.fromCoroutine(
            read(session, Obis.parse("1-0:99.9.9"), None, None, id)  # type: ignore[arg-type]
        )
        error = self.failureResultOf(ran, ServiceError)
        self.assertIn("no such object", str(error.value))

    def test_a_clock_without_deviation_needs_a_timezone(self) -> None:
        session = ProfileSession(series(3))
        session.clock = DateTime.from_datetime(MIDNIGHT.replace(tzinfo=None))
        self.assertIn("no deviation", self.error_of(TimezoneError, session))
        self.assertEqual(
            len(self.read(session, installation=Installation(timezone=datetime.UTC))), 3
        )

    def test_times_need_a_zone(self) -> None:
        naive = MIDNIGHT.replace(tzinfo=None)
        self.assertRaises(LocalError, self.read, ProfileSession([]), naive, naive)

"""Load profiles of virtual meters, over connections: what was captured is what comes."""

from __future__ import annotations

import datetime
from decimal import Decimal
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from attrs import evolve
from twisted.internet.defer import Deferred

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.axdr.clock import ClockStatus
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.errors import TimezoneError
from dlmsd.meter.installation import Installation
from dlmsd.meter.layout import ProfileRow
from dlmsd.meter.profile import ProfileReading, read, read_through
from dlmsd.meter.security import secured
from dlmsd.meter.visit import Visit
from dlmsd.simulator.equipment import ClockOptions, Equipment, ProfileOptions
from dlmsd.simulator.meter import VirtualMeter
from dlmsd.simulator.personality import MICROSTAR, SECURE_WRAPPER, SHORT_NAMES, Personality
from tests.meter.fleet import START, FleetCase
from tests.meter.profiles import DAY, HOUR, OBIS, QUARTER

PERIOD = 900
# An answer comes in blocks of a few rows, not in one APDU.
BLOCKS = evolve(MICROSTAR, max_response=500)
# The last Sunday of October 2026 ends summer time in Berlin at 01:00 UTC.
FALL = datetime.datetime(2026, 10, 25, 1, tzinfo=datetime.UTC)
NOW = datetime.datetime.fromtimestamp(START, datetime.UTC)
ENERGY = "1-0:1.8.0"
VOLTAGE = "1-0:32.7.0"


class MeterCase(FleetCase):
    PERSONALITY = MICROSTAR

    def meter(
        self,
        clock: ClockOptions | None = None,
        personality: Personality | None = None,
        **options: Any,
    ) -> MeterOptions:
        """Start a virtual meter; how it is read."""
        personality = personality or self.PERSONALITY
        self.equipment = Equipment(clock or ClockOptions(), ProfileOptions(**options))
        self.simulate(1, evolve(personality, equipment=self.equipment))
        client = personality.clients[0]
        (meter,) = self.options(
            framing=personality.framing,
            referencing=personality.referencing,
            client=client.number,
        )
        keys = personality.security.client
        return (
            meter
            if not client.high
            else evolve(
                meter,
                authentication="high-gmac",
                password=None,
                security=personality.security.policy.value,
                system_title=b"DLMSDCLT",
                encryption_key=keys.encryption,
                authentication_key=keys.authentication,
            )
        )

    def read(
        self,
        meter: MeterOptions,
        start: datetime.datetime | None,
        end: datetime.datetime | None,
        **options: Any,
    ) -> list[ProfileRow]:
        """All rows, over one connection."""
        rows: list[ProfileRow] = []

        async def visit() -> None:
            security = secured(meter, self.counters, self.draw)
            async with Visit(meter, self.network, security=security) as session:
                await read(session, OBIS, start, end, rows.append, **options)

        self.finish(visit())
        return rows

    def finish(self, coroutine: Any) -> None:
        done = Deferred.fromCoroutine(coroutine)
        failed: list[Any] = []
        done.addErrback(failed.append)
        while not done.called:
            self.run_for(60)
        for failure in failed:
            failure.raiseException()

    def expect(
        self,
        rows: list[ProfileRow],
        start: datetime.datetime,
        end: datetime.datetime,
    ) -> None:
        """A row each quarter, with what the meter measured then."""
        first = -(-start.timestamp() // PERIOD) * PERIOD
        times = []
        while first <= end.timestamp():
            times.append(datetime.datetime.fromtimestamp(first, datetime.UTC))
            first += PERIOD
        self.assertEqual([row.time for row in rows], times)
        held = VirtualMeter(0, 1, self.equipment)
        for row in rows[:: max(1, len(rows) // 20)]:
            assert row.time is not None
            for code, scaler in ((ENERGY, 0), (VOLTAGE, -1)):
                attribute = AttributeDescriptor(3, Obis.parse(code), 2)
                raw: Any = held.read(attribute, row.time.timestamp())
                self.assertEqual(row.values[code], Decimal(raw.value).scaleb(scaler))
            self.assertEqual(row.units[ENERGY], "Wh")
            self.assertEqual(row.units[VOLTAGE], "V")
            self.assertEqual(dict(row.absent), {})


class OddityTests(MeterCase):
    def both(self, meter: MeterOptions, **options: Any) -> None:
        """Three days by range, and the newest hundred rows."""
        start, end = NOW - 5 * DAY, NOW - 2 * DAY
        self.expect(self.read(meter, start, end, **options), start, end)
        newest = self.read(meter, None, None, newest=100, **options)
        assert newest[-1].time is not None
        self.expect(newest, newest[-1].time - 99 * QUARTER, newest[-1].time)

    def test_plain(self) -> None:
        self.both(self.meter())

    def test_null_data(self) -> None:
        self.both(self.meter(nulls=True))

    def test_compact_array(self) -> None:
        self.both(self.meter(compact=True, entries=800))

    def test_by_entry(self) -> None:
        self.both(self.meter(selectors=(2,)))

    def test_by_range_alone(self) -> None:
        self.both(self.meter(selectors=(1,), entries=600))

    def test_whole(self) -> None:
        self.both(self.meter(selectors=(), entries=600))

    def test_wrong_entries_in_use(self) -> None:
        self.both(self.meter(selectors=(2,), in_use=7, entries=600))
        self.end()
        self.setUp()
        self.both(self.meter(selectors=(2,), in_use=60_000, entries=600))

    def test_ring_order(self) -> None:
        meter = self.meter(selectors=(2,), ring_order=True, entries=700)
        start, end = NOW - 5 * DAY, NOW - 2 * DAY
        rows = self.read(meter, start, end)
        self.expect(sorted(rows, key=lambda row: row.time), start, end)
        newest = self.read(meter, None, None, newest=100)
        self.expect(newest, newest[-1].time - 99 * QUARTER, newest[-1].time)

    def test_newest_first(self) -> None:
        for options in ({}, {"nulls": True}, {"nulls": True, "deltas": True}):
            meter = self.meter(newest_first=True, **options)
            rows = self.read(meter, NOW - DAY, NOW)
            self.expect(rows[::-1], NOW - DAY, NOW)
            self.assertEqual(any(row.computed for row in rows), bool(options))
            self.end()
            self.setUp()

    def test_deltas(self) -> None:
        self.both(self.meter(deltas=True))

    def test_opposite_deviation(self) -> None:
        clock = ClockOptions("America/Bogota", "opposite")
        self.both(self.meter(clock), installation=Installation(negate_deviation=True))

    def test_no_deviation(self) -> None:
        meter = self.meter(ClockOptions("America/Bogota", "none"))
        self.assertRaises(TimezoneError, self.read, meter, NOW - DAY, NOW)
        self.both(meter, installation=Installation(timezone=ZoneInfo("America/Bogota")))

    def test_the_clocks_go_back(self) -> None:
        zone = ZoneInfo("Europe/Berlin")
        start, end = FALL - DAY, FALL + DAY
        for clock, place in (
            (ClockOptions("Europe/Berlin"), Installation()),
            (ClockOptions("Europe/Berlin", "none"), Installation(timezone=zone)),
            (ClockOptions("Europe/Berlin", "none", None), Installation(timezone=zone)),
        ):
            for selectors in ((1, 2), (2,)):
                self.setUp()
                meter = self.meter(clock, selectors=selectors)
                rows = self.read(meter, start, end, installation=place)
                self.expect(rows, start, end)
                if clock.status is not None:
                    summer = [ClockStatus.DAYLIGHT_SAVING in row.status for row in rows]
                    self.assertEqual(summer, [row.time < FALL for row in rows])
                self.end()

    def test_missing_rows(self) -> None:
        meter = self.meter(off_every=86_400.0, off_for=7_200.0)
        rows = self.read(meter, NOW - 5 * DAY, NOW - 2 * DAY)
        self.assertEqual(len(rows), 289 - 3 * 8)
        entries = self.read(meter, None, NOW - 2 * DAY)
        self.assertEqual([row.time for row in entries[-len(rows) :]], [row.time for row in rows])


class ShortNameTests(OddityTests):
    """Everything again where what is read has short names: by READ, in its blocks."""

    PERSONALITY = SHORT_NAMES

    def test_a_meter_that_reads_no_part_by_name(self) -> None:
        conformance = SHORT_NAMES.conformance & ~Conformance.PARAMETERIZED_ACCESS
        personality = evolve(SHORT_NAMES, conformance=conformance)
        self.both(self.meter(None, personality, entries=600))


class ConnectionTests(MeterCase):
    def test_ten_thousand_rows_ciphered(self) -> None:
        meter = self.meter(personality=SECURE_WRAPPER)
        rows = self.read(meter, None, None)
        self.assertEqual(len(rows), 10_000)
        end = rows[-1].time
        assert end is not None
        self.expect(rows, end - 9_999 * QUARTER, end)

    def test_connections_that_break(self) -> None:
        for personality, selectors in product((BLOCKS, SHORT_NAMES), ((1, 2), (2,), ())):
            self.setUp()
            meter = self.meter(None, personality, selectors=selectors, entries=700)
            rows: list[ProfileRow] = []
            told: list[str] = []

            def take(row: ProfileRow, rows: list[ProfileRow] = rows) -> None:
                rows.append(row)
                if len(rows) % 70 == 0:
                    self.network.callLater(0, self.network.connections[-1].abortConnection)

            reading = ProfileReading(OBIS, NOW - 3 * DAY, NOW - HOUR, take)
            self.finish(
                read_through(
                    lambda meter=meter: Visit(meter, self.network),
                    reading,
                    clock=self.network,
                    told=lambda error, failed, pause, told=told: told.append(str(error)),
                )
            )
            self.expect(rows, NOW - 3 * DAY, NOW - HOUR)
            self.assertEqual(len(told), 4, told)
            self.end()

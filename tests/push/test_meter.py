"""A meter that pushes: readings, their times, its status, and its silence."""

from __future__ import annotations

import datetime
from decimal import Decimal

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import ClockStatus, DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.notification import DataNotification
from dlmsd.model import MeterState
from tests.push.desk import NOW, Room
from tests.push.pushes import meter
from tests.vectors import push as vectors

SURE = ClockStatus(0)
COLOMBIA = datetime.timezone(datetime.timedelta(hours=-5))


def power(watts: int, moment: DateTime | None = None, clock: DateTime | None = None) -> bytes:
    """A self-describing push."""
    pairs = [
        Data(Tag.OCTET_STRING, Obis.parse("1-0:1.7.0").raw),
        Data(Tag.DOUBLE_LONG_UNSIGNED, watts),
    ]
    if clock is not None:
        pairs += [
            Data(Tag.OCTET_STRING, Obis.parse("0-0:1.0.0").raw),
            Data(Tag.OCTET_STRING, clock.encode()),
        ]
    return DataNotification(1, moment, Data(Tag.STRUCTURE, tuple(pairs))).encode()


def at(seconds: float, status: ClockStatus = SURE) -> DateTime:
    moment = DateTime.from_datetime(datetime.datetime.fromtimestamp(seconds, COLOMBIA))
    return DateTime(moment.date, moment.time, moment.deviation, status)


class ReadingTests(SynchronousTestCase):
    def test_a_push_becomes_a_reading_and_a_status(self) -> None:
        room = Room(meter())
        self.assertEqual(room.status.state, MeterState.CONNECTING)
        room.send(vectors.AIDON_3)
        (reading,) = room.readings
        self.assertEqual((reading.meter, reading.ts), ("m", int(NOW * 1000)))
        self.assertEqual(reading.values["voltage_l1"], Decimal("227.6"))
        status = room.status
        self.assertEqual((status.state, status.good, status.recent), (MeterState.READING, 1, 1.0))
        self.assertEqual(status.units["voltage_l1"], "V")
        self.assertEqual(status.address, "192.0.2.1 (push han)")
        self.assertEqual(status.notifications, 1)
        self.assertIs(status.reading, reading)
        room.stop()
        self.assertEqual(room.clock.getDelayedCalls(), [])

    def test_short_and_long_lists_join_in_the_status(self) -> None:
        room = Room(meter('profile = "kaifa-han"'))
        room.send(vectors.KAIFA_18)
        room.send(vectors.KAIFA_1)
        self.assertEqual([len(one.values) for one in room.readings], [14, 1])
        self.assertEqual(room.status.values["active_power"], Decimal(3416))
        self.assertEqual(room.status.values["active_energy"], Decimal(82628217))

    def test_nothing_wanted_is_a_sign_of_life(self) -> None:
        room = Room(meter('read = ["frequency"]', "expect_every = 10"))
        room.clock.advance(9)
        room.send(vectors.AIDON_3)
        room.clock.advance(9)
        self.assertEqual((room.readings, room.status.failed), ([], 0))
        self.assertNotEqual(room.status.state, MeterState.DOWN)

    def test_what_wants_to_be_confirmed_is_when_it_is_kept(self) -> None:
        room = Room(meter())
        confirmed = b"\x0f\xc0\x00\x00\x07" + power(230)[5:]
        answer = WrapperFrame(1, 1, bytes.fromhex("10C000000700")).encode()
        room.full = True
        room.send_apdu(confirmed)
        self.assertEqual(room.answers, [])
        room.full = False
        room.send_apdu(power(230))
        self.assertEqual(room.answers, [])
        room.send_apdu(confirmed)
        self.assertEqual((len(room.readings), room.answers), (2, [answer]))
        # What nobody wants was received too; a stranger's is not ours to confirm.
        unwanted = Room(meter('read = ["frequency"]'))
        unwanted.send_apdu(confirmed)
        self.assertEqual((unwanted.readings, unwanted.answers), ([], [answer]))
        stranger = Room()
        stranger.send_apdu(confirmed)
        self.assertEqual(stranger.answers, [])

    def test_a_full_disk(self) -> None:
        room = Room(meter())
        room.full = True
        room.send(vectors.AIDON_3)
        self.assertEqual((room.status.good, room.status.failed), (0, 1))
        self.assertIn("the disk is full", room.status.error)
        room.full = False
        room.send(vectors.AIDON_3)
        self.assertEqual((room.status.good, room.status.error), (1, ""))


class TimeTests(SynchronousTestCase):
    def ts(self, apdu: bytes, **room: float) -> float:
        one = Room(meter(), **room)  # type: ignore[arg-type]
        one.send_apdu(apdu)
        return one.readings[0].ts / 1000

    def test_the_meters_own_time(self) -> None:
        self.assertEqual(self.ts(power(1, at(NOW - 3600))), NOW - 3600)
        self.assertEqual(self.ts(power(1, None, at(NOW - 60))), NOW - 60)
        unsure = at(NOW - 7, ClockStatus.DOUBTFUL)
        self.assertEqual(self.ts(power(1, unsure, at(NOW - 8))), NOW - 8)

    def test_a_time_zone_for_those_that_tell_no_deviation(self) -> None:
        local = datetime.datetime.fromtimestamp(NOW - 5, COLOMBIA).replace(tzinfo=None)
        room = Room(meter('timezone = "America/Bogota"'))
        room.send_apdu(power(1, DateTime.from_datetime(local)))
        self.assertEqual(room.readings[0].ts, int(NOW - 5) * 1000)

    def test_a_deviation_of_the_other_sign(self) -> None:
        turned = evolve(at(NOW - 5), deviation=-300)
        self.assertEqual(self.ts(power(1, evolve(turned))), NOW - 5 - 10 * 3600)
        room = Room(meter('quirks = ["negate-deviation"]'))
        room.send_apdu(power(1, turned))
        self.assertEqual(room.readings[0].ts, int(NOW - 5) * 1000)

    def test_ours_where_it_cannot_be_believed(self) -> None:
        local = DateTime.from_datetime(datetime.datetime.fromtimestamp(NOW))
        for moment in (
            None,
            local,
            at(NOW + 3600),
            at(NOW - 30 * 86_400),
            at(NOW - 7, ClockStatus.INVALID),
            at(NOW - 7, ClockStatus.DOUBTFUL),
            DateTime.decode(bytes.fromhex("270F0C1FFF173B3BFF000000")),
            DateTime.decode(bytes.fromhex("00010101FF000000FF7FFF00")),
        ):
            self.assertEqual(self.ts(power(1, moment)), NOW)

    def test_each_is_later_than_the_last(self) -> None:
        room = Room(meter(), last_ts=int(NOW * 1000) + 5)
        for seconds in (0.0, 0.0, -100.0, 0.0):
            room.wall = NOW + seconds
            room.send_apdu(power(1))
        times = [one.ts - int(NOW * 1000) for one in room.readings]
        self.assertEqual(times, [6, 7, 8, 9])


class SilenceTests(SynchronousTestCase):
    def test_down_after_expect_every_and_back(self) -> None:
        room = Room(meter("expect_every = 60"))
        room.clock.advance(59)
        self.assertEqual(room.status.state, MeterState.CONNECTING)
        room.clock.advance(1)
        self.assertEqual(room.status.state, MeterState.DOWN)
        self.assertEqual(room.status.error, "no push for 60 s")
        self.assertIn("expect_every", room.status.advice)
        room.send(vectors.AIDON_3)
        self.assertEqual((room.status.state, room.status.error), (MeterState.READING, ""))
        for _ in range(10):
            room.clock.advance(50)
            room.send(vectors.AIDON_3)
        self.assertEqual(room.status.state, MeterState.READING)
        room.clock.advance(60)
        self.assertEqual(room.status.state, MeterState.DOWN)

    def test_a_push_that_is_kept_late_ends_no_silence_that_came_since(self) -> None:
        room = Room(meter("expect_every = 60"))
        kept = room.kept = Deferred()
        room.send(vectors.AIDON_3)
        room.clock.advance(60)
        kept.callback(None)
        self.assertEqual((room.status.state, room.status.good), (MeterState.DOWN, 1))
        self.assertEqual(room.status.error, "no push for 60 s")
        room.kept = succeed(None)
        room.send(vectors.AIDON_3)
        self.assertEqual((room.status.state, room.status.error), (MeterState.READING, ""))

    def test_what_is_not_believed_is_no_sign_of_life(self) -> None:
        room = Room(meter("expect_every = 60"))
        for _ in range(6):
            room.clock.advance(10)
            room.send_apdu(b"\x0f\x00")
        self.assertEqual((room.status.state, room.status.failed), (MeterState.DOWN, 6))

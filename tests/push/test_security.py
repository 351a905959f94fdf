"""Ciphered pushes: published ones, the floor, replays, forgeries, and a restart."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.mbus import MBusFrame
from dlmsd.dlms.security.gcm import Gcm
from dlmsd.dlms.security.suite import SUITES, SecurityControl
from dlmsd.dlms.xdlms.ciphered import Ciphered, GeneralCiphered
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering
from dlmsd.dlms.xdlms.transaction import Transaction
from dlmsd.errors import StoreError
from dlmsd.push.assembly import Arrived
from dlmsd.secret import Secret
from tests.push.desk import ROUTE, Room
from tests.push.pushes import HAN, apdus, ciphered, shown
from tests.push.test_meter import power
from tests.vectors import push as vectors

KEYS = vectors.LANDIS_GYR_KEYS
TITLE = vectors.LANDIS_GYR_TITLE
METER = ciphered(KEYS, TITLE)
TAGGED = SecurityControl.of(0x30)
UNTAGGED = SecurityControl.of(0x20)


def protect(
    plain: bytes,
    counter: int,
    control: SecurityControl = TAGGED,
    *,
    title: bytes = TITLE,
    told: bytes | None = None,
) -> bytes:
    """``plain`` in general-glo-ciphering; ``told`` is the title in it, if another."""
    gcm = Gcm(SUITES[0], Secret(KEYS[0]), Secret(KEYS[1]))
    content = gcm.protect(control, title, counter, plain)
    told = title if told is None else told
    return GeneralCiphered(False, told, control, counter, content).encode()


class PublishedTests(SynchronousTestCase):
    def values(self, options: MeterOptions, *octets: bytes) -> dict[str, str]:
        room = Room(options)
        room.send(*octets)
        self.assertEqual(room.status.error, "")
        (reading,) = room.readings
        room.send(*octets)
        self.assertEqual((len(room.readings), room.status.failed), (1, 1))
        self.assertIn("after", room.status.error)
        return shown(reading.values)

    def test_landis_gyr_in_blocks_with_a_tag(self) -> None:
        found = self.values(METER, vectors.LANDIS_GYR_CIPHERED)
        self.assertEqual(len(found), 16)
        self.assertEqual((found["active_energy"], found["active_power"]), ("12048950", "545"))
        self.assertEqual(found["reactive_energy_export"], "9801363")

    def test_kamstrup_with_a_tag(self) -> None:
        options = ciphered(
            vectors.KAMSTRUP_KEYS, vectors.KAMSTRUP_TITLE, 'profile = "kamstrup-han"'
        )
        found = self.values(options, vectors.KAMSTRUP_CIPHERED)
        self.assertEqual((found["active_energy"], found["current_l2"]), ("63074980", "2.28"))
        self.assertEqual((found["voltage_l3"], found["active_power"]), ("227", "1083"))

    def test_netz_noe_without_a_tag(self) -> None:
        options = ciphered((vectors.NETZ_NOE_KEY,), vectors.NETZ_NOE_TITLE)
        found = self.values(options, *vectors.NETZ_NOE)
        self.assertEqual((found["active_energy"], found["voltage_l1"]), ("12937", "233.7"))
        self.assertEqual(found["power_factor"], "1.000")

    def test_vorarlberg_of_suite_1(self) -> None:
        options = ciphered(
            (vectors.VORARLBERG_KEY,), vectors.VORARLBERG_TITLE, "security_suite = 1"
        )
        found = self.values(options, *vectors.VORARLBERG)
        self.assertEqual((found["active_energy"], found["voltage_l1"]), ("9108", "230.8"))


class ConfirmedTests(SynchronousTestCase):
    """A meter whose ciphered pushes want an answer gets it ciphered, or repeats them."""

    OURS = b"DLM00001"
    NAMED = evolve(METER, system_title=OURS)

    def push(self, counter: int) -> bytes:
        return protect(b"\x0f\xc0\x00\x00\x07" + power(230)[5:], counter)

    def opened(self, octets: bytes) -> tuple[int, bytes]:
        """The counter of an answer in a wrapper, and what is in it."""
        found = GeneralCiphered.decode(octets[8:])
        self.assertEqual((found.title, found.dedicated), (self.OURS, False))
        self.assertEqual(found.control, TAGGED)
        gcm = Gcm(SUITES[0], Secret(KEYS[0]), Secret(KEYS[1]))
        return found.counter, gcm.open(TAGGED, self.OURS, found.counter, found.content)

    def test_each_under_a_counter_of_its_own(self) -> None:
        room = Room(self.NAMED)
        room.send_apdu(protect(power(1), 1))
        self.assertEqual((room.answers, room.counters.reserved), ([], {}))
        for counter in range(2, 1702):
            room.send_apdu(self.push(counter))
        # A restart goes on above what was reserved.
        again = Room(self.NAMED, counters=room.counters)
        again.send_apdu(self.push(5000))
        found = [self.opened(one) for one in (*room.answers, *again.answers)]
        self.assertEqual({plain for _, plain in found}, {bytes.fromhex("10C000000700")})
        counters = [counter for counter, _ in found]
        self.assertEqual((len(counters), len(set(counters))), (1701, 1701))
        self.assertGreater(min(counters), 0)
        self.assertEqual(counters, sorted(counters))
        self.assertGreaterEqual(max(room.counters.reserved.values()), max(counters))

    def test_none_before_it_is_kept_nor_for_what_is_not_believed(self) -> None:
        room = Room(self.NAMED)
        room.full = True
        room.send_apdu(self.push(1))
        room.full = False
        for apdu in (self.push(1), self.push(2)[:-1] + b"\x00"):
            room.send_apdu(apdu)
        self.assertEqual((room.answers, room.counters.reserved), ([], {}))
        room.send_apdu(self.push(2))
        self.assertEqual(len(room.answers), 1)

    def test_none_where_nothing_can_carry_it(self) -> None:
        room = Room(self.NAMED)
        one = Arrived(self.push(1), ROUTE, MBusFrame(1, 1, b""))
        room.desk.arrived(one, HAN, "192.0.2.1", room.answers.append)
        self.assertEqual((len(room.readings), room.answers), (1, []))
        self.assertEqual(room.counters.reserved, {})

    def test_without_a_title_of_ours_the_log_says_so_once(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        room = Room(METER)
        for counter in (1, 2, 3):
            room.send_apdu(self.push(counter))
        self.assertEqual((len(room.readings), room.answers), (3, []))
        told = [formatEvent(one) for one in events]
        self.assertEqual(len([one for one in told if "there is no system_title" in one]), 1)

    def test_a_disk_that_reserves_nothing(self) -> None:
        room = Room(self.NAMED)
        reserve = room.counters.reserve_counters

        async def full(name: str, above: int, count: int) -> tuple[int, int]:
            raise StoreError("the disk is full")

        self.patch(room.counters, "reserve_counters", full)
        room.send_apdu(self.push(1))
        self.assertEqual((len(room.readings), room.answers), (1, []))
        self.patch(room.counters, "reserve_counters", reserve)
        room.send_apdu(self.push(2))
        self.assertEqual(len(room.answers), 1)


class BeliefTests(SynchronousTestCase):
    def refused(self, room: Room, apdu: bytes, words: str) -> None:
        """Nothing comes of it, and the next genuine one is taken."""
        before, failed = len(room.readings), room.status.failed
        room.send_apdu(apdu)
        self.assertEqual(len(room.readings), before)
        self.assertEqual(room.status.failed, failed + 1)
        self.assertIn(words, room.status.error)

    def test_less_than_the_floor(self) -> None:
        room = Room(METER)
        self.refused(room, power(1), "a push")
        self.refused(room, protect(power(1), 1, UNTAGGED), "encrypted, the floor is")
        suite_1 = SecurityControl.of(0x31)
        self.refused(room, protect(power(1), 1, suite_1), "security suite 1")
        self.refused(room, protect(power(1), 1)[:-1] + b"\x00", "authenticated")
        self.assertEqual(room.counters.received, {})
        room.send_apdu(protect(power(1), 1))
        self.assertEqual(len(room.readings), 1)

    def test_replays_and_old_counters(self) -> None:
        room = Room(METER)
        room.send_apdu(protect(power(1), 1000))
        self.refused(room, protect(power(1), 1000), "1000 of")
        self.refused(room, protect(power(2), 999), "999 of")
        room.send_apdu(protect(power(3), 1001))
        self.assertEqual([int(one.values["active_power"]) for one in room.readings], [1, 3])

    def test_a_replay_after_a_restart(self) -> None:
        room = Room(METER)
        room.send_apdu(protect(power(1), 1000))
        again = Room(METER, counters=room.counters)
        self.refused(again, protect(power(1), 1000), "1000 of")
        again.send_apdu(protect(power(1), 1001))
        self.assertEqual(len(again.readings), 1)

    def test_the_same_keys_under_another_title(self) -> None:
        room = Room(METER)
        room.send_apdu(protect(power(1), 1, title=b"OTHERONE"))
        self.assertEqual((room.readings, len(room.strangers)), ([], 1))
        self.refused(room, protect(power(1), 1, title=b"OTHERONE", told=TITLE), "authenticated")

    def test_an_empty_title(self) -> None:
        room = Room(METER)
        room.send_apdu(protect(power(1), 1, told=b""))
        self.assertEqual(len(room.readings), 1)
        stranger = Room(evolve(METER, push=None))
        stranger.send_apdu(protect(power(1), 1, told=b""))
        self.assertEqual((stranger.readings, len(stranger.strangers)), ([], 1))

    def test_another_meters_serial_number_inside(self) -> None:
        options = ciphered(
            vectors.KAMSTRUP_KEYS, vectors.KAMSTRUP_TITLE, 'serial_number = "12343401"'
        )
        (apdu,) = apdus(vectors.KAMSTRUP_CIPHERED)
        room = Room(options)
        room.send_apdu(apdu)
        self.assertEqual(len(room.readings) + room.status.failed, 1)

    def test_glo_and_general_ciphering(self) -> None:
        room = Room(METER)
        gcm = Gcm(SUITES[0], Secret(KEYS[0]), Secret(KEYS[1]))
        event = bytes.fromhex("C200 0003 0100010700FF 02 0600000007")
        content = gcm.protect(TAGGED, TITLE, 5, event)
        room.send_apdu(Ciphered(0xCA, TAGGED, 5, content).encode())
        transaction = Transaction(b"\x01" * 8, TITLE, b"")
        content = gcm.protect(TAGGED, TITLE, 6, power(8), transaction.encode())
        room.send_apdu(GeneralCiphering(transaction, None, TAGGED, 6, content).encode())
        self.assertEqual([int(one.values["active_power"]) for one in room.readings], [7, 8])

    def test_a_ciphered_push_without_a_key(self) -> None:
        room = Room(evolve(METER, security="none"))
        self.refused(room, protect(power(1), 1), "a ciphered push")

    def test_garbage_inside_a_good_tag(self) -> None:
        room = Room(METER)
        self.refused(room, protect(b"\x0f\x00\x00", 1), "cut short")
        self.refused(room, protect(protect(power(1), 2), 3), "a second time")
        room.send_apdu(protect(power(1), 4))
        self.assertEqual(len(room.readings), 1)

    @given(st.integers(0, 200), st.integers(1, 255))
    def test_no_changed_octet_is_believed(self, place: int, change: int) -> None:
        room = Room(METER)
        apdu = bytearray(protect(power(1), 7))
        apdu[place % len(apdu)] ^= change
        room.send_apdu(bytes(apdu))
        self.assertEqual(room.readings, [])
        room.send_apdu(protect(power(1), 7))
        self.assertEqual(len(room.readings), 1)

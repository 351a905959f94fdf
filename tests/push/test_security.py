"""Ciphered pushes: published ones, the floor, replays, forgeries, and a restart."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.security.gcm import Gcm
from dlmsd.dlms.security.suite import SUITES, SecurityControl
from dlmsd.dlms.xdlms.ciphered import Ciphered, GeneralCiphered
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering
from dlmsd.dlms.xdlms.transaction import Transaction
from dlmsd.secret import Secret
from tests.push.desk import Room
from tests.push.pushes import apdus, ciphered, shown
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
        self.assertEqual(room.counters.kept, {})
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

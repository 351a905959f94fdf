"""Whose push it is: titles, serial numbers, addresses, listeners; and strangers."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import PushOptions
from dlmsd.push.framing import Route
from tests.push.desk import Room
from tests.push.pushes import HAN, ciphered, meter
from tests.push.test_meter import power
from tests.vectors import push as vectors

AIDON = "7359992892587665"
KAIFA = "6970631403757615"


def one(name: str, *lines: str, **changes: object) -> object:
    return evolve(meter(*lines), name=name, **changes)


class MatchTests(SynchronousTestCase):
    def names(self, room: Room) -> list[str]:
        return [reading.meter for reading in room.readings]

    def test_by_serial_number(self) -> None:
        aidon = evolve(meter(f'serial_number = "{AIDON}"'), name="aidon", push=None)
        kaifa = evolve(
            meter(f'serial_number = "{KAIFA}"', 'profile = "kaifa-han"'), name="kaifa", push=None
        )
        room = Room(aidon, kaifa)
        room.send(vectors.AIDON_3)
        room.send(vectors.KAIFA_13)
        self.assertEqual(self.names(room), ["aidon", "kaifa"])
        # A list of one value has no serial number, and nobody claims it by anything else.
        room.send(vectors.KAIFA_1)
        room.send(vectors.KAMSTRUP)
        self.assertEqual(len(room.readings), 2)
        self.assertEqual(len(room.strangers), 2)
        self.assertIn("5706567274389702", room.strangers[1][1])

    def test_the_device_id_that_is_pushed_is_its_serial_number(self) -> None:
        """Once, also where another list of its names none; the texts of the lists differ."""
        for lists, serial in (
            ((vectors.AIDON_3, vectors.AIDON_3), AIDON),
            ((vectors.KAIFA_13, vectors.KAIFA_1), KAIFA),
        ):
            room = Room(evolve(meter('profile = "kaifa-han"'), push=None, host="192.0.2.1"))
            room.send(*lists)
            self.assertEqual(
                [(one.name, one.serial, one.ts > 0) for one in room.identities],
                [(room.meters[0].options.name, serial, True)],
            )

    def test_another_serial_number_is_another_meter(self) -> None:
        room = Room(meter('serial_number = "7359992892587666"'))
        room.send(vectors.AIDON_3)
        self.assertEqual((room.readings, len(room.strangers)), ([], 1))
        # Short lists of the same listener have none, and are taken.
        room.send_apdu(power(1))
        self.assertEqual(len(room.readings), 1)

    def test_by_listener(self) -> None:
        first = evolve(meter(), name="first", push="a")
        second = evolve(meter(), name="second", push="b")
        room = Room(first, second)
        for name in ("b", "a", "c"):
            room.send_apdu(power(1), listener=PushOptions(name, listen="tcp:0"))
        self.assertEqual(self.names(room), ["second", "first"])
        self.assertEqual([name for name, _ in room.strangers], ["c"])

    def test_by_source_address(self) -> None:
        four = evolve(meter(), name="four", push=None, host="192.0.2.7")
        six = evolve(meter(), name="six", push=None, host="2001:db8::7")
        room = Room(four, six)
        for host in ("2001:db8:0::7", "192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"):
            room.send_apdu(power(1), host=host)
        self.assertEqual(self.names(room), ["six", "four", "four"])
        self.assertEqual(len(room.strangers), 1)

    def test_by_client_and_device(self) -> None:
        listener = PushOptions("rs485", listen="tcp:0", by_address=True)
        meters = [
            evolve(meter(), name=f"m{n}", push=None, logical_device=1, physical_device=n, client=16)
            for n in (17, 18)
        ]
        room = Room(*meters)
        for source, client in (
            (b"\x02\x25", b"\x21"),
            (b"\x02\x23", b"\x21"),
            (b"\x02\x23", b"\x03"),
        ):
            room.send_apdu(power(1), listener=listener, route=Route("hdlc", source, client))
        self.assertEqual(self.names(room), ["m18", "m17"])
        wrapped = evolve(meters[0], logical_device=5)
        room = Room(wrapped)
        for source in (b"\x00\x05", b"\x00\x01"):
            room.send_apdu(power(1), listener=listener, route=Route("wrapper", source, b"\x00\x10"))
        self.assertEqual((len(room.readings), len(room.strangers)), (1, 1))

    def test_the_best_fit_and_no_guess(self) -> None:
        any_one = evolve(meter(), name="rest")
        aidon = evolve(meter(f'serial_number = "{AIDON}"'), name="aidon")
        room = Room(any_one, aidon)
        room.send(vectors.AIDON_3)
        room.send(vectors.KAMSTRUP)
        self.assertEqual(self.names(room), ["aidon", "rest"])
        room = Room(any_one, evolve(any_one, name="other"))
        room.send(vectors.AIDON_3)
        self.assertEqual((room.readings, len(room.strangers)), ([], 1))

    def test_by_system_title(self) -> None:
        netz = ciphered((vectors.NETZ_NOE_KEY,), vectors.NETZ_NOE_TITLE)
        kamstrup = ciphered(vectors.KAMSTRUP_KEYS, vectors.KAMSTRUP_TITLE)
        room = Room(
            evolve(netz, name="netz", push=None), evolve(kamstrup, name="kamstrup", push=None)
        )
        room.send(vectors.KAMSTRUP_CIPHERED)
        room.send(*vectors.NETZ_NOE)
        room.send(*vectors.VORARLBERG)
        self.assertEqual(self.names(room), ["kamstrup", "netz"])
        self.assertIn("system title 4B464D1010000023", room.strangers[0][1])


class StrangerTests(SynchronousTestCase):
    def test_each_is_told_once(self) -> None:
        room = Room()
        for _ in range(3):
            room.send(vectors.AIDON_3)
            room.send(vectors.KMS_WEST)
        self.assertEqual(len(room.strangers), 6)
        self.assertEqual(len(room.desk._told), 2)

    def test_a_flood_of_names_is_bounded(self) -> None:
        room = Room()
        for number in range(3000):
            room.send_apdu(b"\x00", route=Route("wrapper", number.to_bytes(2, "big"), b"\0\1"))
        self.assertEqual((len(room.strangers), len(room.desk._told)), (3000, 1000))

    def test_apdus_that_are_no_push(self) -> None:
        room = Room(meter())
        for apdu in (b"", b"\x0f", b"\xdb", b"\xdb\x08", b"\xc0\x01\xc1", b"\xdd\x00", b"\xff" * 9):
            room.send_apdu(apdu, listener=HAN)
        self.assertEqual(room.readings, [])
        # What names no meter by itself is still of this listener's only meter.
        self.assertGreater(room.status.failed, 3)
        room.send(vectors.AIDON_3)
        self.assertEqual(len(room.readings), 1)

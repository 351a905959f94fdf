"""IEC 62056-21 mode E: octets, delays and what may come in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.mode_e import Action, Failed, ModeE, Opened, Rate, Send, State, Wait, even
from dlmsd.errors import LocalError, MeterError, SilenceError

# A Landis+Gyr ZMD, read with 8 bits, so that its parity is left on (logged by a user,
# github.com/pwitab/iec62056-21, issue 16).
ZMD_WITH_PARITY = bytes.fromhex(
    "AF CC 47 5A 35 5C B2 5A 4D 44 B4 30 35 B4 B4 35 39 2E 42 B4 30 8D 0A"
)
# Landis+Gyr, E650 user manual, clause 5.7.1; "\2" is the enhanced identification character
# for HDLC (IEC 62056-21 clause 6.3.2, item 24; listed at dlms.com).
E650 = b"/LGZ4\\2ZMD3104100\r\n"
# Without "\2" (mode C), and of a maker that reacts within 20 ms (a small third letter).
MODE_C = b"/LGZ5ZMD120\r\n"
QUICK = b"/ISk5\\2MT382-1000\r\n"

REQUEST = bytes.fromhex("AF 3F 21 8D 0A")  # /?! CR LF, with even parity
CHOSEN = bytes.fromhex("06 B2 35 B2 8D 0A")  # ACK 2 5 2 CR LF


class ModeETests(SynchronousTestCase):
    def setUp(self) -> None:
        self.machine = ModeE()

    def feed(self, octets: bytes) -> list[Action]:
        """Octet by octet; everything but the waits between."""
        found = [action for octet in octets for action in self.machine.receive(bytes((octet,)))]
        return [one for one in found if not isinstance(one, Wait)]

    def test_the_whole_way(self) -> None:
        request_lasts, choice_lasts = 5 * 10 / 300, 6 * 10 / 300
        self.assertEqual(
            self.machine.start(), [Rate(300), Send(REQUEST), Wait(request_lasts + 1.5)]
        )
        self.assertEqual(self.machine.receive(ZMD_WITH_PARITY), [Wait(0.2)])
        self.assertEqual(self.machine.elapsed(), [Send(CHOSEN), Wait(choice_lasts + 0.1)])
        self.assertEqual(self.machine.elapsed(), [Rate(9600), Wait(1.5)])
        self.assertEqual(self.machine.receive(CHOSEN), [Wait(0.2)])
        self.assertEqual(self.machine.elapsed(), [Opened("LGZZMD4054459.B40")])

    def test_identifications_in_three_ways(self) -> None:
        for octets, choice in ((ZMD_WITH_PARITY, CHOSEN), (E650, even(b"\x06242\r\n"))):
            for pieces in (
                [octets],
                [bytes((octet,)) for octet in octets],
                [octets + b"\x00/!"],
                [b"\xff\x00/", octets],
                [REQUEST + octets],
            ):
                self.setUp()
                self.machine.start()
                for piece in pieces:
                    self.machine.receive(piece)
                self.assertIs(self.machine.state, State.REPLYING, pieces)
                self.assertEqual(self.machine.elapsed()[0], Send(choice))

    def test_a_quick_meter_is_answered_quickly(self) -> None:
        self.machine.start()
        self.assertEqual(self.machine.receive(QUICK), [Wait(0.02)])

    def test_an_address(self) -> None:
        self.assertIn(Send(even(b"/?12345678!\r\n")), ModeE("12345678").start())

    def test_the_ceiling(self) -> None:
        self.machine = ModeE(ceiling=2400)
        self.machine.start()
        self.machine.receive(E650)
        self.assertEqual(self.machine.elapsed()[0], Send(even(b"\x06232\r\n")))
        self.assertRaises(LocalError, ModeE, ceiling=115200)

    def test_echoes_are_passed_over(self) -> None:
        self.machine.start()
        self.assertEqual(self.feed(REQUEST), [])
        self.machine.receive(ZMD_WITH_PARITY)
        self.machine.elapsed()
        self.assertEqual(self.feed(CHOSEN), [])
        self.assertIs(self.machine.state, State.SWITCHING)

    def test_no_hdlc(self) -> None:
        for octets in (MODE_C, b"/LGZA\\2x\r\n", b"/LGZ9\\2x\r\n", b"/LGZ5\\3x\r\n"):
            self.setUp()
            self.machine.start()
            (failed,) = self.feed(octets)
            assert isinstance(failed, Failed)
            self.assertIsInstance(failed.error, MeterError)
            self.assertIn("offers no HDLC", str(failed.error))

    def test_silence(self) -> None:
        first = self.machine.start()
        self.assertEqual(self.machine.elapsed(), first)
        self.assertEqual(self.machine.elapsed(), first)
        (failed,) = self.machine.elapsed()
        assert isinstance(failed, Failed)
        self.assertIsInstance(failed.error, SilenceError)
        self.assertEqual(self.machine.elapsed(), [])

    def test_a_meter_that_does_not_confirm(self) -> None:
        self.machine.start()
        self.machine.receive(E650)
        for _ in range(2):
            self.machine.elapsed()
        self.assertEqual(self.machine.elapsed(), [Opened("LGZZMD3104100")])

    @given(st.lists(st.one_of(st.none(), st.binary(max_size=300)), max_size=30))
    def test_nothing_makes_it_fall_or_go_on_for_ever(self, events: list[bytes | None]) -> None:
        machine = ModeE()
        machine.start()
        for event in events:
            machine.elapsed() if event is None else machine.receive(event)
        for _ in range(10):
            machine.elapsed()
        self.assertIs(machine.state, State.ENDED)

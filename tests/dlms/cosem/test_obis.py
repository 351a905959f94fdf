from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.cosem.obis import Obis

VOLTAGE = Obis(bytes((1, 1, 32, 7, 0, 255)))


class ObisTests(SynchronousTestCase):
    def test_every_usual_form(self) -> None:
        for text in (
            "1-1:32.7.0",
            "1-1:32.7.0*255",
            "1-1:32.7.0&255",
            "1-1:32.7.0.255",
            "1.1.32.7.0.255",
            "1-1:32.7",
            " 1-1:32.7.0 ",
        ):
            expected = Obis(bytes((1, 1, 32, 7, 255, 255))) if text == "1-1:32.7" else VOLTAGE
            self.assertEqual(Obis.parse(text), expected, text)

    def test_refused(self) -> None:
        for text in (
            "",
            "32.7.0",
            "1-1:32",
            "1-1:256.7.0",
            "1-1:32.7.0*256",
            "1-1-32.7.0",
            "1.1.32.7.0",
            "1-1:32.7.0.0.0",
            "voltage",
            "-1-1:32.7.0",
        ):
            self.assertRaises(ValueError, Obis.parse, text)

    def test_six_groups(self) -> None:
        for size in (0, 5, 7):
            self.assertRaises(ValueError, Obis, bytes(size))
        self.assertRaises(TypeError, Obis, "1-1:32.7.0")

    def test_text(self) -> None:
        self.assertEqual(str(VOLTAGE), "1-1:32.7.0")
        self.assertEqual(str(Obis(bytes((1, 0, 1, 8, 2, 0)))), "1-0:1.8.2*0")

    def test_the_other_channel(self) -> None:
        for text, other in (
            ("1-0:1.8.0", "1-1:1.8.0"),
            ("1-1:1.8.0", "1-0:1.8.0"),
            ("1-2:1.8.0", None),
            ("0-0:96.1.0", None),
            ("0-1:24.2.1", None),
            ("7-0:3.0.0", None),
        ):
            expected = None if other is None else Obis.parse(other)
            self.assertEqual(Obis.parse(text).other_channel, expected, text)

    @settings(deadline=None, max_examples=100)
    @given(st.binary(min_size=6, max_size=6))
    def test_text_is_read_again(self, raw: bytes) -> None:
        self.assertEqual(Obis.parse(str(Obis(raw))).raw, raw)
        self.assertEqual(Obis.parse(".".join(map(str, raw))).raw, raw)

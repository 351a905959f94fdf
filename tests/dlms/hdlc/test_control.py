"""Control fields, by the table of IEC 62056-46 clause 6.4.3."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.control import KINDS, Kind


class ControlTests(SynchronousTestCase):
    def test_every_octet(self) -> None:
        """128 I frames, 16 RR, 16 RNR, two each of the unnumbered; all else is unknown."""
        unnumbered = (Kind.SNRM, Kind.DISC, Kind.UA, Kind.DM, Kind.FRMR, Kind.UI)
        expected = {Kind.I: 128, Kind.RR: 16, Kind.RNR: 16, **dict.fromkeys(unnumbered, 2)}
        counted = Counter(KINDS)
        self.assertEqual(counted.pop(Kind.UNKNOWN), 256 - sum(expected.values()))
        self.assertEqual(dict(counted), expected)

    def test_standard_octets(self) -> None:
        for octet, kind in (
            (0x93, Kind.SNRM),
            (0x53, Kind.DISC),
            (0x73, Kind.UA),
            (0x1F, Kind.DM),
            (0x97, Kind.FRMR),
            (0x13, Kind.UI),
            (0x03, Kind.UI),
            (0x10, Kind.I),
            (0x31, Kind.RR),
            (0x35, Kind.RNR),
        ):
            self.assertIs(KINDS[octet], kind)

    def test_reject_does_not_exist(self) -> None:
        for number in range(8):
            self.assertIs(KINDS[number << 5 | 0x19], Kind.UNKNOWN)
            self.assertIs(KINDS[number << 5 | 0x1D], Kind.UNKNOWN)

    def test_numbers(self) -> None:
        self.assertEqual(control.information(0, 0, final=True), 0x10)
        self.assertEqual(control.information(1, 2, final=True), 0x52)
        self.assertEqual(control.information(7, 7, final=False), 0xEE)
        for send in range(8):
            for receive in range(8):
                octet = control.information(send, receive, final=True)
                self.assertEqual(control.send_number(octet), send)
                self.assertEqual(control.receive_number(octet), receive)
            self.assertEqual(control.receive_number(control.receive_ready(send)), send)
            self.assertIs(KINDS[control.receive_ready(send)], Kind.RR)
            self.assertIs(KINDS[control.receive_not_ready(send, final=False)], Kind.RNR)
        self.assertEqual(control.receive_ready(1), 0x31)
        self.assertEqual(control.receive_ready(1, final=False), 0x21)
        self.assertEqual(control.receive_not_ready(7), 0xF5)

"""Notifications of bare attribute descriptors: a published one, and what is wrong in others."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.xdlms.described import DescribedNotification
from dlmsd.errors import DecodeError
from tests.vectors.push import SAGEMCOM_XT211


class DescribedTests(SynchronousTestCase):
    def test_the_published_one_three_ways(self) -> None:
        push = DescribedNotification.decode(SAGEMCOM_XT211)
        self.assertEqual(len(push.values), 22)
        self.assertEqual(str(push.values[8][0]), "3/1-0:1.7.0/2")
        self.assertEqual(push.values[8][1], Data(Tag.DOUBLE_LONG_UNSIGNED, 1956))
        self.assertEqual(push.encode(), SAGEMCOM_XT211)
        for end in range(len(SAGEMCOM_XT211)):
            self.assertRaises(DecodeError, DescribedNotification.decode, SAGEMCOM_XT211[:end])
        error = self.assertRaises(
            DecodeError, DescribedNotification.decode, SAGEMCOM_XT211 + b"\x00"
        )
        self.assertIn("trailing", str(error))

    def test_a_count_that_lies(self) -> None:
        for count in (b"\x84\xff\xff\xff\xff", b"\x17", b"\x15"):
            octets = SAGEMCOM_XT211.replace(b"\x01\x16\x02\x02", b"\x01" + count + b"\x02\x02", 1)
            self.assertRaises(DecodeError, DescribedNotification.decode, octets)

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, decode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject, decode_capture_objects
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DecodeError
from tests.vectors import services


def data(octets: str) -> Data:
    """From encoded Data."""
    return decode(bytes.fromhex(octets))[0]


CLOCK = CaptureObject(AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2))
ENERGY = CaptureObject(AttributeDescriptor(3, Obis.parse("1-1:1.8.0"), 2), 3)


class CaptureObjectTests(SynchronousTestCase):
    def test_both_ways(self) -> None:
        octets = "0102 0204 120008 09060000010000FF 0F02 120000"
        octets += "0204 120003 09060101010800FF 0F02 120003"
        self.assertEqual(decode_capture_objects(data(octets)), (CLOCK, ENERGY))
        self.assertEqual(ENERGY.data, data(octets).value[1])

    def test_of_a_push(self) -> None:
        # The push object list that a Landis+Gyr E450 sends, and one of version 2.
        joined = b"".join(block[7:] for block in services.PUSH_BLOCKS)
        columns = decode_capture_objects(decode(joined, 20)[0])
        self.assertEqual(len(columns), 13)
        self.assertEqual(str(columns[4]), "3/1-0:1.8.1/2")
        six = "0101 0206 120008 09060000010000FF 0F02 120000 0202160000 0100"
        self.assertEqual(decode_capture_objects(data(six)), (CLOCK,))

    def test_an_index_of_minus_one(self) -> None:
        for index in ("0FFF", "11FF"):
            octets = f"0204 120007 09060100630100FF {index} 120000"
            self.assertEqual(CaptureObject.of(data(octets)).attribute.attribute, -1)

    def test_none(self) -> None:
        self.assertEqual(decode_capture_objects(data("0100")), ())
        self.assertEqual(decode_capture_objects(data("00")), ())

    def test_words(self) -> None:
        self.assertEqual(str(CLOCK), "8/0-0:1.0.0/2")
        self.assertEqual(str(ENERGY), "3/1-1:1.8.0/2[3]")

    def test_what_is_wrong_is_named(self) -> None:
        name = "09060000010000FF"
        for octets, words in (
            ("0301", "capture_objects is boolean, not array"),
            ("0101 00", "a capture object is null-data, not structure"),
            (f"0101 0203 120008 {name} 0F02", "has 3 elements, not 4"),
            (f"0101 0204 0FFF {name} 0F02 120000", "class_id is -1"),
            (f"0101 0204 0600010000 {name} 0F02 120000", "class_id is 65536"),
            ("0101 0204 120008 0905000001 0000 0F02 120000", "not six octets"),
            ("0101 0204 120008 0A06303030303030 0F02 120000", "logical_name is visible-string"),
            (f"0101 0204 120008 {name} 120100 120000", "attribute_index is 256"),
            (f"0101 0204 120008 {name} 0301 120000", "boolean, which is no whole number"),
            (f"0101 0204 120008 {name} 0F02 0FFF", "data_index is -1"),
        ):
            error = self.assertRaises(DecodeError, decode_capture_objects, data(octets))
            self.assertIn(words, str(error))

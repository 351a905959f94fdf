"""Object lists: judged by dlms-cosem 21.3.2, and wrong as meters send them.

The judge reads an access mode as bits whatever the version, wants every right, and refuses
classes that it does not know.
"""

from __future__ import annotations

from typing import Any

from dlms_cosem import enumerations
from dlms_cosem.parsers import AssociationObjectListParser
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import (
    AttributeAccess,
    AttributeRight,
    CosemObject,
    MethodRight,
    decode_object_list,
    object_list,
)
from dlmsd.errors import DecodeError
from tests.dlms.axdr.trees import trees

# Class, version, name: the clock, of which attribute 2 may be read and written and method 6
# invoked; a data object without rights.
CLOCK = "0204 120008 1100 09060000010000FF"
RIGHTS = "0202 0102 0203 0F01 1601 00 0203 0F02 1603 01010F01 0101 0202 0F06 1601"
DATA = "0204 120001 1100 090600002A0000FF"
ASSOCIATION = "0204 12000F 11{version} 0906000028{number}00FF 0202 0100 0100"


def entries(*octets: str) -> bytes:
    return bytes((1, len(octets))) + bytes.fromhex("".join(octets))


def only(octets: bytes, version: int | None = None) -> CosemObject:
    (found,) = decode_object_list(octets, version)
    return found


def build(items: list[tuple[Any, ...]]) -> bytes:
    """An object list as a meter encodes it."""
    objects = []
    for class_id, version, name, attributes, methods in items:
        rights = [
            Data(
                Tag.STRUCTURE,
                (
                    Data(Tag.INTEGER, index),
                    Data(Tag.ENUM, mode),
                    Data(Tag.ARRAY, tuple(Data(Tag.INTEGER, each) for each in selectors)),
                ),
            )
            for index, mode, selectors in attributes
        ]
        invoked = [
            Data(Tag.STRUCTURE, (Data(Tag.INTEGER, index), Data(Tag.ENUM, mode)))
            for index, mode in methods
        ]
        access = (Data(Tag.ARRAY, tuple(rights)), Data(Tag.ARRAY, tuple(invoked)))
        parts = (
            Data(Tag.LONG_UNSIGNED, int(class_id)),
            Data(Tag.UNSIGNED, version),
            Data(Tag.OCTET_STRING, name),
            Data(Tag.STRUCTURE, access),
        )
        objects.append(Data(Tag.STRUCTURE, parts))
    return encode(Data(Tag.ARRAY, tuple(objects)))


class ObjectListTests(SynchronousTestCase):
    def test_an_object(self) -> None:
        clock = only(entries(CLOCK + RIGHTS))
        read, write = AttributeRight.READ, AttributeRight.WRITE
        self.assertEqual((clock.class_id, clock.version), (8, 0))
        self.assertEqual(clock.obis, Obis.parse("0-0:1.0.0"))
        self.assertEqual(
            clock.attributes, {1: AttributeAccess(read), 2: AttributeAccess(read | write, (1,))}
        )
        self.assertEqual(clock.methods, {6: MethodRight.INVOKE})

    def test_questions(self) -> None:
        clock = only(entries(CLOCK + RIGHTS))
        self.assertEqual([clock.readable(each) for each in (1, 2, 3)], [True, True, False])
        self.assertEqual([clock.writable(each) for each in (1, 2, 3)], [False, True, False])
        self.assertEqual([clock.invocable(each) for each in (5, 6)], [False, True])

    def test_missing_rights_forbid_nothing(self) -> None:
        for octets in (
            "0203 120001 1100 090600002A0000FF",
            DATA + "00",
            DATA + "0200",
        ):
            found = only(entries(octets))
            self.assertEqual((found.attributes, found.methods), (None, None))
            self.assertTrue(found.readable(2) and found.writable(2) and found.invocable(1))
        found = only(entries(DATA + "0201 0101 0202 0F02 1601"))
        self.assertEqual(found.attributes, {2: AttributeAccess(AttributeRight.READ)})
        self.assertIs(found.methods, None)
        found = only(entries(DATA + "0202 00 00"))
        self.assertEqual((found.attributes, found.methods), ({}, {}))

    def test_a_wrong_count(self) -> None:
        good = entries(CLOCK + RIGHTS, DATA + "00")
        for count in (0, 1, 3, 100):
            self.assertEqual(
                decode_object_list(bytes((1, count)) + good[2:]), decode_object_list(good)
            )
        self.assertRaises(DecodeError, decode_object_list, good[:-1])

    def test_modes_up_to_version_2(self) -> None:
        right = AttributeRight
        for mode, expected in enumerate(
            (
                right.NONE,
                right.READ,
                right.WRITE,
                right.READ | right.WRITE,
                right.READ | right.AUTHENTICATED_REQUEST,
                right.WRITE | right.AUTHENTICATED_REQUEST,
                right.READ | right.WRITE | right.AUTHENTICATED_REQUEST,
            )
        ):
            octets = entries(DATA + f"0202 0101 0203 0F02 16{mode:02X} 00 0100")
            found = only(octets, 2).attributes
            assert found is not None
            self.assertIs(found[2].right, expected)
        # Version 0 has a boolean for methods.
        for mode, allowed in (("0300", False), ("0301", True), ("1600", False), ("1602", True)):
            octets = entries(DATA + f"0202 0100 0101 0202 0F01 {mode}")
            self.assertIs(only(octets, 0).invocable(1), allowed)

    def test_modes_are_bits_from_version_3(self) -> None:
        octets = entries(DATA + "0202 0101 0203 0F02 1604 00 0101 0202 0F01 1604")
        found = only(octets, 3)
        self.assertFalse(found.readable(2) or found.invocable(1))
        self.assertTrue(only(octets, 2).readable(2))
        octets = entries(DATA + "0202 0101 0203 0F02 16DF 00 0100")
        for version in (0, 3):
            found = only(octets, version)
            self.assertTrue(found.readable(2) and found.writable(2))

    def test_modes_are_told_in_the_blue_books_words(self) -> None:
        attributes = (
            "no_access read_only write_only read_and_write authenticated_read_only "
            "authenticated_write_only authenticated_read_and_write"
        )
        for mode, words in enumerate(attributes.split()):
            octets = entries(DATA + f"0202 0101 0203 0F02 16{mode:02X} 00 0100")
            self.assertEqual(only(octets, 2).attribute_mode(2), words)
        self.assertEqual(only(octets, 2).attribute_mode(3), "no_access")
        for mode, words in enumerate(("no_access", "access", "authenticated_access")):
            octets = entries(DATA + f"0202 0100 0101 0202 0F01 16{mode:02X}")
            self.assertEqual(only(octets, 2).method_mode(1), words)
        bits = only(entries(DATA + "0202 0101 0203 0F02 1604 00 0101 0202 0F01 1604"), 3)
        self.assertEqual((bits.attribute_mode(2), bits.method_mode(1)), ("no_access",) * 2)

    def test_the_version_is_that_of_the_current_association(self) -> None:
        other = ASSOCIATION.format(version="00", number="01")
        current = ASSOCIATION.format(version="03", number="00")
        data = DATA + "0202 0101 0203 0F02 1604 00 0100"
        for listed, readable in (
            ((data, other, current), False),
            ((current, other, data), False),
            ((data, other), True),
            ((data,), True),
        ):
            found = {each.class_id: each for each in decode_object_list(entries(*listed))}
            self.assertIs(found[1].readable(2), readable)

    def test_what_is_wrong_is_named(self) -> None:
        for octets, words in (
            ("00", "an object is null-data, not structure"),
            ("0202 120001 1100", "an object has 2 elements"),
            (DATA + "0301", "access_rights of 0-0:42.0.0 is boolean"),
            (DATA + "0202 0301 0100", "attribute_access is boolean, not array"),
            (DATA + "0202 0101 0203 0F02 120100 00 0100", "access_mode is 256"),
            (DATA + "0202 0101 0203 0F02 0FFF 00 0100", "access_mode is -1"),
            (DATA + "0202 0101 0203 120100 1601 00 0100", "attribute_id is 256"),
            (DATA + "0202 0100 0101 0201 0F01", "a method's access has 1 elements"),
        ):
            error = self.assertRaises(DecodeError, decode_object_list, entries(octets))
            self.assertIn(words, str(error))

    def test_a_thousand_objects(self) -> None:
        many = bytes.fromhex("018203E8") + bytes.fromhex(CLOCK + RIGHTS) * 1000
        self.assertEqual(len(decode_object_list(many)), 1000)

    @settings(max_examples=200)
    @given(st.lists(trees, max_size=4))
    def test_anything_else_is_an_error(self, values: list[Data]) -> None:
        try:
            object_list(values)
        except DecodeError:
            return
        self.assertEqual(values, [])


class JudgeTests(SynchronousTestCase):
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(enumerations.CosemInterface),
                st.integers(0, 255),
                st.binary(min_size=6, max_size=6),
                st.lists(
                    st.tuples(
                        st.integers(1, 20),
                        st.integers(0, 255),
                        st.lists(st.integers(0, 127), max_size=3),
                    ),
                    max_size=5,
                ),
                st.lists(st.tuples(st.integers(1, 20), st.integers(0, 255)), max_size=5),
            ),
            max_size=5,
        )
    )
    def test_bits(self, items: list[tuple[Any, ...]]) -> None:
        octets = build(items)
        ours = decode_object_list(octets, 3)
        theirs = AssociationObjectListParser.parse_bytes(octets) if items else []
        self.assertEqual(len(ours), len(theirs))
        for mine, his in zip(ours, theirs, strict=True):
            self.assertEqual(
                (mine.class_id, mine.version, mine.obis.raw),
                (int(his.interface), his.version, his.logical_name.to_bytes()),
            )
            self.assertEqual(
                {
                    index: ([1 << int(bit) for bit in each.access_rights], each.access_selectors)
                    for index, each in his.attribute_access_rights.items()
                },
                {
                    index: ([bit.value for bit in each.right], list(each.selectors))
                    for index, each in (mine.attributes or {}).items()
                },
            )
            self.assertEqual(
                {
                    index: [1 << int(bit) for bit in each.access_rights]
                    for index, each in his.method_access_rights.items()
                },
                {
                    index: [bit.value for bit in right]
                    for index, right in (mine.methods or {}).items()
                },
            )

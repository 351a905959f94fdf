"""Reading the parts of a decoded attribute; what a meter got wrong is a DecodeError."""

from __future__ import annotations

from dlmsd.dlms.axdr.value import Data, Tag
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DecodeError


def elements(data: Data, what: str, least: int, most: int | None = None) -> tuple[Data, ...]:
    """The elements of a structure: ``least``, or up to ``most`` if that is given."""
    found = data.value
    if data.tag is not Tag.STRUCTURE or type(found) is not tuple:
        raise DecodeError(f"{what} is {data.tag.title}, not structure")
    most = least if most is None else most
    if not least <= len(found) <= most:
        raise DecodeError(f"{what} has {len(found)} elements, not {least}")
    return found


def array(data: Data, what: str) -> tuple[Data, ...]:
    """The elements of an array; none for null-data, which some meters send for none."""
    if data.tag is Tag.NULL_DATA:
        return ()
    if data.tag is not Tag.ARRAY or type(data.value) is not tuple:
        raise DecodeError(f"{what} is {data.tag.title}, not array")
    return data.value


def integer(data: Data, what: str) -> int:
    """A whole number, of whatever type."""
    if type(data.value) is not int:
        raise DecodeError(f"{what} is {data.tag.title}, which is no whole number")
    return data.value


def unsigned(data: Data, what: str) -> int:
    """A whole number from 0."""
    number = integer(data, what)
    if number < 0:
        raise DecodeError(f"{what} is {number}, less than 0")
    return number


def signed_octet(data: Data, what: str) -> int:
    """The index of an attribute or method, -128 to 127; some meters send -1 as 255."""
    number = integer(data, what)
    if not -0x80 <= number <= 0xFF:
        raise DecodeError(f"{what} is {number}, which no index is")
    return number - 0x100 if number > 0x7F else number


def class_id(data: Data) -> int:
    """A class_id, 0 to 65,535."""
    number = unsigned(data, "class_id")
    if number > 0xFFFF:
        raise DecodeError(f"class_id is {number}, which no class has")
    return number


def logical_name(data: Data) -> Obis:
    """An octet-string of six."""
    if not isinstance(data.value, bytes) or len(data.value) != 6:
        raise DecodeError(f"logical_name is {data.tag.title}, not six octets")
    return Obis(data.value)

"""Data, written shortly."""

from __future__ import annotations

import datetime
from typing import Final

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.obis import Obis

NULL: Final = Data(Tag.NULL_DATA, None)
# A date-time of which nothing is specified.
NEVER: Final = Data(Tag.OCTET_STRING, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\xff")


def octets(value: bytes) -> Data:
    """octet-string."""
    return Data(Tag.OCTET_STRING, value)


def name(code: str) -> Data:
    """A logical name."""
    return octets(Obis.parse(code).raw)


def boolean(value: bool) -> Data:
    """boolean."""
    return Data(Tag.BOOLEAN, value)


def integer(value: int) -> Data:
    """integer, of one octet."""
    return Data(Tag.INTEGER, value)


def long(value: int) -> Data:
    """long."""
    return Data(Tag.LONG, value)


def unsigned(value: int) -> Data:
    """unsigned, of one octet."""
    return Data(Tag.UNSIGNED, value)


def long_unsigned(value: int) -> Data:
    """long-unsigned."""
    return Data(Tag.LONG_UNSIGNED, value)


def double_long_unsigned(value: int) -> Data:
    """double-long-unsigned."""
    return Data(Tag.DOUBLE_LONG_UNSIGNED, value)


def enum(value: int) -> Data:
    """enum."""
    return Data(Tag.ENUM, value)


def structure(*elements: Data) -> Data:
    """structure."""
    return Data(Tag.STRUCTURE, elements)


def array(*elements: Data) -> Data:
    """array."""
    return Data(Tag.ARRAY, elements)


def utc(t: float) -> Data:
    """Unix seconds as date-time octets."""
    moment = datetime.datetime.fromtimestamp(t, datetime.UTC)
    return octets(DateTime.from_datetime(moment).encode())

"""Octets of ``Data`` and the values in them.

"Aidon" is a list pushed by an Aidon meter, from https://github.com/notima/DLMS-COSEM.
"Kamstrup" are values of a Kamstrup meter, from roarfred/AmsToMqttBridge,
Samples/Kamstrup/obisdata.md. Those without a source are made here, by the tables of the
Green and the Blue Book; no compact-array is published anywhere.
"""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.axdr.clock import ClockStatus, Date, DateTime, Time
from dlmsd.dlms.axdr.compact import CompactArray, TypeDescription
from dlmsd.dlms.axdr.data import BitString, Data, Tag


def _structure(*elements: Data) -> Data:
    return Data(Tag.STRUCTURE, elements)


def _text(name: str, text: str) -> Data:
    return _structure(Data(Tag.OCTET_STRING, bytes.fromhex(name)), Data(Tag.VISIBLE_STRING, text))


def _register(name: str, value: Data, scaler: int, unit: int) -> Data:
    return _structure(
        Data(Tag.OCTET_STRING, bytes.fromhex(name)),
        value,
        _structure(Data(Tag.INTEGER, scaler), Data(Tag.ENUM, unit)),
    )


AIDON: Final = (
    "0109"
    "020209060101000281FF0A0B4149444F4E5F5630303031"
    "020209060000600100FF0A1037333539393932383930393431373432"
    "020209060000600107FF0A0436353135"
    "020309060100010700FF060000055202020F00161B"
    "020309060100020700FF060000000002020F00161B"
    "020309060100030700FF06000003E402020F00161D"
    "020309060100040700FF060000000002020F00161D"
    "0203090601001F0700FF10005D02020FFF1621"
    "020309060100200700FF1209C402020FFF1623"
)
AIDON_DATA: Final = Data(
    Tag.ARRAY,
    (
        _text("0101000281FF", "AIDON_V0001"),
        _text("0000600100FF", "7359992890941742"),
        _text("0000600107FF", "6515"),
        _register("0100010700FF", Data(Tag.DOUBLE_LONG_UNSIGNED, 1362), 0, 27),
        _register("0100020700FF", Data(Tag.DOUBLE_LONG_UNSIGNED, 0), 0, 27),
        _register("0100030700FF", Data(Tag.DOUBLE_LONG_UNSIGNED, 996), 0, 29),
        _register("0100040700FF", Data(Tag.DOUBLE_LONG_UNSIGNED, 0), 0, 29),
        _register("01001F0700FF", Data(Tag.LONG, 93), -1, 33),
        _register("0100200700FF", Data(Tag.LONG_UNSIGNED, 2500), -1, 35),
    ),
)

# Friday 2017-10-20 03:43:30; hundredths and deviation not specified.
KAMSTRUP_CLOCK: Final = bytes.fromhex("07E10A1405032B1EFF800000")
KAMSTRUP_DATE_TIME: Final = DateTime(
    Date(2017, 10, 20, 5), Time(3, 43, 30, None), None, ClockStatus(0)
)

_ROW: Final = TypeDescription(
    Tag.STRUCTURE,
    (
        TypeDescription(Tag.LONG_UNSIGNED),
        TypeDescription(Tag.ARRAY, (TypeDescription(Tag.UNSIGNED),), 2),
        TypeDescription(Tag.OCTET_STRING),
    ),
)


def _row(number: int, pair: tuple[int, int], octets: bytes) -> Data:
    return _structure(
        Data(Tag.LONG_UNSIGNED, number),
        Data(Tag.ARRAY, tuple(Data(Tag.UNSIGNED, each) for each in pair)),
        Data(Tag.OCTET_STRING, octets),
    )


COMPACT: Final = {
    "numbers": (
        "13 12 06 0001 0002 FFFF",
        CompactArray(
            TypeDescription(Tag.LONG_UNSIGNED),
            tuple(Data(Tag.LONG_UNSIGNED, each) for each in (1, 2, 65535)),
        ),
    ),
    "strings": (
        "13 09 05 02ABCD 00 00",
        CompactArray(
            TypeDescription(Tag.OCTET_STRING),
            tuple(Data(Tag.OCTET_STRING, each) for each in (b"\xab\xcd", b"", b"")),
        ),
    ),
    "rows": (
        "13 02 03 12 01 0002 11 09 0B 0007 0102 01AA 0008 0304 00",
        CompactArray(_ROW, (_row(7, (1, 2), b"\xaa"), _row(8, (3, 4), b""))),
    ),
    "no elements": ("13 02 03 12 01 0002 11 09 00", CompactArray(_ROW, ())),
    "rows with null": (
        "13 02 02 00 11 02 05 06",
        CompactArray(
            TypeDescription(
                Tag.STRUCTURE, (TypeDescription(Tag.NULL_DATA), TypeDescription(Tag.UNSIGNED))
            ),
            tuple(_structure(Data(Tag.NULL_DATA, None), Data(Tag.UNSIGNED, n)) for n in (5, 6)),
        ),
    ),
}

_SIMPLE: Final = (
    ("00", Tag.NULL_DATA, None),
    ("0100", Tag.ARRAY, ()),
    ("0200", Tag.STRUCTURE, ()),
    ("0300", Tag.BOOLEAN, False),
    ("0301", Tag.BOOLEAN, True),
    ("0400", Tag.BIT_STRING, BitString(b"", 0)),
    ("040AA540", Tag.BIT_STRING, BitString(b"\xa5\x40", 10)),
    ("0403BF", Tag.BIT_STRING, BitString(b"\xbf", 3)),
    ("0580000000", Tag.DOUBLE_LONG, -(2**31)),
    ("06FFFFFFFF", Tag.DOUBLE_LONG_UNSIGNED, 2**32 - 1),
    ("0900", Tag.OCTET_STRING, b""),
    ("09060100010800FF", Tag.OCTET_STRING, b"\x01\x00\x01\x08\x00\xff"),
    ("0A03414DFF", Tag.VISIBLE_STRING, "AM\xff"),
    ("0C03E282AC", Tag.UTF8_STRING, "€"),
    ("0C02E282", Tag.UTF8_STRING, b"\xe2\x82"),
    ("0D42", Tag.BCD, b"\x42"),
    ("0FFD", Tag.INTEGER, -3),
    ("108000", Tag.LONG, -32768),
    ("11FF", Tag.UNSIGNED, 255),
    ("12FFFF", Tag.LONG_UNSIGNED, 65535),
    ("14FFFFFFFFFFFFFFFE", Tag.LONG64, -2),
    ("15FFFFFFFFFFFFFFFF", Tag.LONG64_UNSIGNED, 2**64 - 1),
    ("161B", Tag.ENUM, 27),
    ("173FC00000", Tag.FLOAT32, 1.5),
    ("18BFF8000000000000", Tag.FLOAT64, -1.5),
    ("19" + KAMSTRUP_CLOCK.hex(), Tag.DATE_TIME, KAMSTRUP_DATE_TIME),
    ("1AFFFFFDFE07", Tag.DATE, Date(None, 0xFD, 0xFE, 7)),
    ("1B173B3BFF", Tag.TIME, Time(23, 59, 59)),
    ("1CFF", Tag.DELTA_INTEGER, -1),
    ("1DFFFF", Tag.DELTA_LONG, -1),
    ("1EFFFFFFFF", Tag.DELTA_DOUBLE_LONG, -1),
    ("1FFF", Tag.DELTA_UNSIGNED, 255),
    ("20FFFF", Tag.DELTA_LONG_UNSIGNED, 65535),
    ("21FFFFFFFF", Tag.DELTA_DOUBLE_LONG_UNSIGNED, 2**32 - 1),
    ("FF", Tag.DONT_CARE, None),
)

VECTORS: Final = {
    "Aidon": (bytes.fromhex(AIDON), AIDON_DATA),
    "Kamstrup clock": (b"\x09\x0c" + KAMSTRUP_CLOCK, Data(Tag.OCTET_STRING, KAMSTRUP_CLOCK)),
    "Kamstrup power": (bytes.fromhex("06000005BC"), Data(Tag.DOUBLE_LONG_UNSIGNED, 1468)),
    "Kamstrup list": (
        b"\x0a\x0eKamstrup_V0001",
        Data(Tag.VISIBLE_STRING, "Kamstrup_V0001"),
    ),
    "long octet-string": (b"\x09\x81\x80" + bytes(128), Data(Tag.OCTET_STRING, bytes(128))),
    **{text: (bytes.fromhex(text), Data(tag, value)) for text, tag, value in _SIMPLE},
    **{
        f"compact {name}": (bytes.fromhex(text), Data(Tag.COMPACT_ARRAY, array))
        for name, (text, array) in COMPACT.items()
    },
}
"""Each in the one form that :func:`encode` writes."""

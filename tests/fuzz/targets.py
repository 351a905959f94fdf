"""Every decoder of dlmsd, one entry each.

A new decoder gets a line here: its name, what runs it, and octets to begin with if its
tests hold none. ``test_targets.py`` says which decoder none of these reaches.
"""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from attrs import evolve

from dlmsd.config.values import Measurement
from dlmsd.dlms.acse import ber
from dlmsd.dlms.axdr.clock import Date, DateTime, Time
from dlmsd.dlms.axdr.data import decode, encode
from dlmsd.dlms.axdr.value import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject, decode_capture_objects
from dlmsd.dlms.cosem.compact_data import Template
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import decode_object_list
from dlmsd.dlms.cosem.profile import ProfileRows
from dlmsd.dlms.cosem.short_names import ShortNames, named_objects
from dlmsd.dlms.describe.octets import describe_frames, describe_octets
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.action import decode_answer, decode_answers
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.dlms.xdlms.get import decode_results
from dlmsd.dlms.xdlms.parts import decode_values
from dlmsd.dlms.xdlms.protected import decode_protected
from dlmsd.dlms.xdlms.selective import EntryDescriptor, ObjectIdList, RangeDescriptor
from dlmsd.dlms.xdlms.short_name import decode_read_results
from dlmsd.errors import DecodeError
from dlmsd.meter.scaling import Scale, ScalerUnit
from tests.fuzz import associations, calls, configurations, frames, machines, pushed, secured
from tests.fuzz.corpus import harvested
from tests.fuzz.target import BOMBS, Target, behind, pieces
from tests.vectors import hdlc


def _family(name: str, *heads: bytes, large: tuple[bytes, ...] = ()) -> Target:
    """The APDUs that begin with one of these."""
    return Target(f"apdu.{name}", decode_apdu, _starting(*heads), large, harvest=False)


def _starting(*heads: bytes) -> tuple[bytes, ...]:
    return tuple(octets for octets in harvested() if octets.startswith(heads))


# Tests write these two without their tag.
_SHORT_NAMES: Final = (
    bytes.fromhex("05 03 02FA00 04FA08 02 1105 05FA10"),
    bytes.fromhex("0C 04 00 1105 01 03 02 01 0001 02AABB 03 0002"),
)


# Data.

_ZONE: Final = ZoneInfo("Europe/Prague")


def _compact(octets: bytes) -> None:
    decode(b"\x13" + octets)


def _clock(octets: bytes) -> None:
    match len(octets):
        case 5:
            Date.decode(octets)
        case 4:
            Time.decode(octets)
        case _:
            moment = DateTime.decode(octets[:12] if octets[12:] else octets)
            moment.to_datetime(_ZONE)
            moment.to_datetime(None, True)


def _aare(octets: bytes) -> None:
    str(decode_apdu(octets))


def _ber(octets: bytes) -> None:
    for _, content in ber.decode_elements(Cursor("ber", octets)):
        ber.decode_integer(content, "an integer")


_BLOCK: Final = b"\x04\x00\x00\x00\x10"


def _conformance(octets: bytes) -> None:
    Conformance.decode(Cursor("conformance", octets))


def _joined(octets: bytes) -> None:
    """What blocks carry when they are joined: of each service its own list."""
    kinds = (decode_results, decode_values, decode_answer, decode_answers, decode_read_results)
    kinds[octets[0] % len(kinds) if octets else 0](octets[1:])


# COSEM objects.


def _whole(octets: bytes) -> Data:
    data, end = decode(octets)
    if end != len(octets):
        raise DecodeError("octets behind the data")
    return data


def _objects(octets: bytes) -> None:
    for each in decode_object_list(octets):
        assert each.readable(2) or each.writable(2) or each.invocable(1) or each.obis


_CAPTURE: Final = bytes.fromhex("0102 0204 120008 09060000010000FF 0F02 120000") + bytes.fromhex(
    "0204 120003 09060100010800FF 0F02 120000"
)


def _capture(octets: bytes) -> None:
    for each in decode_capture_objects(_whole(octets)):
        str(each)


_SHORT_LISTED: Final = (
    b"\x01\x01\x02\x04\x10\xfa\x00\x12\x00\x0c\x11%b\x09\x06\x00\x00\x28\x00\x00\xff"
)
_SHORT_RIGHTS: Final = bytes.fromhex(
    "0101 0203 10FA00 0102 0203 0F02 1601 00 0203 0F03 1605 0101 0F01 0101 0202 0F08 1601"
)
_SHORT_NAMED: Final = bytes.fromhex("0101 0204 10FA00 120008 1100 0906 0000010000FF")


def _short_names(octets: bytes) -> None:
    names = ShortNames.of(_whole(octets))
    names.attribute(_COLUMNS[0].attribute)
    names.method(MethodDescriptor(8, Obis.parse("0-0:1.0.0"), 1))
    named_objects(_whole(octets))


def _short_rights(octets: bytes) -> None:
    """access_rights_list; the first octet is the version of Association SN."""
    names = ShortNames.of(_whole(_SHORT_LISTED % (octets[:1] or b"\x02")))
    for each in names.rights(octets[1:]):
        assert each.readable(2) or each.writable(2) or each.invocable(1) or each.obis


_TEMPLATE: Final = bytes.fromhex("0203 19 06 09")
_TEMPLATE_COLUMNS: Final = Data(
    Tag.ARRAY,
    tuple(
        CaptureObject(AttributeDescriptor(3, Obis.parse(f"1-0:{n}.8.0"), 2)).data for n in (1, 2, 3)
    ),
)


def _compact_data(octets: bytes) -> None:
    """A description, as long as the first octet says, and a buffer; capture objects too."""
    length = octets[0] if octets else 0
    description, buffer = octets[1 : 1 + length], octets[1 + length :]
    columns = _whole(buffer) if length > 0xF0 else _TEMPLATE_COLUMNS
    parts = Data(Tag.UNSIGNED, 2), Data(Tag.OCTET_STRING, description)
    template = Template.of(Obis.parse("0-0:66.0.1"), columns, *parts)
    template.row(Data(Tag.OCTET_STRING, buffer))


_COLUMNS: Final = (
    CaptureObject(AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2)),
    CaptureObject(AttributeDescriptor(3, Obis.parse("1-0:1.8.0"), 2)),
)


def _profile(octets: bytes) -> None:
    """Rows of two columns, one of them the time, or of one; the first octet says which, and
    of what meter, and in what order.
    """
    kind = octets[0] if octets else 0
    rows = ProfileRows(
        (_COLUMNS, _COLUMNS, _COLUMNS[:1], _COLUMNS[1:])[kind >> 4 & 3],
        900,
        direction=(1, -1, 0, 1)[kind >> 6],
        timezone=_ZONE if kind & 1 else None,
        negate_deviation=bool(kind & 2),
        null_repeats=bool(kind & 4),
        counted=bool(kind & 8),
    )
    for piece in pieces(octets[1:]):
        rows.feed(piece)
    rows.finish()


def _row(moment: bytes, value: bytes) -> bytes:
    return b"\x02\x02" + moment + value


_MOMENT: Final = bytes.fromhex("090C07E10A1405032B1EFF800000")
_ROWS: Final = (
    b"\x01\x03" + _row(_MOMENT, b"\x06\x00\x00\x00\x01") + _row(b"\x00", b"\x00") * 2,
    b"\x01\x03" + _row(_MOMENT, b"\x06\x00\x00\x00\x01") + _row(b"\x00", b"\x1f\x05") * 2,
    b"\x01\x02" + _row(b"\x19" + _MOMENT[2:], b"\x12\x00\x01") + _row(b"\x09\x00", b"\x00"),
    b"\x01\x02\x02\x01\x12\x00\x07\x02\x01\x00",
    b"\x01\x02\x02\x01%b\x02\x01\x00" % _MOMENT,
    b"\x13\x02\x02\x09\x12\x1e" + (_MOMENT[1:] + b"\x00\x07") * 2,
)
_SILENT: Final = tuple(
    b"%c\x01\x82\x55\x50" % kind + b"\x02\x01\x00" * 0x5550 for kind in (0x2C, 0x3C)
)
_LONG_PROFILE: Final = b"\x0f\x01\x82\x0b\x00" + _row(_MOMENT, b"\x06\x00\x00\x00\x01") * 0xB00
_OBJECT: Final = bytes.fromhex(
    "0204 12 0003 11 00 0906 0100010800FF 0202 0101 0203 0F 02 16 01 00 0101 0202 0F 01 16 01"
)


def _selective(octets: bytes) -> None:
    selector = octets[0] if octets else 0
    parameters = _whole(octets[1:])
    _SELECTORS[selector % len(_SELECTORS)].of((selector, parameters))


_SELECTORS: Final = (RangeDescriptor, RangeDescriptor, EntryDescriptor, ObjectIdList)
_SELECTIONS: Final = (
    b"\x03" + encode(ObjectIdList(((8, Obis.parse("0-0:1.0.0")),)).access[1]),
    b"\x01" + encode(RangeDescriptor(*(Data(Tag.OCTET_STRING, bytes(12)),) * 2).access[1]),
    b"\x02" + encode(EntryDescriptor(1, 9).access[1]),
)
_ENERGY: Final = Measurement("a", AttributeDescriptor(3, Obis.parse("1-0:1.8.0"), 2), "a")
_SCALES: Final = (
    Scale(_ENERGY, None),
    Scale(_ENERGY, ScalerUnit(-128, 30)),
    Scale(_ENERGY, ScalerUnit(127, 27)),
)


def _scaled(octets: bytes) -> None:
    data = _whole(octets)
    for scale in _SCALES:
        scale.value(data)
    assert ScalerUnit.of(data).symbol is not None


def _descriptors(octets: bytes) -> None:
    str(AttributeDescriptor.decode(octets)[0])
    str(MethodDescriptor.decode(octets)[0])


# A capture is described as far as somebody reads; these fill a screen or more.
_PIECES: Final = 32


def _described(octets: bytes) -> None:
    for node in islice(describe_octets(octets), _PIECES):
        for _ in node.lines():
            pass


def _framed(octets: bytes) -> None:
    for node in describe_frames(octets):
        for _ in node.lines():
            pass


_NUMBERS: Final = (
    b"\xe6\xe7\x00\x0f\x00\x00\x00\x01\x00" + b"\x01\x18%b" % (b"\x02\x18" + b"\x11\x05" * 24) * 24
)
_CAPTURES: Final = (
    *frames.FALSE_STARTS,
    Frame(b"\x03", b"\x21", 0x93, b"").encode()[:-1] * 0x2000,
    Frame(b"\x03", b"\x21", 0x13, _NUMBERS).encode()[:-1] * 0x34,
    WrapperFrame(1, 16, b"\xc4").encode() * 0x1C71,
    WrapperFrame(1, 16, _NUMBERS[3:]).encode() * 0x33,
)


@cache
def targets() -> tuple[Target, ...]:
    """All of them."""
    kinds = (0x08, 0x0F, 0x28, 0x2D, 0x38, 0x3C, 0x4C)
    row = Target("cosem.rows", _profile, tuple(bytes((n,)) + r for n in kinds for r in _ROWS))
    return (
        *frames.targets(),
        Target("axdr.data", decode, large=BOMBS),
        Target("axdr.compact", _compact, large=tuple(b[1:] for b in BOMBS if b[0] == 0x13)),
        Target("axdr.clock", _clock, harvest=True),
        _family("aarq", b"\x60"),
        _family("aare", b"\x61"),
        _family("release", b"\x62", b"\x63"),
        Target("acse.ber", _ber, (b"\x02\x01\x00\x02\x04\x7f\xff\xff\xff",)),
        _family("initiate", b"\x01", b"\x08"),
        Target("conformance", _conformance, (b"\x5f\x1f" + _BLOCK, b"\x5f" + _BLOCK)),
        Target("apdu.any", decode_apdu, large=behind(b"\xc4\x01\xc1\x00")),
        _family("get", b"\xc0", b"\xc4", large=behind(b"\xc4\x03\xc1\x01\x00")),
        _family("set", b"\xc1", b"\xc5", large=behind(b"\xc1\x04\xc1\x00\x01")),
        _family("action", b"\xc3", b"\xc7", large=behind(b"\xc7\x01\xc1\x00\x01\x00")),
        _family("access", b"\xd9", b"\xda", large=behind(b"\xda\x00\x00\x00\x01\x00\x00\x01")),
        _family(
            "notification", b"\x0f", b"\x10", b"\xc2", large=behind(b"\x0f\x00\x00\x00\x01\x00")
        ),
        Target(
            "apdu.short-names",
            decode_apdu,
            (*_SHORT_NAMES, *_starting(b"\x05", b"\x06", b"\x0c", b"\x0d", b"\x16", b"\x18")),
            behind(b"\x0c\x01\x00"),
            harvest=False,
        ),
        _family("errors", b"\x0e", b"\xd8"),
        _family("block", b"\xe0"),
        Target("apdu.joined", _joined, (b"\x01\x01\x00",), behind(b"\x01\x01")),
        Target("apdu.protected", decode_protected),
        Target("block.receiver", machines.block_receiver, machines.BLOCK_SCRIPTS, harvest=False),
        Target("block.news", machines.block_news, machines.BLOCK_SCRIPTS, harvest=False),
        Target("block.sender", machines.block_sender, machines.BLOCK_SCRIPTS, harvest=False),
        associations.target(),
        secured.protected("security.ciphered", "glo", "ded"),
        secured.protected("security.general", "general-glo", "general-ded"),
        secured.protected("security.one-time", "identified", "wrapped"),
        secured.protected("security.agreed", "ephemeral", "static", number=1),
        secured.protected("security.signed", "signed", number=1),
        secured.proofs(),
        secured.keys(),
        Target("cosem.objects", _objects, (b"\x01\x02" + _OBJECT * 2,), behind(b"")),
        Target("cosem.short-names", _short_names, (_SHORT_NAMED,), behind(b"")),
        Target(
            "cosem.short-rights",
            _short_rights,
            tuple(bytes((version,)) + _SHORT_RIGHTS for version in (2, 4)),
            tuple(b"\x02" + each for each in behind(b"")),
            harvest=False,
        ),
        Target("cosem.capture", _capture, (_CAPTURE,), behind(b"")),
        Target(
            "cosem.compact-data",
            _compact_data,
            (
                b"\x05" + _TEMPLATE + bytes(12 + 4) + b"\x02ab",
                b"\x06\x02" + _TEMPLATE + bytes(12 + 4) + b"\x00",
            ),
            tuple(b"\x04\x02\x01\x01" + bytes((tag,)) + bytes(0xFFF0) for tag in (0x01, 0x11)),
            harvest=False,
        ),
        evolve(row, large=(*behind(b"\x08"), *_SILENT, _LONG_PROFILE)),
        Target("cosem.selective", _selective, _SELECTIONS, behind(b"\x02")),
        Target("cosem.descriptor", _descriptors),
        Target("meter.scaling", _scaled, (b"\x02\x02\x0f\xff\x16\x1b",), BOMBS),
        Target("describe", _described, hdlc.FRAMES, (*behind(b"\xc4\x01\xc1\x00"), *_CAPTURES)),
        Target("describe.frames", _framed, hdlc.FRAMES, _CAPTURES),
        *pushed.targets(),
        calls.target(),
        configurations.target(),
    )

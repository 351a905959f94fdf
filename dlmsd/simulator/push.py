"""What a virtual meter pushes: its values, in which APDU, and in which frames."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias

from attrs import evolve, frozen

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.units import unit
from dlmsd.dlms.hdlc.address import client_address
from dlmsd.dlms.hdlc.control import POLL_FINAL, UI
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.mbus import MAX_DATA, MBusFrame
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.block import BlockSender, SendBlocks
from dlmsd.dlms.xdlms.long_invoke import encode_long_invoke
from dlmsd.dlms.xdlms.notification import DataNotification
from dlmsd.simulator.answer import Answered
from dlmsd.simulator.configuration import SYSTEM_TITLE
from dlmsd.simulator.conversation import InstalledMeter

PushFraming: TypeAlias = Literal["hdlc", "wrapper", "mbus"]
PushContents: TypeAlias = Literal["described", "objects", "values"]

_LLC: Final = b"\xe6\xe7\x00"
_DATA, _REGISTER, _PUSH_SETUP = 1, 3, 40
_SEQUENCES: Final = 16

SERIAL_NUMBER: Final = AttributeDescriptor(_DATA, Obis.parse("0-0:96.1.0"), 2)
_SETUP: Final = AttributeDescriptor(_PUSH_SETUP, Obis.parse("0-0:25.9.0"), 2)
REGISTERS: Final = tuple(
    AttributeDescriptor(_REGISTER, Obis.parse(f"1-0:{code}"), 2)
    for code in (
        *("1.7.0", "2.7.0", "31.7.0", "51.7.0", "71.7.0", "32.7.0", "52.7.0", "72.7.0"),
        *("14.7.0", "1.8.0", "2.8.0"),
    )
)


@frozen
class PushPlan:
    """``contents``: values behind their OBIS codes with scaler and unit, behind a push object
    list, or bare in their order. With ``block`` an APDU goes in general blocks of so many
    octets.
    """

    framing: PushFraming = "hdlc"
    contents: PushContents = "described"
    block: int = 0


def apdu(
    meter: InstalledMeter, plan: PushPlan, number: int, t: float
) -> tuple[bytes, tuple[Answered, ...]]:
    """The notification at Unix seconds ``t``, protected as the personality says, and what
    is in it, scalers included.
    """
    values: list[Answered] = []
    for register in REGISTERS:
        scaler = AttributeDescriptor(register.class_id, register.obis, 3)
        values += [(one, meter.meter.read(one, t)) for one in (scaler, register)]
    serial = meter.meter.read(SERIAL_NUMBER, t)
    assert isinstance(serial, Data)
    told = {attribute: data for attribute, data in values if isinstance(data, Data)}
    body = {"described": _described, "objects": _by_objects, "values": _bare}[plan.contents]
    moment = DateTime.from_datetime(datetime.datetime.fromtimestamp(t, datetime.UTC))
    invoke = encode_long_invoke(number, confirmed=False)
    plain = DataNotification(invoke, moment, body(serial, told)).encode()
    return _protected(meter, plain), tuple(values)


def units(meter: InstalledMeter) -> dict[AttributeDescriptor, tuple[int, str]]:
    """Scaler, and the unit's symbol, of each register."""
    found = {}
    for register in REGISTERS:
        told = meter.meter.read(AttributeDescriptor(register.class_id, register.obis, 3), 0.0)
        assert isinstance(told, Data)
        parts: Any = told.value
        known = unit(parts[1].value)
        found[register] = parts[0].value, known.symbol if known else ""
    return found


def _protected(meter: InstalledMeter, plain: bytes) -> bytes:
    security = meter.objects.security
    if security.security.policy is SecurityPolicy.NONE:
        return plain
    form = evolve(security.security.form, general=True)
    return security.context(SYSTEM_TITLE.encode(), None, form).protect(plain)


def _described(serial: Data, told: dict[AttributeDescriptor, Data]) -> Data:
    parts = [_structure(_name(SERIAL_NUMBER), serial)]
    for register in REGISTERS:
        scaler = told[AttributeDescriptor(register.class_id, register.obis, 3)]
        parts.append(_structure(_name(register), told[register], scaler))
    return Data(Tag.ARRAY, tuple(parts))


def _by_objects(serial: Data, told: dict[AttributeDescriptor, Data]) -> Data:
    """With the units among the objects, and the list itself as the first of them."""
    objects = [_SETUP, SERIAL_NUMBER, *told]
    listed = Data(Tag.ARRAY, tuple(CaptureObject(one).data for one in objects))
    return _structure(listed, serial, *told.values())


def _bare(serial: Data, told: dict[AttributeDescriptor, Data]) -> Data:
    return _structure(serial, *(told[register] for register in REGISTERS))


def _name(attribute: AttributeDescriptor) -> Data:
    return Data(Tag.OCTET_STRING, attribute.obis.raw)


def _structure(*parts: Data) -> Data:
    return Data(Tag.STRUCTURE, parts)


def frames(meter: InstalledMeter, plan: PushPlan, apdu: bytes) -> Iterator[bytes]:
    """The octets that carry an APDU, frame by frame: in datagrams each is one."""
    for one in _blocks(apdu, plan.block):
        yield from _FRAMINGS[plan.framing](meter, one)


def _blocks(apdu: bytes, size: int) -> Sequence[bytes]:
    if not size:
        return (apdu,)
    first = BlockSender(apdu, size, window=0).start()[0]
    assert isinstance(first, SendBlocks)
    return [block.encode() for block in first.blocks]


def _hdlc(meter: InstalledMeter, apdu: bytes) -> Iterator[bytes]:
    client = client_address(meter.personality.clients[0].number)
    octets, size = _LLC + apdu, meter.personality.link.transmit_information
    for place in range(0, len(octets), size):
        more = place + size < len(octets)
        control = UI if more else UI | POLL_FINAL
        part = octets[place : place + size]
        yield Frame(client, meter.address.octets, control, part, more).encode()


def _wrapper(meter: InstalledMeter, apdu: bytes) -> Iterator[bytes]:
    yield WrapperFrame(meter.address.logical, meter.personality.clients[0].number, apdu).encode()


def _mbus(meter: InstalledMeter, apdu: bytes) -> Iterator[bytes]:
    client = meter.personality.clients[0].number
    for number, place in enumerate(range(0, len(apdu), MAX_DATA)):
        final = place + MAX_DATA >= len(apdu)
        part = apdu[place : place + MAX_DATA]
        yield MBusFrame(
            meter.address.logical & 0xFF, client, part, number % _SEQUENCES, final
        ).encode()


_FRAMINGS: Final = {"hdlc": _hdlc, "wrapper": _wrapper, "mbus": _mbus}

"""Whatever a client sends, a virtual meter answers or falls silent, and serves the next."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.context import ApplicationContext
from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.xdlms.access import AccessAction, AccessGet, AccessRequest, AccessSet
from dlmsd.dlms.xdlms.action import (
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
)
from dlmsd.dlms.xdlms.block import GeneralBlockTransfer
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.get import GetRequestNext, GetRequestNormal, GetRequestWithList
from dlmsd.dlms.xdlms.selective import EntryDescriptor
from dlmsd.dlms.xdlms.set import (
    SetRequestNormal,
    SetRequestWithBlock,
    SetRequestWithFirstBlock,
    SetRequestWithList,
    SetRequestWithListAndFirstBlock,
)
from dlmsd.dlms.xdlms.short_name import (
    BlockNumberAccess,
    ReadDataBlockAccess,
    ReadRequest,
    UnconfirmedWriteRequest,
    VariableName,
    WriteDataBlockAccess,
    WriteRequest,
)
from dlmsd.simulator.personality import GBT, SHORT_NAMES
from tests.simulator.plain import Talk
from tests.simulator.shelf import ECHO, LONG, LONG_VALUE, VALUE, VOLTAGE

PART = EntryDescriptor(1, 5).access
FIRST, LAST = DataBlock(False, 1, encode(VALUE)[:1]), DataBlock(True, 2, encode(VALUE)[1:])
WHOLE = DataBlock(True, 1, encode(VALUE))
RAW = Data(Tag.OCTET_STRING, LAST.raw)
LOGICAL: tuple[Any, ...] = (
    GetRequestNormal(0xC1, LONG, PART),
    GetRequestNormal(0xC1, LONG),
    GetRequestNext(0xC1, 1),
    GetRequestWithList(0xC1, (VOLTAGE, LONG), (None, PART)),
    SetRequestNormal(0xC1, VOLTAGE, VALUE),
    SetRequestWithFirstBlock(0xC1, VOLTAGE, FIRST),
    SetRequestWithFirstBlock(0xC1, VOLTAGE, WHOLE),
    SetRequestWithBlock(0xC1, LAST),
    SetRequestWithList(0xC1, (VOLTAGE,), (VALUE,)),
    SetRequestWithListAndFirstBlock(0xC1, (VOLTAGE, LONG), FIRST),
    ActionRequestNormal(0xC1, ECHO, LONG_VALUE),
    ActionRequestWithFirstPblock(0xC1, ECHO, FIRST),
    ActionRequestWithFirstPblock(0xC1, ECHO, WHOLE),
    ActionRequestWithPblock(0xC1, LAST),
    ActionRequestNextPblock(0xC1, 1),
    ActionRequestWithList(0xC1, (ECHO, ECHO), (VALUE, VALUE)),
    ActionRequestWithListAndFirstPblock(0xC1, (ECHO,), FIRST),
    AccessRequest(
        0x40000001,
        (AccessGet(LONG, PART), AccessSet(VOLTAGE), AccessAction(ECHO)),
        (VALUE, VALUE, VALUE),
    ),
)
SHORT: tuple[Any, ...] = (
    ReadRequest((VariableName(0x0108), VariableName(0x8008, PART))),
    ReadRequest((VariableName(0x8008),)),
    ReadRequest((VariableName(0xFA08),)),
    ReadRequest((BlockNumberAccess(1),)),
    ReadRequest((ReadDataBlockAccess(False, 1, b"\x01"),)),
    ReadRequest((ReadDataBlockAccess(True, 1, b"\x01\x02\x01\x08"),)),
    WriteRequest((VariableName(0x0108), VariableName(0x0220)), (VALUE, VALUE)),
    WriteRequest((WriteDataBlockAccess(True, 2),), (RAW,)),
    WriteRequest((WriteDataBlockAccess(True, 1),), (RAW,)),
    UnconfirmedWriteRequest((VariableName(0x0108),), (VALUE,)),
)

changes = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 3), st.binary(max_size=3)), max_size=3
)


def changed(apdu: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Some octets out, others in."""
    for place, length, octets in edits:
        apdu = apdu[:place] + octets + apdu[place + length :]
    return apdu


def spoiled(requests: tuple[Any, ...]) -> st.SearchStrategy[bytes]:
    return st.builds(changed, st.sampled_from([one.encode() for one in requests]), changes)


def blocks(data: bytes, number: int, last: bool, streaming: bool) -> bytes:
    return GeneralBlockTransfer(last, streaming, 2, number, 0, data).encode()


in_blocks = st.builds(blocks, spoiled(LOGICAL), st.integers(1, 3), st.booleans(), st.booleans())


class HostileTests(SynchronousTestCase):
    @given(st.lists(spoiled(LOGICAL) | in_blocks, max_size=6), st.sampled_from((12, 40, 0xFFFF)))
    def test_logical_names(self, apdus: list[bytes], most: int) -> None:
        talk = Talk(GBT).open(max_pdu=most)
        for apdu in apdus:
            talk.association.receive(1, apdu)
        if talk.association.associated:
            self.assertTrue(talk.association.receive(1, LOGICAL[1].encode()).apdu)

    @given(st.lists(spoiled(SHORT), max_size=6), st.sampled_from((12, 40, 0xFFFF)))
    def test_short_names(self, apdus: list[bytes], most: int) -> None:
        talk = Talk(SHORT_NAMES).open(max_pdu=most, context=ApplicationContext.SN)
        for apdu in apdus:
            talk.association.receive(1, apdu)
        if talk.association.associated:
            self.assertTrue(talk.association.receive(1, SHORT[1].encode()).apdu)

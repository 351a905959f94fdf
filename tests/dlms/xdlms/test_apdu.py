"""Dispatch by tag, and that no bytes bring out anything but DecodeError."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.xdlms import apdu as apdus
from dlmsd.dlms.xdlms.access import AccessRequest, AccessResponse
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.block import GeneralBlockTransfer
from dlmsd.dlms.xdlms.described import DescribedNotification
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse
from dlmsd.dlms.xdlms.get import (
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
)
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.service_error import ConfirmedServiceError
from dlmsd.errors import DecodeError
from tests.vectors import apdu as vectors
from tests.vectors import services

KINDS: tuple[Any, ...] = (
    Aarq,
    Aare,
    Rlrq,
    Rlre,
    InitiateRequest,
    InitiateResponse,
    ConfirmedServiceError,
    ExceptionResponse,
    GetRequestNormal,
    GetRequestNext,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    *get_args(apdus.SetRequest),
    *get_args(apdus.SetResponse),
    *get_args(apdus.ActionRequest),
    *get_args(apdus.ActionResponse),
    *get_args(apdus.ShortName),
    # A described one has the head of a DataNotification, and is tried behind it.
    *(one for one in get_args(apdus.Notification) if one is not DescribedNotification),
    AccessRequest,
    AccessResponse,
    GeneralBlockTransfer,
)
PUBLISHED = [
    *(octets for octets in vars(vectors).values() if isinstance(octets, bytes)),
    *(octets for octets in vars(services).values() if isinstance(octets, bytes)),
    *services.PUSH_BLOCKS,
]
HEADS = [bytes((kind.TAG, kind.TYPE) if hasattr(kind, "TYPE") else (kind.TAG,)) for kind in KINDS]


class UnknownTests(SynchronousTestCase):
    def refused(self, octets: str) -> str:
        return str(self.assertRaises(DecodeError, decode_apdu, bytes.fromhex(octets)))

    def test_a_ciphered_answer_is_named(self) -> None:
        text = self.refused("CC0130000000")
        self.assertIn("glo-get-response (tag 0xCC)", text)
        self.assertIn("ciphered", text)
        for octets in ("21", "28", "41", "C8", "D4", "DB", "DC", "DD"):
            self.assertIn("ciphered", self.refused(octets))

    def test_other_known_apdus_are_named(self) -> None:
        self.assertIn("gateway-request (tag 0xE6)", self.refused("E640"))
        self.assertIn("gateway-response (tag 0xE7)", self.refused("E7"))
        self.assertNotIn("ciphered", self.refused("E6"))

    def test_an_unknown_tag_is_told_in_hex(self) -> None:
        self.assertIn("0xEE at byte 0", self.refused("EE00"))

    def test_an_unknown_kind_of_a_service(self) -> None:
        for tag, name in (
            ("C1", "set-request"),
            ("C3", "action-request"),
            ("C5", "set-response"),
            ("C7", "action-response"),
        ):
            self.assertIn(f"{name} (tag 0x{tag}) of unknown kind", self.refused(f"{tag}07C1"))

    def test_an_unknown_kind_of_get(self) -> None:
        self.assertIn("get-response (tag 0xC4) of unknown kind", self.refused("C404C1"))
        self.assertIn("0x04", self.refused("C404C1"))
        self.assertIn("missing", self.refused("C0"))

    def test_no_bytes(self) -> None:
        self.assertIn("without a byte", self.refused(""))

    def test_every_first_byte_is_an_apdu_or_an_error(self) -> None:
        for tag in range(256):
            self.assertRaises(DecodeError, decode_apdu, bytes((tag,)))


class AnyBytesTests(SynchronousTestCase):
    """The only exception is DecodeError, and what decodes survives a round trip."""

    def check(self, octets: bytes) -> None:
        for decode in (decode_apdu, *(kind.decode for kind in KINDS)):
            try:
                apdu = decode(octets)
            except DecodeError as error:
                self.assertNotIn("\n", str(error))
                continue
            # By bytes: a float may be NaN, which does not equal itself.
            again = apdu.encode()
            self.assertEqual(decode_apdu(again).encode(), again)

    def test_each_kind_is_found_by_its_head(self) -> None:
        self.assertEqual(len(set(HEADS)), len(KINDS))
        for kind, head in zip(KINDS, HEADS, strict=True):
            error = str(self.assertRaises(DecodeError, decode_apdu, head))
            self.assertNotIn("unknown", error)
            self.assertEqual(error, str(self.assertRaises(DecodeError, kind.decode, head)))

    @settings(max_examples=200)
    @given(st.binary(max_size=80))
    def test_random_bytes(self, octets: bytes) -> None:
        self.check(octets)

    @settings(max_examples=600)
    @given(st.sampled_from(HEADS), st.binary(max_size=60))
    def test_random_bytes_behind_a_known_head(self, head: bytes, tail: bytes) -> None:
        self.check(head + tail)
        # For BER the second byte is the length: let it be right, so that more is reached.
        self.check(head[:1] + bytes((len(tail),)) + tail)

    @settings(max_examples=300)
    @given(st.sampled_from(PUBLISHED), st.lists(st.tuples(st.integers(0), st.integers(0, 255))))
    def test_spoiled_vectors(self, octets: bytes, changes: list[tuple[int, int]]) -> None:
        spoiled = bytearray(octets)
        for place, value in changes:
            spoiled[place % len(spoiled)] = value
        self.check(bytes(spoiled))

    def test_every_single_byte_of_every_vector(self) -> None:
        for octets in PUBLISHED:
            for place in range(len(octets)):
                for value in (0x00, 0x01, 0x7F, 0x80, 0x82, 0xFF, octets[place] ^ 1):
                    spoiled = octets[:place] + bytes((value,)) + octets[place + 1 :]
                    try:
                        decode_apdu(spoiled)
                    except DecodeError as error:
                        self.assertTrue(str(error))

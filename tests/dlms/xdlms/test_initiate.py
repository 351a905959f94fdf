"""InitiateRequest, InitiateResponse and the conformance block."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import apdu as vectors

# The Green Book's proposed block 007E1F and the granted 00501F.
PROPOSED = (
    Conformance.PRIORITY_MGMT_SUPPORTED
    | Conformance.ATTRIBUTE0_SUPPORTED_WITH_GET
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.GET
    | Conformance.SET
    | Conformance.SELECTIVE_ACCESS
    | Conformance.EVENT_NOTIFICATION
    | Conformance.ACTION
)
GRANTED = (
    Conformance.PRIORITY_MGMT_SUPPORTED
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.GET
    | Conformance.SET
    | Conformance.SELECTIVE_ACCESS
    | Conformance.EVENT_NOTIFICATION
    | Conformance.ACTION
)
BLOCKS = st.integers(0, 0xFFFFFF).map(Conformance)
SIZES = st.integers(0, 0xFFFF)
QUALITIES = st.none() | st.integers(-128, 127)


class PublishedTests(ApduTestCase):
    def test_request(self) -> None:
        self.assert_three_ways(vectors.INITIATE_REQUEST, InitiateRequest(PROPOSED, 0x04B0))

    def test_request_with_dedicated_key(self) -> None:
        key = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
        self.assert_three_ways(
            vectors.INITIATE_DEDICATED, InitiateRequest(PROPOSED, 0x04B0, dedicated_key=key)
        )

    def test_response(self) -> None:
        self.assert_three_ways(vectors.INITIATE_RESPONSE, InitiateResponse(GRANTED, 0x01F4))


class InitiateTests(ApduTestCase):
    def test_optional_parts_of_a_request(self) -> None:
        self.assert_three_ways(
            bytes.fromhex("01 00 0100 01FE 06 5F1F0400000010 FFFF"),
            InitiateRequest(Conformance.GET, 0xFFFF, response_allowed=False, quality_of_service=-2),
        )

    def test_response_allowed_may_be_written_out(self) -> None:
        octets = bytes.fromhex("01 00 01FF 00 06 5F1F0400000010 FFFF")
        self.assert_three_ways(octets, InitiateRequest(Conformance.GET, 0xFFFF), encodes=False)

    def test_optional_parts_of_a_response(self) -> None:
        self.assert_three_ways(
            bytes.fromhex("08 0105 06 5F1F04001C0320 0000 FA00"),
            InitiateResponse(Conformance(0x1C0320), 0, 0xFA00, 5),
        )

    def test_the_tag_of_the_block_in_one_byte(self) -> None:
        # Green Book, note on the encoding of [APPLICATION 31] over HDLC.
        octets = vectors.INITIATE_RESPONSE.replace(b"\x5f\x1f", b"\x5f")
        self.assert_three_ways(octets, InitiateResponse(GRANTED, 0x01F4), encodes=False)

    def test_no_block_is_kept(self) -> None:
        kept = len(Conformance.__members__)
        for block in (Conformance(0x1C0320), Conformance(0x1C0321)):
            octets = InitiateResponse(block, 0).encode()
            self.assertEqual(InitiateResponse.decode(octets).conformance, block)
            self.assertEqual(
                len({block, block | Conformance.GET, Conformance(int(block.value))}), 2
            )
        self.assertEqual(len(Conformance._value2member_map_), kept)

    def test_the_dedicated_key_is_not_shown(self) -> None:
        self.assertNotIn("KEY", repr(InitiateRequest(Conformance.GET, 0, b"KEYKEYKEY")))

    def test_what_is_wrong_is_named(self) -> None:
        good = vectors.INITIATE_RESPONSE
        for octets, *words in (
            (vectors.INITIATE_REQUEST, "01, not 08", "at byte 0"),
            (good.replace(b"\x5f\x1f", b"\x1f\x5f"), "begins with 1f", "at byte 3"),
            (good.replace(b"\x04\x00\x00\x50", b"\x04\x01\x00\x50"), "0401, not 0400", "byte 5"),
        ):
            self.assert_refused(InitiateResponse, octets, "initiate-response", *words)

    @given(BLOCKS, SIZES, st.none() | st.binary(max_size=200), st.booleans(), QUALITIES)
    def test_request_round_trip(
        self,
        conformance: Conformance,
        size: int,
        key: bytes | None,
        allowed: bool,
        quality: int | None,
    ) -> None:
        request = InitiateRequest(conformance, size, key, allowed, quality)
        self.assertEqual(InitiateRequest.decode(request.encode()), request)

    @given(BLOCKS, SIZES, SIZES, QUALITIES, st.integers(0, 255))
    def test_response_round_trip(
        self,
        conformance: Conformance,
        size: int,
        vaa_name: int,
        quality: int | None,
        version: int,
    ) -> None:
        response = InitiateResponse(conformance, size, vaa_name, quality, version)
        self.assertEqual(InitiateResponse.decode(response.encode()), response)

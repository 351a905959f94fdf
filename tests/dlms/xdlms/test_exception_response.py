"""Exception-Response; the bytes follow the ASN.1 of IEC 62056-53, self-made."""

from __future__ import annotations

from dlmsd.dlms.xdlms.exception_response import ExceptionResponse, ServiceError, StateError
from dlmsd.errors import LocalError
from tests.dlms.xdlms.three_ways import ApduTestCase


class ExceptionResponseTests(ApduTestCase):
    def test_without_counter(self) -> None:
        response = ExceptionResponse(
            StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE
        )
        self.assert_three_ways(bytes.fromhex("D80101"), response)
        self.assertIn("service-not-allowed", str(response))
        self.assertIn("operation-not-possible", str(response))
        self.assertIn("associate again", str(response))

    def test_with_counter(self) -> None:
        response = ExceptionResponse(
            StateError.SERVICE_NOT_ALLOWED, ServiceError.INVOCATION_COUNTER_ERROR, 0x01234567
        )
        self.assert_three_ways(bytes.fromhex("D8010601234567"), response)
        self.assertIn("(19088743)", str(response))

    def test_a_counter_belongs_to_its_error(self) -> None:
        state = StateError.SERVICE_UNKNOWN
        self.assertRaises(
            LocalError, ExceptionResponse, state, ServiceError.INVOCATION_COUNTER_ERROR
        )
        self.assertRaises(LocalError, ExceptionResponse, state, ServiceError.OTHER_REASON, 5)

    def test_every_byte_decodes(self) -> None:
        for number in range(256):
            octets = bytes((0xD8, number, number)) + (b"\x00\x00\x00\x09" if number == 6 else b"")
            response = ExceptionResponse.decode(octets)
            self.assertEqual(response.encode(), octets)
            known = number in (1, 2), number in (1, 2, 3, 4, 5, 6)
            self.assertEqual(str(response).count(f"code {number},"), 2 - sum(known))

"""RLRQ and RLRE."""

from __future__ import annotations

from dlmsd.dlms.acse.release import ReleaseRequestReason, ReleaseResponseReason, Rlre, Rlrq
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import apdu as vectors


class ReleaseTests(ApduTestCase):
    """The bytes follow the ASN.1 of IEC 62056-53 clause 8.4; self-made."""

    def test_normal(self) -> None:
        self.assert_three_ways(bytes.fromhex("6203800100"), Rlrq())
        self.assert_three_ways(bytes.fromhex("6303800100"), Rlre())

    def test_without_a_reason(self) -> None:
        self.assert_three_ways(bytes.fromhex("6200"), Rlrq(None))
        self.assert_three_ways(bytes.fromhex("6300"), Rlre(None))

    def test_with_user_information(self) -> None:
        request, response = vectors.INITIATE_REQUEST, vectors.INITIATE_RESPONSE
        self.assert_three_ways(
            b"\x62\x15\x80\x01\x1e\xbe\x10\x04\x0e" + request,
            Rlrq(ReleaseRequestReason.USER_DEFINED, request),
        )
        self.assert_three_ways(
            b"\x63\x15\x80\x01\x01\xbe\x10\x04\x0e" + response,
            Rlre(ReleaseResponseReason.NOT_FINISHED, response),
        )

    def test_an_unknown_reason_is_told(self) -> None:
        rlre = Rlre.decode(bytes.fromhex("6303800107"))
        self.assertEqual(rlre.reason, 7)
        assert rlre.reason is not None
        self.assertIn("code 7", rlre.reason.words)

    def test_what_is_wrong_is_named(self) -> None:
        self.assert_refused(Rlrq, bytes.fromhex("6303800100"), "rlrq", "63, not 62")
        self.assert_refused(Rlre, bytes.fromhex("63028000"), "rlre", "reason has 0 bytes")
        self.assert_refused(Rlre, bytes.fromhex("6303800180"), "rlre", "negative")

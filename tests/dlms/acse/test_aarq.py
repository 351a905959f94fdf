"""AARQ: the published ones, passwords of every length, and what clients get wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.errors import LocalError
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import apdu as vectors

LN = ApplicationContext.LN
INITIATE = vectors.INITIATE_REQUEST


class AarqTests(ApduTestCase):
    def test_no_security(self) -> None:
        self.assert_three_ways(vectors.AARQ_NONE, Aarq(LN, Mechanism.NONE, b"", INITIATE))

    def test_low_level_security(self) -> None:
        aarq = Aarq(LN, Mechanism.LOW, b"12345678", INITIATE)
        self.assert_three_ways(vectors.AARQ_LOW, aarq)

    def test_high_level_security(self) -> None:
        aarq = Aarq(LN, Mechanism.HIGH_GMAC, b"K56iVagY", INITIATE)
        self.assert_three_ways(vectors.AARQ_HIGH, aarq)

    def test_a_ciphered_association_with_system_title(self) -> None:
        ciphered = bytes.fromhex("21132000000001E9C53132607662DC7A94A61439BF")
        aarq = Aarq(ApplicationContext.LN_CIPHERED, Mechanism.LOW, b"1" * 16, ciphered, b"HPL72998")
        self.assert_three_ways(vectors.AARQ_CIPHERED, aarq)

    def test_a_password_of_every_length_has_the_right_lengths(self) -> None:
        for size in (*range(20), 79, 80, 125, 126, 127, 128, 129, 255, 256, 70000):
            password = b"p" * size
            octets = Aarq(LN, Mechanism.LOW, password, INITIATE).encode()
            aarq = Aarq.decode(octets)
            self.assertEqual(aarq.calling_authentication_value, password)
            self.assertEqual(aarq.user_information, INITIATE)

    def test_long_lengths_are_written_as_ber_wants(self) -> None:
        octets = Aarq(LN, Mechanism.LOW, b"p" * 200, INITIATE).encode()
        self.assertIn(b"\xac\x81\xcb\x80\x81\xc8" + b"p" * 200, octets)
        self.assertEqual(octets[:3], b"\x60\x81\xf8")
        self.assertEqual(len(octets), 3 + 0xF8)

    def test_an_empty_password_is_sent(self) -> None:
        octets = Aarq(LN, Mechanism.LOW, b"", INITIATE).encode()
        self.assertIn(bytes.fromhex("8B0760857405080201AC028000"), octets)

    def test_every_context_and_mechanism(self) -> None:
        for context in ApplicationContext:
            for mechanism in Mechanism:
                value = b"" if mechanism is Mechanism.NONE else b"x"
                aarq = Aarq(context, mechanism, value, INITIATE)
                self.assertEqual(Aarq.decode(aarq.encode()), aarq)
                name = b"\x60\x85\x74\x05\x08\x02" + bytes((mechanism,))
                self.assertEqual(name in aarq.encode(), mechanism is not Mechanism.NONE)
                self.assertIn(b"\x60\x85\x74\x05\x08\x01" + bytes((context,)), aarq.encode())

    def test_a_password_without_mechanism_is_our_error(self) -> None:
        self.assertRaises(LocalError, Aarq, LN, Mechanism.NONE, b"secret", INITIATE)

    def test_a_password_without_mechanism_from_a_client(self) -> None:
        context = bytes.fromhex("A109060760857405080101")
        octets = b"\x60\x10" + context + bytes.fromhex("AC03800131")
        self.assert_refused(Aarq, octets, "aarq", "without mechanism-name")

    def test_the_password_is_not_shown(self) -> None:
        aarq = Aarq(LN, Mechanism.LOW, b"topsecret", INITIATE)
        self.assertNotIn("topsecret", repr(aarq))

    def test_protocol_version_and_unused_fields_are_skipped(self) -> None:
        # protocol-version 80, called-AP-title A2, calling-AE-qualifier A7, user-id A9, BD
        extra = bytes.fromhex("80020284A2040402AABBA7030401CCA903020105BD0101")
        octets = b"\x60" + bytes((0x1D + len(extra),)) + extra + vectors.AARQ_NONE[2:]
        self.assertEqual(Aarq.decode(octets), Aarq(LN, Mechanism.NONE, b"", INITIATE))

    def test_a_bitstring_is_a_password_too(self) -> None:
        charstring, bitstring = bytes.fromhex("AC0A8008"), bytes.fromhex("AC0B810900")
        octets = vectors.AARQ_LOW.replace(charstring, bitstring).replace(b"\x60\x36", b"\x60\x37")
        self.assertEqual(Aarq.decode(octets).calling_authentication_value, b"12345678")

    def test_what_is_wrong_is_named(self) -> None:
        none = vectors.AARQ_NONE
        for octets, *words in (
            (b"", "aarq", "at byte 0"),
            (b"\x61" + none[1:], "61, not 60", "at byte 0"),
            (none[:2] + b"\xbe" + none[3:], "a second field be", "at byte 15"),
            (b"\x60\x00", "application-context-name is missing", "at byte 2"),
            (b"\x60\x80" + none[2:], "indefinite", "at byte 1"),
            (b"\x60\x0c" + none[2:13] + b"\x80", "length is missing", "at byte 14"),
            (b"\x60\x16" + none[2:13] * 2, "a second field a1"),
            (none.replace(b"\x60\x85\x74\x05\x08\x01", b"\x60\x85\x74\x05\x08\x09"), "at byte 6"),
            (none.replace(b"\x04\x0e\x01", b"\x05\x0e\x01"), "05, not 04", "at byte 15"),
            (none[:2] + b"\xbf" + none[3:], "tag of several bytes", "at byte 2"),
        ):
            self.assert_refused(Aarq, octets, *words)

    @given(
        st.sampled_from(ApplicationContext),
        st.sampled_from(Mechanism),
        st.binary(max_size=300),
        st.binary(max_size=300),
        st.none() | st.binary(max_size=20),
    )
    def test_round_trip(
        self,
        context: ApplicationContext,
        mechanism: Mechanism,
        value: bytes,
        information: bytes,
        title: bytes | None,
    ) -> None:
        value = b"" if mechanism is Mechanism.NONE else value
        aarq = Aarq(context, mechanism, value, information, title)
        self.assertEqual(Aarq.decode(aarq.encode()), aarq)

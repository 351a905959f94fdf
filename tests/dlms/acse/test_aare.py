"""AARE: accepted, refused in every way, and spoiled by meters of the field."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import (
    DIAGNOSTICS,
    AssociationResult,
    DiagnosticSource,
    ProviderDiagnostic,
    UserDiagnostic,
)
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.service_error import ConfirmedService, ConfirmedServiceError, InitiateError
from dlmsd.errors import LocalError
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import apdu as vectors

LN = ApplicationContext.LN
ACCEPTED = AssociationResult.ACCEPTED
PERMANENT = AssociationResult.REJECTED_PERMANENT
USER = DiagnosticSource.ACSE_SERVICE_USER
PROVIDER = DiagnosticSource.ACSE_SERVICE_PROVIDER
RESPONSE = vectors.INITIATE_RESPONSE


class PublishedTests(ApduTestCase):
    def test_accepted(self) -> None:
        aare = Aare(LN, ACCEPTED, USER, UserDiagnostic.NULL, user_information=RESPONSE)
        self.assert_three_ways(vectors.AARE_ACCEPTED, aare)
        self.assertTrue(aare.accepted)
        self.assertFalse(aare.authentication_pending)

    def test_refused_with_initiate_response(self) -> None:
        diagnostic = UserDiagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED
        aare = Aare(LN, PERMANENT, USER, diagnostic, user_information=RESPONSE)
        self.assert_three_ways(vectors.AARE_CONTEXT, aare)
        self.assertFalse(aare.accepted)
        self.assertIn("rejected-permanent", str(aare))
        self.assertIn("application-context-name-not-supported", str(aare))
        self.assertIn("check security", str(aare))

    def test_refused_with_service_error(self) -> None:
        aare = Aare(
            LN,
            PERMANENT,
            USER,
            UserDiagnostic.NO_REASON_GIVEN,
            user_information=vectors.SERVICE_ERROR,
        )
        self.assert_three_ways(vectors.AARE_VERSION, aare)
        self.assertEqual(
            decode_apdu(aare.user_information),
            ConfirmedServiceError(
                ConfirmedService.INITIATE_ERROR, InitiateError.DLMS_VERSION_TOO_LOW
            ),
        )

    def test_high_level_security_goes_on(self) -> None:
        aare = Aare(
            LN,
            ACCEPTED,
            USER,
            UserDiagnostic.AUTHENTICATION_REQUIRED,
            Mechanism.HIGH_GMAC,
            b"P6wRJ21F",
            RESPONSE,
        )
        self.assert_three_ways(vectors.AARE_HIGH, aare)
        self.assertTrue(aare.accepted)
        self.assertTrue(aare.authentication_pending)
        self.assertNotIn("check", str(aare))

    def test_a_refusal_without_user_information(self) -> None:
        aare = Aare(LN, PERMANENT, USER, UserDiagnostic.AUTHENTICATION_FAILURE)
        self.assert_three_ways(vectors.AARE_REFUSED, aare)
        self.assertIn("the password is wrong for this client", str(aare))

    def test_a_ciphered_association_with_system_title(self) -> None:
        aare = Aare(
            ApplicationContext.LN_CIPHERED,
            ACCEPTED,
            USER,
            UserDiagnostic.NULL,
            user_information=bytes.fromhex("28132000000000830705F03594EEE1A96C27CCA051"),
            responding_ap_title=bytes.fromhex("48504C000010F447"),
        )
        self.assert_three_ways(vectors.AARE_CIPHERED, aare)


class SpoiledTests(ApduTestCase):
    """What meters do to an AARE."""

    def with_tail(self, octets: bytes, tail: str) -> bytes:
        content = octets[2:25] + bytes.fromhex(tail)
        return bytes((0x61, len(content))) + content

    def test_any_protocol_version_is_tolerated(self) -> None:
        for version in ("80020780", "80020284", "8000", "A003020101"):
            extra = bytes.fromhex(version)
            content = extra + vectors.AARE_ACCEPTED[2:]
            octets = bytes((0x61, len(content))) + content
            self.assertEqual(Aare.decode(octets), Aare.decode(vectors.AARE_ACCEPTED))

    def test_garbled_fields_of_a_refusal_do_not_hide_it(self) -> None:
        expected = Aare.decode(vectors.AARE_REFUSED)
        for tail in (
            "BE",
            "BE00",
            "BE04",
            "BE020500",
            "BE0404050E01",
            "BE10040E0800065F1F04",
            "BEFF",
            "AA03800500",
            "8903010203",
            "A2030201 00",
        ):
            octets = self.with_tail(vectors.AARE_REFUSED, tail)
            self.assertEqual(Aare.decode(octets), expected, tail)

    def test_garbled_fields_of_an_acceptance_are_an_error(self) -> None:
        for tail in ("BE", "BE00", "BE020500", "BE10040E08", "AA0380", "8903010203", "A203020100"):
            self.assert_refused(Aare, self.with_tail(vectors.AARE_ACCEPTED, tail), "aare", "byte")

    def test_an_acceptance_without_user_information(self) -> None:
        octets = self.with_tail(vectors.AARE_ACCEPTED, "")
        self.assertEqual(Aare.decode(octets).user_information, b"")
        self.assertTrue(Aare.decode(octets).accepted)

    def test_an_empty_system_title(self) -> None:
        octets = self.with_tail(vectors.AARE_ACCEPTED, "A4020400")
        self.assertEqual(Aare.decode(octets).responding_ap_title, b"")

    def test_unknown_numbers_are_told(self) -> None:
        octets = vectors.AARE_REFUSED.replace(b"\x02\x01\x0d", b"\x02\x01\x63")
        aare = Aare.decode(octets)
        self.assertEqual(aare.diagnostic, 99)
        self.assertIn("code 99", str(aare))
        self.assertEqual(aare.encode(), octets)
        octets = vectors.AARE_REFUSED.replace(b"\xa2\x03\x02\x01\x01", b"\xa2\x03\x02\x01\x07")
        self.assertIn("code 7", str(Aare.decode(octets)))
        self.assertFalse(Aare.decode(octets).accepted)

    def test_what_is_missing_is_named(self) -> None:
        refused = vectors.AARE_REFUSED
        for octets, *words in (
            (b"\x61\x00", "application-context-name is missing"),
            (b"\x61\x0b" + refused[2:13], "a2 is missing"),
            (b"\x61\x10" + refused[2:18], "a3 is missing"),
            (refused.replace(b"\xa1\x03\x02\x01\x0d", b"\xa4\x03\x02\x01\x0d"), "unknown source"),
            (refused.replace(b"\x02\x01\x0d", b"\x02\x01\x8d"), "negative", "at byte 24"),
            (refused.replace(b"\x02\x01\x0d", b"\x0a\x01\x0d"), "0a, not 02", "at byte 22"),
        ):
            self.assert_refused(Aare, octets, "aare", *words)


class AareTests(ApduTestCase):
    def test_a_diagnostic_belongs_to_its_source(self) -> None:
        self.assertRaises(LocalError, Aare, LN, PERMANENT, PROVIDER, UserDiagnostic.NULL)
        self.assertRaises(LocalError, Aare, LN, PERMANENT, USER, ProviderDiagnostic.NULL)

    def test_the_provider_speaks(self) -> None:
        diagnostic = ProviderDiagnostic.NO_COMMON_ACSE_VERSION
        aare = Aare(LN, PERMANENT, PROVIDER, diagnostic)
        octets = vectors.AARE_REFUSED[:-5] + bytes.fromhex("A203020102")
        self.assert_three_ways(octets, aare)
        self.assertIs(Aare.decode(octets).diagnostic, diagnostic)

    def test_every_diagnostic_has_a_sentence(self) -> None:
        for source, kind in DIAGNOSTICS.items():
            for diagnostic in kind:
                words = str(Aare(LN, PERMANENT, source, diagnostic))
                self.assertIn(diagnostic.standard_name, words)
                self.assertNotIn("code", words)

    @given(
        st.sampled_from(ApplicationContext),
        st.integers(0, 3),
        st.sampled_from(DiagnosticSource),
        st.integers(0, 2**31 - 1),
        st.sampled_from(Mechanism),
        st.binary(max_size=300),
        st.binary(max_size=300),
        st.none() | st.binary(max_size=20),
    )
    def test_round_trip(
        self,
        context: ApplicationContext,
        result: int,
        source: DiagnosticSource,
        diagnostic: int,
        mechanism: Mechanism,
        value: bytes,
        information: bytes,
        title: bytes | None,
    ) -> None:
        aare = Aare(
            context,
            AssociationResult(result),
            source,
            DIAGNOSTICS[source](diagnostic),
            mechanism,
            value,
            information,
            title,
        )
        self.assertEqual(Aare.decode(aare.encode()), aare)

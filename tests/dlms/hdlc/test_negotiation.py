"""Parameters of SNRM and UA."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.negotiation import LinkParameters
from tests.vectors import hdlc

_OFFER = LinkParameters(512, 512, 1, 7)


class EncodingTests(SynchronousTestCase):
    def test_group_length_is_right(self) -> None:
        """18 octets with sizes in one octet, 20 in two; never 0x12 in front of 20."""
        cases = (
            (LinkParameters(), "818012050180060180070400000001080400000001"),
            (LinkParameters(128, 512), "81801305018006020200070400000001080400000001"),
            (_OFFER, "8180140502020006020200070400000001080400000007"),
        )
        for parameters, octets in cases:
            self.assertEqual(parameters.encode().hex(), octets)
            self.assertEqual(len(parameters.encode()), 3 + parameters.encode()[2])
            self.assertEqual(LinkParameters.decode(parameters.encode()), parameters)

    def test_published(self) -> None:
        self.assertEqual(LinkParameters.decode(hdlc.UA[11:-3]), LinkParameters())
        self.assertEqual(LinkParameters.decode(hdlc.UA_242[11:-3]), LinkParameters(242, 242))
        self.assertEqual(LinkParameters(128, 512).encode(), hdlc.SNRM_PARAMETERS[9:-3])

    def test_nothing_means_defaults(self) -> None:
        for octets in ("", "81", "8180", "818000", "8281140502", "8180ff"):
            self.assertEqual(LinkParameters.decode(bytes.fromhex(octets)), LinkParameters())

    def test_what_is_cut_short_is_the_default(self) -> None:
        """A size of 512 of which one octet came is neither 2 nor 512."""
        encoded = LinkParameters(512, 512, 3, 7).encode()
        for size in range(len(encoded)):
            found = LinkParameters.decode(encoded[:size])
            self.assertIn(found.transmit_information, (128, 512))
            self.assertIn(found.receive_information, (128, 512))
            self.assertIn(found.transmit_window, (1, 3))
            self.assertEqual(found.receive_window, 1)

    def test_unknown_parameters_are_skipped(self) -> None:
        octets = bytes.fromhex("818009090401020304060140")
        self.assertEqual(LinkParameters.decode(octets).receive_information, 64)

    @given(st.binary(max_size=60))
    def test_any_octets_decode(self, octets: bytes) -> None:
        for information in (octets, b"\x81\x80" + octets):
            agreed = _OFFER.agreed(LinkParameters.decode(information))
            self.assertTrue(agreed.legal)
            self.assertLessEqual(agreed.transmit_information, 512)
            self.assertLessEqual(agreed.transmit_window, 1)


class AgreementTests(SynchronousTestCase):
    def test_their_transmit_is_our_receive(self) -> None:
        agreed = LinkParameters(512, 512, 7, 7).agreed(LinkParameters(100, 200, 2, 3))
        self.assertEqual(agreed, LinkParameters(200, 100, 3, 2))

    def test_never_more_than_offered(self) -> None:
        absurd = LinkParameters(65535, 1 << 64, 255, 8)
        self.assertEqual(_OFFER.agreed(absurd), _OFFER)

    def test_absurdly_little(self) -> None:
        self.assertEqual(_OFFER.agreed(LinkParameters(0, 0, 0, 0)), LinkParameters(32, 32, 1, 1))
        self.assertEqual(_OFFER.agreed(LinkParameters(31, 1)), LinkParameters(32, 32))

    def test_legal(self) -> None:
        for parameters in (LinkParameters(), LinkParameters(32, 2030, 1, 7), _OFFER):
            self.assertTrue(parameters.legal)
        for parameters in (
            LinkParameters(31, 128),
            LinkParameters(128, 2031),
            LinkParameters(128, 128, 0, 1),
            LinkParameters(128, 128, 1, 8),
        ):
            self.assertFalse(parameters.legal)

"""The association's table: opened, refused, used, released; and nonsense in every state."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.acse.release import Rlre
from dlmsd.dlms.association import Association, State
from dlmsd.dlms.opening import MAX_PDU
from dlmsd.dlms.outcome import (
    Associated,
    Discarded,
    Refused,
    Released,
    RequestFailed,
    Results,
    SendApdu,
)
from dlmsd.dlms.proposal import READING
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.errors import DecodeError, LocalError, PostponedError, RefusedError, UnservedError
from dlmsd.secret import Secret
from tests.dlms.associations import CLOCK, AssociationTestCase, associated, pending
from tests.vectors import apdu

EXCEPTION = bytes.fromhex("d80101")
RLRE = Rlre().encode()
ANSWER = bytes.fromhex("c401c1001200eb")


class AssociatingTests(AssociationTestCase):
    def test_aarq_without_a_mechanism(self) -> None:
        (event,) = Association(Mechanism.NONE, Secret("never sent")).associate()
        assert isinstance(event, SendApdu)
        aarq = Aarq.decode(event.apdu)
        self.assertIs(aarq.context, ApplicationContext.LN)
        self.assertIs(aarq.mechanism, Mechanism.NONE)
        self.assertEqual(aarq.calling_authentication_value, b"")
        self.assertEqual(
            InitiateRequest.decode(aarq.user_information), InitiateRequest(READING, MAX_PDU)
        )

    def test_aarq_of_low_level_security(self) -> None:
        (event,) = Association(Mechanism.LOW, Secret("12345678")).associate()
        assert isinstance(event, SendApdu)
        ours, printed = Aarq.decode(event.apdu), Aarq.decode(apdu.AARQ_LOW)
        self.assertEqual(ours.mechanism, printed.mechanism)
        self.assertEqual(ours.calling_authentication_value, printed.calling_authentication_value)
        self.assertEqual(event.apdu[2:41], apdu.AARQ_LOW[2:41])

    def test_low_level_security_without_a_password(self) -> None:
        (event,) = Association(Mechanism.LOW).associate()
        assert isinstance(event, SendApdu)
        self.assertIs(Aarq.decode(event.apdu).mechanism, Mechanism.LOW)

    def test_accepted(self) -> None:
        association = pending()
        self.assertFalse(association.associated)
        self.assertEqual(association.receive(apdu.AARE_ACCEPTED), [Associated()])
        self.assertTrue(association.associated)
        self.assertIn(Conformance.GET, association.conformance)
        self.assertEqual(association.max_pdu, 500)

    def test_accepted_without_user_information(self) -> None:
        association = pending()
        aare = Aare(
            ApplicationContext.LN,
            AssociationResult.ACCEPTED,
            DiagnosticSource.ACSE_SERVICE_USER,
            UserDiagnostic.NULL,
        )
        self.assertEqual(association.receive(aare.encode()), [Associated()])
        self.assertEqual(association.conformance, Conformance.GET)
        self.assertEqual(association.max_pdu, 0)

    def test_accepted_with_the_least(self) -> None:
        """A PDU size of 12 and one service: the association tells, its owner adapts."""
        association = pending()
        initiate = InitiateResponse(Conformance.GET, 12, dlms_version=5)
        self.assertEqual(association.receive(self.aare(initiate.encode())), [Associated()])
        self.assertEqual((association.conformance, association.max_pdu), (Conformance.GET, 12))

    def test_refused(self) -> None:
        for refusal, words in (
            (apdu.AARE_CONTEXT, "application-context-name-not-supported"),
            (apdu.AARE_REFUSED, "password"),
            (apdu.AARE_VERSION, "rejected-permanent"),
        ):
            association = pending()
            self.assert_refused(association.receive(refusal), RefusedError, words)
            self.assertIs(association.state, State.IDLE)

    def test_refused_for_now(self) -> None:
        """Only without any reason: some meters say so of a wrong password."""
        user, transient = DiagnosticSource.ACSE_SERVICE_USER, AssociationResult.REJECTED_TRANSIENT
        for diagnostic, kind in (
            (UserDiagnostic.NULL, PostponedError),
            (UserDiagnostic.NO_REASON_GIVEN, RefusedError),
            (UserDiagnostic.AUTHENTICATION_FAILURE, RefusedError),
        ):
            aare = Aare(ApplicationContext.LN, transient, user, diagnostic)
            self.assert_refused(pending().receive(aare.encode()), kind, "rejected-transient")

    def test_accepted_but_for_a_proof_that_was_not_offered(self) -> None:
        association = pending()
        self.assert_refused(association.receive(apdu.AARE_HIGH), RefusedError, "high level")
        self.assertFalse(association.associated)

    def test_accepted_in_another_context(self) -> None:
        aare = self.aare(apdu.INITIATE_RESPONSE, ApplicationContext.SN)
        self.assert_refused(pending().receive(aare), RefusedError, "short names")

    def test_accepted_with_nonsense_inside(self) -> None:
        for inside, kind, words in (
            (b"\x08\x00", DecodeError, "initiate-response"),
            (apdu.SERVICE_ERROR, RefusedError, "DLMS version"),
            (apdu.INITIATE_REQUEST, DecodeError, "InitiateRequest"),
            (ANSWER, DecodeError, "GetResponseNormal"),
            (b"\xff", DecodeError, "0xFF"),
        ):
            association = pending()
            self.assert_refused(association.receive(self.aare(inside)), kind, words)
            self.assertFalse(association.associated)

    def test_exception_and_service_error(self) -> None:
        self.assert_refused(pending().receive(EXCEPTION), UnservedError, "service-not-allowed")
        self.assert_refused(pending().receive(apdu.SERVICE_ERROR), UnservedError, "initiate-error")

    def test_truncated(self) -> None:
        for whole in (apdu.AARE_ACCEPTED, apdu.AARE_REFUSED, EXCEPTION, apdu.SERVICE_ERROR):
            for size in range(len(whole)):
                association = pending()
                self.assert_refused(association.receive(whole[:size]), DecodeError)
                self.assertIs(association.state, State.IDLE)

    def test_what_else_arrives_meanwhile(self) -> None:
        association = pending()
        for other in (ANSWER, RLRE, b"\x0f\x00", b"\xc2\x00", b"\x18"):
            self.assert_discarded(association.receive(other))
        self.assertEqual(association.receive(apdu.AARE_ACCEPTED), [Associated()])

    def test_again(self) -> None:
        """From whatever state; the request under way is forgotten."""
        association = associated()
        association.get([CLOCK])
        self.assertIsInstance(association.associate()[0], SendApdu)
        self.assert_discarded(association.receive(ANSWER))
        self.assertEqual(association.receive(apdu.AARE_ACCEPTED), [Associated()])
        self.assert_discarded(association.receive(ANSWER))
        self.assertIsInstance(association.get([CLOCK])[0], SendApdu)


class EndTests(AssociationTestCase):
    def test_release(self) -> None:
        for answer in (RLRE, EXCEPTION, apdu.SERVICE_ERROR):
            association = associated()
            (request,) = association.release()
            assert isinstance(request, SendApdu)
            self.assertEqual(request.apdu[:1], b"\x62")
            self.assert_discarded(association.receive(ANSWER))
            self.assert_discarded(association.receive(b"\x63"))
            self.assertEqual(association.receive(answer), [Released()])
            self.assertIs(association.state, State.IDLE)

    def test_abort(self) -> None:
        association = associated()
        association.get([CLOCK])
        association.abort()
        self.assertFalse(association.associated)
        self.assert_discarded(association.receive(ANSWER))

    def test_nothing_is_taken_when_idle(self) -> None:
        association = Association(Mechanism.NONE)
        for octets in (apdu.AARE_ACCEPTED, ANSWER, EXCEPTION, b"", b"\xff"):
            self.assert_discarded(association.receive(octets))
        self.assertIs(association.state, State.IDLE)

    def test_misuse(self) -> None:
        self.assertRaises(LocalError, pending().get, [CLOCK])
        self.assertRaises(LocalError, Association(Mechanism.NONE).get, [CLOCK])
        association = associated()
        self.assertRaises(LocalError, association.get, [])
        association.get([CLOCK])
        self.assertRaises(LocalError, association.get, [CLOCK])


_KNOWN = [value for value in vars(apdu).values() if isinstance(value, bytes)]


class NonsenseTests(AssociationTestCase):
    @settings(max_examples=500, deadline=None)
    @given(
        st.sampled_from(["pending", "one", "two", "idle", "releasing", "associated"]),
        st.lists(
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from(_KNOWN),
                st.builds(
                    lambda known, place, octet: (
                        known[:place] + bytes((octet,)) + known[place + 1 :]
                    ),
                    st.sampled_from(_KNOWN),
                    st.integers(0, 80),
                    st.integers(0, 255),
                ),
                st.builds(
                    lambda head, tail: bytes.fromhex(head) + tail,
                    st.sampled_from(["c401c1", "c402c100", "c403c1", "c402c1010000000100", "6129"]),
                    st.binary(max_size=40),
                ),
            ),
            max_size=8,
        ),
    )
    def test_nothing_raises(self, start: str, octets: list[bytes]) -> None:
        association = associated()
        if start == "pending":
            association.associate()
        elif start == "idle":
            association.abort()
        elif start == "releasing":
            association.release()
        elif start != "associated":
            association.get([CLOCK] if start == "one" else [CLOCK, CLOCK])
        for each in octets:
            for event in association.receive(each):
                self.assertIsInstance(
                    event,
                    SendApdu
                    | Associated
                    | Refused
                    | Results
                    | RequestFailed
                    | Released
                    | Discarded,
                )

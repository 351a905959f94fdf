"""Associations with meters that have quirks, and what stays refused without them."""

from __future__ import annotations

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.association import Association
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.opening import HighLevel
from dlmsd.dlms.outcome import Associated, AssociationEvent, Results, SendApdu
from dlmsd.dlms.quirks import CLEAR_AARQ, CONSTANT_INVOKE_ID, PRE_ESTABLISHED, UNPROVED_METER
from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.errors import AuthenticationError
from dlmsd.dlms.security.mechanism import md5
from dlmsd.dlms.xdlms.action import ActionAnswer, ActionRequestNormal, ActionResponseNormal
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import GetRequestNormal, GetResponseNormal
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.errors import RefusedError
from dlmsd.secret import Secret
from tests.dlms.associations import CLOCK, AssociationTestCase
from tests.dlms.security.contexts import Pair

OURS, THEIRS = bytes(range(16)), bytes(range(16, 32))
SHARED = md5(Secret("HighLevelSecret1"))
GRANTED = InitiateResponse(Conformance.GET | Conformance.ACTION, 500).encode()


class OtherAssociationTests(AssociationTestCase):
    """The object that takes the proof is not 0-0:40.0.0 everywhere."""

    def test_the_search_ends(self) -> None:
        association = Association(Mechanism.HIGH_MD5, high=HighLevel(SHARED, OURS))
        association.associate()
        events = association.receive(
            Aare(
                ApplicationContext.LN,
                AssociationResult.ACCEPTED,
                DiagnosticSource.ACSE_SERVICE_USER,
                UserDiagnostic.AUTHENTICATION_REQUIRED,
                Mechanism.HIGH_MD5,
                THEIRS,
                GRANTED,
            ).encode()
        )
        asked = []
        while isinstance(events[0], SendApdu):
            request = ActionRequestNormal.decode(events[0].apdu)
            asked.append(str(request.method))
            nowhere = ActionAnswer(ActionResult.OBJECT_UNDEFINED)
            answer = ActionResponseNormal(request.invoke, nowhere)
            events = association.receive(answer.encode())
        self.assertEqual(asked, [f"15/0-0:40.0.{number}/method 1" for number in range(9)])
        self.assert_refused(events, RefusedError, "our proof")


class UnprovedMeterTests(AssociationTestCase):
    def begin(self, *quirks: object) -> Association:
        association = Association(Mechanism.HIGH_MD5, high=HighLevel(SHARED, OURS), quirks=quirks)
        association.associate()
        return association

    def accept(self, association: Association, *, pending: bool) -> list[AssociationEvent]:
        """The meter's AARE."""
        return association.receive(
            Aare(
                ApplicationContext.LN,
                AssociationResult.ACCEPTED,
                DiagnosticSource.ACSE_SERVICE_USER,
                UserDiagnostic.AUTHENTICATION_REQUIRED if pending else UserDiagnostic.NULL,
                Mechanism.HIGH_MD5,
                THEIRS,
                GRANTED,
            ).encode()
        )

    def answer(self, association: Association, answer: ActionAnswer) -> list[AssociationEvent]:
        """What the meter says to our proof."""
        (sent,) = self.accept(association, pending=True)
        assert isinstance(sent, SendApdu)
        invoke = ActionRequestNormal.decode(sent.apdu).invoke
        return association.receive(ActionResponseNormal(invoke, answer).encode())

    def test_one_that_wants_no_proof(self) -> None:
        association = self.begin(UNPROVED_METER)
        self.assertEqual(self.accept(association, pending=False), [Associated()])
        self.assertIn(Conformance.GET, association.conformance)
        self.assert_refused(self.accept(self.begin(), pending=False), RefusedError)

    def test_one_that_gives_none(self) -> None:
        silent = ActionAnswer(ActionResult.SUCCESS)
        self.assertEqual(self.answer(self.begin(UNPROVED_METER), silent), [Associated()])
        self.assert_refused(self.answer(self.begin(), silent), RefusedError)

    def test_a_wrong_proof_is_refused_all_the_same(self) -> None:
        wrong = ActionAnswer(ActionResult.SUCCESS, Data(Tag.OCTET_STRING, bytes(16)))
        events = self.answer(self.begin(UNPROVED_METER), wrong)
        self.assert_refused(events, AuthenticationError)

    def test_a_refusal_is_one_all_the_same(self) -> None:
        refusal = ActionAnswer(ActionResult.READ_WRITE_DENIED)
        self.assert_refused(self.answer(self.begin(UNPROVED_METER), refusal), RefusedError)

    def test_a_good_proof_is_taken(self) -> None:
        good = Data(Tag.OCTET_STRING, SHARED.answer(Challenges(THEIRS, OURS)))
        events = self.answer(self.begin(UNPROVED_METER), ActionAnswer(ActionResult.SUCCESS, good))
        self.assertEqual(events, [Associated()])

    def test_without_high_level_security_nothing_is_excused(self) -> None:
        association = Association(Mechanism.NONE, quirks=(UNPROVED_METER,))
        association.associate()
        self.assert_refused(self.accept(association, pending=True), RefusedError)


class PreEstablishedTests(AssociationTestCase):
    def test_no_aarq(self) -> None:
        association = Association(Mechanism.NONE, quirks=(PRE_ESTABLISHED,))
        self.assertEqual(association.associate(), [Associated()])
        (sent,) = association.get([CLOCK])
        assert isinstance(sent, SendApdu)
        request = GetRequestNormal.decode(sent.apdu)
        answer = GetResponseNormal(request.invoke, Data(Tag.UNSIGNED, 7))
        self.assertEqual(association.receive(answer.encode()), [Results((Data(Tag.UNSIGNED, 7),))])

    def test_again_after_the_link_was_lost(self) -> None:
        association = Association(Mechanism.NONE, quirks=(PRE_ESTABLISHED,))
        association.associate()
        association.abort()
        self.assertFalse(association.associated)
        self.assertEqual(association.associate(), [Associated()])


class ConstantInvokeIdTests(AssociationTestCase):
    def invokes(self, *quirks: object) -> list[int]:
        """Of requests, the first of which go unanswered."""
        association = Association(Mechanism.NONE, quirks=(PRE_ESTABLISHED, *quirks))
        found = []
        for _ in range(20):
            association.associate()
            (sent,) = association.get([CLOCK])
            assert isinstance(sent, SendApdu)
            found.append(GetRequestNormal.decode(sent.apdu).invoke & 0x0F)
        return found

    def test_every_request(self) -> None:
        self.assertEqual(self.invokes(CONSTANT_INVOKE_ID), [1] * 20)
        self.assertEqual(self.invokes(), [count % 16 for count in range(1, 21)])


class ClearAarqTests(AssociationTestCase):
    def begin(self, *quirks: object) -> tuple[Association, Aarq]:
        pair = Pair()
        self.meter = pair.meter
        association = Association(
            Mechanism.LOW, Secret("12345678"), security=pair.client, quirks=quirks
        )
        (sent,) = association.associate()
        assert isinstance(sent, SendApdu)
        return association, Aarq.decode(sent.apdu)

    def test_the_first_request_is_plain(self) -> None:
        _, aarq = self.begin(CLEAR_AARQ)
        self.assertIs(aarq.context, ApplicationContext.LN_CIPHERED)
        InitiateRequest.decode(aarq.user_information)
        _, aarq = self.begin()
        self.assertEqual(aarq.user_information[0], 0x21)

    def test_all_else_is_protected_and_wanted_so(self) -> None:
        for protect in (True, False):
            association, _ = self.begin(CLEAR_AARQ)
            granted = self.meter.protect(GRANTED) if protect else GRANTED
            aare = Aare(
                ApplicationContext.LN_CIPHERED,
                AssociationResult.ACCEPTED,
                DiagnosticSource.ACSE_SERVICE_USER,
                UserDiagnostic.NULL,
                user_information=granted,
                responding_ap_title=self.meter.title,
            )
            (event,) = association.receive(aare.encode())
            self.assertEqual(isinstance(event, Associated), protect, event)

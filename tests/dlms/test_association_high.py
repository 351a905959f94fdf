"""High level security: both ends prove themselves, or there is no association."""

from __future__ import annotations

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.association import Association
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.opening import HighLevel
from dlmsd.dlms.outcome import Associated, AssociationEvent, SendApdu
from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.errors import AuthenticationError, ChallengeError, SystemTitleError
from dlmsd.dlms.security.mechanism import md5
from dlmsd.dlms.xdlms.action import ActionAnswer, ActionRequestNormal, ActionResponseNormal
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.initiate import InitiateResponse
from dlmsd.errors import LocalError, RefusedError
from dlmsd.secret import Secret
from tests.dlms.associations import CLOCK, AssociationTestCase

OURS, THEIRS = bytes(range(16)), bytes(range(16, 32))
SHARED = md5(Secret("HighLevelSecret1"))


class HighLevelTests(AssociationTestCase):
    def setUp(self) -> None:
        self.association = Association(Mechanism.HIGH_MD5, high=HighLevel(SHARED, OURS))
        (sent,) = self.association.associate()
        self.aarq = Aarq.decode(sent.apdu)

    def accept(
        self, challenge: bytes = THEIRS, *, pending: bool = True, title: bytes | None = None
    ) -> list[AssociationEvent]:
        """The meter's AARE, with or without asking for the proof."""
        diagnostic = UserDiagnostic.AUTHENTICATION_REQUIRED if pending else UserDiagnostic.NULL
        aare = Aare(
            ApplicationContext.LN,
            AssociationResult.ACCEPTED,
            DiagnosticSource.ACSE_SERVICE_USER,
            diagnostic,
            Mechanism.HIGH_MD5,
            challenge,
            InitiateResponse(Conformance.GET | Conformance.ACTION, 500).encode(),
            title,
        )
        return self.association.receive(aare.encode())

    def prove(self, request: ActionRequestNormal, proof: object) -> list[AssociationEvent]:
        """The meter's answer to ours."""
        data = None if proof is None else Data(Tag.OCTET_STRING, proof)
        answer = ActionAnswer(ActionResult.SUCCESS, data)
        return self.association.receive(ActionResponseNormal(request.invoke, answer).encode())

    def asked(self) -> ActionRequestNormal:
        (sent,) = self.accept()
        assert isinstance(sent, SendApdu)
        return ActionRequestNormal.decode(sent.apdu)

    def test_the_meters_title_is_checked_in_plain_text_too(self) -> None:
        """Nothing but the proof is protected: nobody else compares it."""
        ours, theirs = b"DLM00001", b"MTR00001"
        for told, pinned, words in (
            (theirs, None, ""),
            (theirs, theirs, ""),
            (theirs, b"MTR00002", "is not the pinned one"),
            (ours, None, "it is our own"),
            (theirs[:7], None, "7 bytes"),
        ):
            high = HighLevel(SHARED, OURS, ours, pinned)
            self.association = Association(Mechanism.HIGH_MD5, high=high)
            self.association.associate()
            events = self.accept(title=told)
            if words:
                self.assert_refused(events, SystemTitleError, words)
            else:
                self.assertIsInstance(events[0], SendApdu)

    def test_four_passes(self) -> None:
        self.assertEqual(self.aarq.calling_authentication_value, OURS)
        request = self.asked()
        self.assertEqual(str(request.method.obis), "0-0:40.0.0")
        meter = Challenges(THEIRS, OURS)
        SHARED.check(meter, request.parameters.value)
        self.assertRaises(LocalError, self.association.get, [CLOCK])
        self.assertEqual(self.prove(request, SHARED.answer(meter)), [Associated()])
        self.assertTrue(self.association.associated)

    def test_a_meter_that_proves_nothing_is_not_read(self) -> None:
        good = SHARED.answer(Challenges(THEIRS, OURS))
        wrong = good[:-1] + bytes((good[-1] ^ 1,))
        # Our own proof sent back is a reflection, not an answer.
        reflected = SHARED.answer(Challenges(OURS, THEIRS))
        for proof in (wrong, reflected, b"", None):
            self.setUp()
            events = self.prove(self.asked(), proof)
            kind = RefusedError if proof is None else AuthenticationError
            self.assert_refused(events, kind)
            self.assertFalse(self.association.associated)

    def test_an_association_without_the_wanted_proof_is_refused(self) -> None:
        self.assert_refused(self.accept(pending=False), RefusedError)

    def test_our_challenge_sent_back_is_not_answered(self) -> None:
        self.assert_refused(self.accept(OURS), ChallengeError)

    def test_a_short_challenge_is_not_answered(self) -> None:
        for challenge in (b"", b"1234567"):
            self.setUp()
            self.assert_refused(self.accept(challenge), ChallengeError)

    def test_the_meter_may_refuse_our_proof(self) -> None:
        request = self.asked()
        answer = ActionAnswer(ActionResult.READ_WRITE_DENIED)
        events = self.association.receive(ActionResponseNormal(request.invoke, answer).encode())
        self.assert_refused(events, RefusedError, "our proof")

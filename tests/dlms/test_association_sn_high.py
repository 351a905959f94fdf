"""High level security by short names: the proof is read, not invoked by an ACTION."""

from __future__ import annotations

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.association_sn import READING_SN, AssociationSN
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.short_names import OBJECT_LIST_SN
from dlmsd.dlms.opening import HighLevel
from dlmsd.dlms.outcome import Associated, AssociationEvent, SendApdu
from dlmsd.dlms.quirks import UNPROVED_METER, Quirk
from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.errors import AuthenticationError
from dlmsd.dlms.security.mechanism import md5
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.service_error import ConfirmedService, ConfirmedServiceError, ServiceFault
from dlmsd.dlms.xdlms.short_name import (
    BlockNumber,
    ReadRequest,
    ReadResponse,
    ReadResult,
    VariableName,
    WriteResponse,
)
from dlmsd.errors import DecodeError, LocalError, RefusedError, UnservedError
from dlmsd.secret import Secret
from tests.dlms.associations import AssociationTestCase

OURS, THEIRS = bytes(range(16)), bytes(range(16, 32))
SHARED = md5(Secret("HighLevelSecret1"))
METER = Challenges(THEIRS, OURS)
GOOD = Data(Tag.OCTET_STRING, SHARED.answer(METER))
NOTHING = Data(Tag.NULL_DATA, None)


class HighLevelTests(AssociationTestCase):
    def setUp(self) -> None:
        self.begin()

    def begin(self, *quirks: Quirk) -> None:
        self.association = AssociationSN(
            Mechanism.HIGH_MD5,
            high=HighLevel(SHARED, OURS),
            proposed=Conformance.READ,
            quirks=quirks,
        )
        (sent,) = self.association.associate()
        self.aarq = Aarq.decode(sent.apdu)

    def accept(self, context: ApplicationContext = ApplicationContext.SN) -> list[AssociationEvent]:
        """The meter's AARE, which asks for the proof."""
        aare = Aare(
            context,
            AssociationResult.ACCEPTED,
            DiagnosticSource.ACSE_SERVICE_USER,
            UserDiagnostic.AUTHENTICATION_REQUIRED,
            Mechanism.HIGH_MD5,
            THEIRS,
            InitiateResponse(READING_SN, 500, vaa_name=0xFA00).encode(),
        )
        return self.association.receive(aare.encode())

    def asked(self, events: list[AssociationEvent], selector: int = 0) -> bytes:
        """Our proof in what is sent."""
        (sent,) = events
        assert isinstance(sent, SendApdu), events
        (variable,) = ReadRequest.decode(sent.apdu).variables
        assert isinstance(variable, VariableName)
        assert variable.access is not None
        self.assertEqual(variable.name, 0xFA58)
        self.assertEqual(variable.access[0], selector)
        proof = variable.access[1].value
        SHARED.check(METER, proof)
        return proof

    def answer(self, *results: ReadResult) -> list[AssociationEvent]:
        return self.association.receive(ReadResponse(results).encode())

    def test_what_is_proposed(self) -> None:
        self.assertIs(self.aarq.context, ApplicationContext.SN)
        proposed = InitiateRequest.decode(self.aarq.user_information).conformance
        self.assertEqual(proposed, Conformance.READ | Conformance.PARAMETERIZED_ACCESS)

    def test_four_passes(self) -> None:
        self.asked(self.accept())
        self.assertRaises(LocalError, self.association.get, [OBJECT_LIST_SN])
        self.assertEqual(self.answer(GOOD), [Associated()])
        self.assertEqual(
            self.association.get([OBJECT_LIST_SN]), [SendApdu(b"\x05\x01\x02\xfa\x08")]
        )

    def test_the_octets(self) -> None:
        (sent,) = self.accept()
        assert isinstance(sent, SendApdu)
        proof = SHARED.answer(Challenges(OURS, THEIRS))
        self.assertEqual(sent.apdu, bytes.fromhex("050104FA58000910") + proof)

    def test_a_meter_that_wants_the_other_selector(self) -> None:
        for refusal in (
            DataAccessResult.SCOPE_OF_ACCESS_VIOLATED,
            DataAccessResult.TYPE_UNMATCHED,
            DataAccessResult.OBJECT_UNDEFINED,
            DataAccessResult.OBJECT_UNAVAILABLE,
            DataAccessResult.OTHER_REASON,
        ):
            self.begin()
            self.asked(self.accept())
            self.asked(self.answer(refusal), selector=1)
            self.assertEqual(self.answer(GOOD), [Associated()])
            self.begin()
            self.accept()
            self.answer(refusal)
            self.assert_refused(self.answer(refusal), RefusedError, "our proof")

    def test_a_denied_proof_is_not_repeated(self) -> None:
        self.accept()
        refused = self.answer(DataAccessResult.READ_WRITE_DENIED)
        self.assert_refused(refused, RefusedError, "our proof")

    def test_a_meter_that_proves_nothing_is_not_read(self) -> None:
        wrong = Data(Tag.OCTET_STRING, bytes(16))
        reflected = Data(Tag.OCTET_STRING, SHARED.answer(Challenges(OURS, THEIRS)))
        for results, kind in (
            ((wrong,), AuthenticationError),
            ((reflected,), AuthenticationError),
            ((NOTHING,), RefusedError),
            ((DataAccessResult.SUCCESS,), RefusedError),
            ((), DecodeError),
            ((GOOD, GOOD), DecodeError),
            ((BlockNumber(1),), DecodeError),
        ):
            self.begin()
            self.accept()
            self.assert_refused(self.answer(*results), kind)
            self.assertFalse(self.association.associated)

    def test_a_meter_known_to_prove_nothing(self) -> None:
        for result in (NOTHING, DataAccessResult.SUCCESS):
            self.begin(UNPROVED_METER)
            self.accept()
            self.assertEqual(self.answer(result), [Associated()])

    def test_other_answers(self) -> None:
        self.accept()
        done = WriteResponse((DataAccessResult.SUCCESS,)).encode()
        self.assert_discarded(self.association.receive(done))
        fault = ConfirmedServiceError(ConfirmedService.READ, ServiceFault.SERVICE_UNSUPPORTED)
        self.assert_refused(self.association.receive(fault.encode()), UnservedError)

    def test_a_meter_of_another_context(self) -> None:
        self.assert_refused(self.accept(ApplicationContext.SN_CIPHERED), RefusedError, "ciphered")

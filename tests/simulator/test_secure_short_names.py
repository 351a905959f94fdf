"""Short names under high level security and ciphering: dlmsd's client and a virtual meter."""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.association_sn import WRITING_SN
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse, ServiceError, StateError
from dlmsd.dlms.xdlms.short_name import (
    InformationReport,
    ReadRequest,
    ReadResponse,
    UnconfirmedWriteRequest,
    VariableName,
)
from dlmsd.errors import DlmsdError, RefusedError
from dlmsd.secret import Secret
from dlmsd.simulator.personality import (
    ECDSA,
    ECDSA_2,
    GENERAL_GLO,
    HLS_MANUFACTURER,
    HLS_MD5,
    HLS_SHA1,
    HLS_SHA256,
    SECURE,
    SUITE_1,
    SUITE_2,
    Personality,
    by_short_names,
)
from dlmsd.simulator.security import general
from tests.simulator.duet import Duet
from tests.simulator.secure import server
from tests.simulator.shelf import ECHO, LONG, LONG_VALUE, MISSING, VALUE, VOLTAGE
from tests.simulator.test_set import NEW

PROVED = tuple(map(by_short_names, (HLS_MANUFACTURER, HLS_MD5, HLS_SHA1, HLS_SHA256)))
CIPHERED = tuple(map(by_short_names, (SECURE, SUITE_1, SUITE_2, ECDSA, ECDSA_2)))
GMAC = CIPHERED[:3]
NAME = VariableName(0x0108)
NOT_ALLOWED = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE)
OK, UNDEFINED = DataAccessResult.SUCCESS, DataAccessResult.OBJECT_UNDEFINED
READ = ReadRequest((NAME,)).encode()


class AllCase(SynchronousTestCase):
    def reads(self, duet: Duet) -> None:
        found = duet.run(duet.client.get([VOLTAGE, MISSING, LONG]))
        self.assertEqual(found, (VALUE, UNDEFINED, LONG_VALUE))

    def forms(self) -> list[tuple[Personality, Form]]:
        """Every form, with a meter that has the keys."""
        forms = [Form(general=True), Form(signed=True)]
        forms += [Form(kind=kind, signed=signed) for kind in KeyKind for signed in (False, True)]
        found = []
        for suite in (1, 2):
            for form in forms:
                security = general(SUITES[suite], form)
                found.append((evolve(by_short_names(GENERAL_GLO), security=security), form))
        return found


class EveryWayTests(AllCase):
    def test_each_mechanism_reads_writes_and_invokes(self) -> None:
        mechanisms = {one.clients[0].mechanism for one in (*PROVED, *CIPHERED)}
        self.assertEqual(mechanisms, set(Mechanism) - {Mechanism.NONE, Mechanism.LOW})
        for personality in (*PROVED, *CIPHERED):
            duet = Duet(personality).open()
            ciphered = personality in CIPHERED
            context = ApplicationContext.SN_CIPHERED if ciphered else ApplicationContext.SN
            self.assertIs(Aarq.decode(duet.sent[0]).context, context)
            self.reads(duet)
            self.assertEqual(
                duet.run(duet.client.set([VOLTAGE, MISSING], [NEW] * 2)), (OK, UNDEFINED)
            )
            self.assertEqual(duet.run(duet.client.get([VOLTAGE])), (NEW,))
            (done,) = duet.run(duet.client.action([ECHO], [NEW]))
            self.assertIs(done.result, ActionResult.SUCCESS)
            self.assertEqual(duet.discarded, [])

    def test_each_suite_under_global_and_dedicated_keys(self) -> None:
        for personality in CIPHERED:
            size = personality.security.suite.key_size
            for dedicated, tags in (
                (None, (0x25, 0x2C, 0x26, 0x2D)),
                (bytes(size), (0x45, 0x4C, 0x46, 0x4D)),
            ):
                duet = Duet(personality, dedicated=dedicated).open()
                self.reads(duet)
                duet.run(duet.client.set([VOLTAGE], [NEW]))
                told = (duet.sent[-2][0], duet.came[-2][0], duet.sent[-1][0], duet.came[-1][0])
                self.assertEqual(told, tags)

    def test_each_form(self) -> None:
        for personality, form in self.forms():
            duet = Duet(personality).open()
            self.reads(duet)
            tag = 0xDF if form.signed else 0xDD if form.kind else 0xDB
            self.assertEqual((duet.sent[-1][0], duet.came[-1][0]), (tag, tag))

    def test_each_policy(self) -> None:
        for policy in set(SecurityPolicy) - {SecurityPolicy.NONE}:
            security = evolve(SECURE.security, policy=policy)
            duet = Duet(evolve(by_short_names(SECURE), security=security)).open()
            self.reads(duet)
            readable = LONG_VALUE.value in duet.came[-1]
            self.assertEqual(readable, not policy.encrypted)

    def test_blocks_fit_with_their_ciphering(self) -> None:
        for most in (100, 150):
            duet = Duet(evolve(CIPHERED[0], max_response=most, max_pdu=most)).open()
            self.reads(duet)
            longer = Data(Tag.OCTET_STRING, bytes(300))
            self.assertEqual(duet.run(duet.client.set([LONG], [longer])), (OK,))
            self.assertEqual(duet.run(duet.client.get([LONG])), (longer,))
            ciphered = [apdu for apdu in (*duet.sent[1:], *duet.came[1:]) if apdu[0] != 0x61]
            self.assertLessEqual(max(map(len, ciphered)), most)

    def test_unconfirmed_writes(self) -> None:
        for dedicated, tag in ((None, 0x36), (bytes(16), 0x56)):
            services = {"proposed": WRITING_SN | Conformance.UNCONFIRMED_WRITE}
            duet = Duet(CIPHERED[0], dedicated=dedicated, association=services).open()
            written = duet.end.context.protect(UnconfirmedWriteRequest((NAME,), (NEW,)).encode())
            self.assertEqual(written[0], tag)
            self.assertEqual(duet.meter.receive(1, written).apdu, b"")
            self.assertEqual(duet.run(duet.client.get([VOLTAGE])), (NEW,))

    def test_information_reports(self) -> None:
        for dedicated, tag in ((None, 0x38), (bytes(16), 0x58)):
            duet = Duet(CIPHERED[0], dedicated=dedicated).open()
            (answer,) = duet.meter.report([VOLTAGE], confirmed=False)
            self.assertEqual(answer.apdu[0], tag)
            report = InformationReport(None, (NAME,), (VALUE,))
            duet.run(duet.client.receive(report.encode()))
            self.assertEqual(duet.told, [])
            duet.run(duet.client.receive(answer.apdu))
            duet.run(duet.client.receive(answer.apdu))
            self.assertEqual(duet.told, [report])
            self.assertEqual(len(duet.discarded), 2)


class MeterTests(AllCase):
    """What the meter refuses of a client, and what it then still takes."""

    def test_no_value_before_the_proof(self) -> None:
        for personality in (*PROVED, *CIPHERED):
            duet = Duet(personality)
            early: list[bytes] = []

            def asks(apdu: bytes, duet: Duet = duet, early: list[bytes] = early) -> Any:
                if apdu[0] == 0x61:
                    asked = duet.end.context.protect(READ)
                    early.append(duet.meter.receive(1, asked).apdu)
                return (apdu,)

            duet.to_client = asks
            duet.open()
            self.assertEqual([decode_apdu(one) for one in early], [NOT_ALLOWED])
            self.reads(duet)

    def test_a_wrong_secret(self) -> None:
        for personality in PROVED:
            secret = Secret("HighLevelSecret2")
            wrong = evolve(personality, clients=(evolve(personality.clients[0], password=secret),))
            duet = Duet(wrong, meter=server(personality))
            error = duet.run(duet.client.associate())
            self.assertIsInstance(error, RefusedError)
            self.assertIn("our proof", str(error))
            self.assertFalse(duet.meter.associated)

    def test_wrong_keys(self) -> None:
        for personality in CIPHERED:
            security = personality.security
            for name in ("encryption", "authentication"):
                size = security.suite.key_size
                keys = evolve(security.client, **{name: Secret(b"x" * size)})
                wrong = evolve(personality, security=evolve(security, client=keys))
                duet = Duet(wrong, meter=server(personality))
                duet.run(duet.client.associate())
                self.assertFalse(duet.client.associated)
                self.assertFalse(duet.meter.associated)

    def test_a_replayed_request_closes_the_connection(self) -> None:
        for personality in GMAC:
            duet = Duet(personality).open()
            self.reads(duet)
            self.assertTrue(duet.meter.receive(1, duet.sent[-1]).closes)

    def test_forged_and_plain_requests(self) -> None:
        for personality in CIPHERED:
            duet = Duet(personality).open()
            genuine = duet.end.context.protect(READ)
            self.assertEqual(decode_apdu(duet.meter.receive(1, READ).apdu), NOT_ALLOWED)
            for place in (0, 2, 7, len(genuine) - 1):
                forged = bytearray(genuine)
                forged[place] ^= 1
                answer = duet.meter.receive(1, bytes(forged))
                self.assertEqual((answer.results, answer.closes), ((), False))
            opened = duet.end.context.open(duet.meter.receive(1, genuine).apdu)
            self.assertEqual(ReadResponse.decode(opened).results, (VALUE,))

    def test_logical_names_are_no_way_in(self) -> None:
        duet = Duet(CIPHERED[0]).open()
        answer = duet.meter.receive(1, duet.end.context.protect(b"\xc0\x01\xc1" + bytes(10)))
        self.assertEqual(answer.results, ())


class ClientTests(AllCase):
    """What the client refuses of a meter, and what it then still takes."""

    def test_the_genuine_answer_follows(self) -> None:
        random = Random(3)
        plain = ReadResponse((NEW,)).encode()
        for personality in CIPHERED:
            size = personality.security.suite.key_size
            for dedicated in (None, bytes(size)):
                duet = Duet(personality, dedicated=dedicated).open()
                self.reads(duet)
                recorded = duet.came[-1]

                def tampered(apdu: bytes, recorded: bytes = recorded) -> list[bytes]:
                    flipped = bytearray(apdu)
                    flipped[random.randrange(len(apdu))] ^= 1 << random.randrange(8)
                    return [recorded, plain, bytes(flipped), apdu[:-1], apdu]

                duet.to_client = tampered
                for _ in range(20):
                    self.reads(duet)
                self.assertEqual(len(duet.discarded), 20 * 4)

    def test_a_forged_proof(self) -> None:
        for personality in PROVED:
            duet = Duet(personality)

            def tampered(apdu: bytes) -> list[bytes]:
                return [apdu] if apdu[0] == 0x61 else [apdu[:-1] + bytes((apdu[-1] ^ 1,))]

            duet.to_client = tampered
            self.assertIsInstance(duet.run(duet.client.associate()), DlmsdError)
            self.assertFalse(duet.client.associated)

    def test_a_forged_answer_to_the_proof_before_the_genuine_one(self) -> None:
        for personality in CIPHERED:
            duet = Duet(personality)

            def tampered(apdu: bytes) -> list[bytes]:
                wrong = ReadResponse((Data(Tag.OCTET_STRING, bytes(17)),)).encode()
                return [apdu] if apdu[0] == 0x61 else [wrong, apdu[:-1] + b"\x00\x00", apdu]

            duet.to_client = tampered
            self.assertIs(duet.run(duet.client.associate()), True)
            self.assertEqual(len(duet.discarded), 2)

    def test_less_security_than_configured(self) -> None:
        plain = by_short_names(HLS_MD5)
        for personality in CIPHERED:
            duet = Duet(personality, meter=server(plain))
            self.assertIsInstance(duet.run(duet.client.associate()), RefusedError)

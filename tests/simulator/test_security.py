"""High level security and ciphering at the meter's end, row by row of its table."""

from __future__ import annotations

from random import Random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import UserDiagnostic
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.axdr.data import encode
from dlmsd.dlms.security.errors import SecurityError
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.suite import SecurityControl, SecurityPolicy
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.ciphered import Ciphered, GeneralCiphered
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse, ServiceError, StateError
from dlmsd.dlms.xdlms.get import GetRequestNext, GetRequestNormal, GetResponseWithBlock
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.service_error import ConfirmedServiceError, InitiateError
from dlmsd.errors import DecodeError
from dlmsd.simulator.personality import (
    ECDSA,
    ECDSA_2,
    HLS_MD5,
    HLS_SHA1,
    HLS_SHA256,
    SECURE,
    SECURE_WRAPPER,
)
from tests.simulator.secure import (
    CIPHERED,
    CLIENT,
    CTOS,
    GET,
    METER,
    PROPOSED,
    Talk,
    with_policy,
)
from tests.simulator.shelf import LONG, LONG_VALUE, VALUE, VOLTAGE

ALL = (*CIPHERED, SECURE_WRAPPER, HLS_MD5, HLS_SHA1, HLS_SHA256)
NOT_ALLOWED = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE)
UNDECIPHERED = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.DECIPHERING_ERROR)


def flipped(octets: bytes, place: int, bit: int = 1) -> bytes:
    return octets[:place] + bytes((octets[place] ^ bit,)) + octets[place + 1 :]


class AssociationTests(SynchronousTestCase):
    def test_accepted_but_for_the_proof(self) -> None:
        for personality in ALL:
            talk = Talk(personality)
            aare = talk.associate()
            self.assertTrue(aare.authentication_pending, personality.name)
            self.assertIs(aare.mechanism, personality.clients[0].mechanism)
            self.assertEqual(aare.responding_ap_title, METER)
            length = 32 if personality in (ECDSA, ECDSA_2) else 16
            self.assertEqual(len(aare.responding_authentication_value), length)
            ciphered = personality.security.policy is not SecurityPolicy.NONE
            self.assertEqual(aare.user_information[0], 0x28 if ciphered else 0x08)
            granted = talk.hear(aare.user_information)
            self.assertIsInstance(granted, InitiateResponse)
            self.assertEqual(granted.conformance, PROPOSED & personality.conformance)
            self.assertFalse(talk.meter.associated)

    def test_both_prove_themselves_and_then_values_come(self) -> None:
        for personality in ALL:
            talk = Talk(personality).open()
            self.assertEqual(talk.ask(GET).result, VALUE, personality.name)
            self.assertEqual(talk.answer.results, ((VOLTAGE, VALUE),))

    def test_challenges_differ(self) -> None:
        talk = Talk(SECURE)
        seen = {talk.associate().responding_authentication_value for _ in range(20)}
        self.assertEqual(len(seen), 20)

    def test_no_value_before_the_proof(self) -> None:
        for personality in ALL:
            talk = Talk(personality)
            talk.associate()
            self.assertEqual(talk.ask(GET), NOT_ALLOWED)
            self.assertEqual(talk.answer.results, ())
            self.assertIs(talk.ask(talk.proof()).answer.result, ActionResult.SUCCESS)
            self.assertEqual(talk.ask(GET).result, VALUE)

    def test_a_wrong_proof_ends_it(self) -> None:
        for personality in ALL:
            for wrong in (b"", CTOS, bytes(17), None):
                talk = Talk(personality)
                talk.associate()
                good = talk.proof()
                # None: the last octet of a good one is wrong.
                proof = flipped(good, len(good) - 1) if wrong is None else talk.proof(wrong)
                answer = talk.ask(proof).answer
                self.assertIs(answer.result, ActionResult.READ_WRITE_DENIED)
                self.assertIsNone(answer.data)
                self.assertEqual(talk.ask(talk.proof()), NOT_ALLOWED)
                self.assertEqual(talk.ask(GET), NOT_ALLOWED)

    def test_nobody_proves_himself_twice(self) -> None:
        talk = Talk(SECURE).open()
        found = talk.ask(talk.proof())
        self.assertIsNot(found.answer.result, ActionResult.SUCCESS)
        self.assertEqual(talk.ask(GET).result, VALUE)

    def test_the_proof_of_another_association(self) -> None:
        for personality in ALL:
            talk = Talk(personality)
            talk.associate()
            old = talk.proof()
            talk.associate()
            octets = talk.give(talk.end.context.protect(old))
            if talk.answer.closes:
                # GMAC brings its counter along, and the meter saw that number pass.
                self.assertIs(personality.clients[0].mechanism, Mechanism.HIGH_GMAC)
            else:
                self.assertIs(talk.hear(octets).answer.result, ActionResult.READ_WRITE_DENIED)
            self.assertFalse(talk.meter.associated)

    def test_refused(self) -> None:
        mechanism = UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNIZED
        nothing = {"mechanism": Mechanism.NONE, "calling_authentication_value": b""}
        cases = (
            ({"context": ApplicationContext.LN}, "APPLICATION_CONTEXT_NAME_NOT_SUPPORTED"),
            (nothing, "AUTHENTICATION_REQUIRED"),
            ({"mechanism": Mechanism.HIGH_MD5}, mechanism.name),
            ({"calling_ap_title": None}, "CALLING_AP_TITLE_TOO_SHORT"),
            ({"calling_ap_title": CLIENT[:7]}, "CALLING_AP_TITLE_TOO_SHORT"),
            ({"calling_ap_title": CLIENT + b"!"}, "CALLING_AP_TITLE_TOO_LONG"),
            ({"calling_ap_title": METER}, "CALLING_AP_TITLE_NOT_RECOGNIZED"),
            ({"calling_ap_title": b"SOMEBODY"}, "NO_REASON_GIVEN"),
            ({"calling_authentication_value": b"7 bytes"}, "AUTHENTICATION_FAILURE"),
            ({"calling_authentication_value": bytes(65)}, "AUTHENTICATION_FAILURE"),
        )
        for changes, diagnostic in cases:
            talk = Talk(SECURE)
            aare = talk.associate(**changes)
            self.assertFalse(aare.accepted)
            self.assertEqual(aare.diagnostic.name, diagnostic, changes)
            self.assertEqual(talk.ask(GET), NOT_ALLOWED)
        self.assertFalse(Talk(ECDSA).associate(calling_authentication_value=bytes(31)).accepted)

    def test_titles_only_where_they_are_needed(self) -> None:
        for personality in (HLS_MD5, HLS_SHA1):
            aare = Talk(personality).associate(calling_ap_title=None)
            self.assertTrue(aare.authentication_pending)
            self.assertIsNone(aare.responding_ap_title)
        self.assertFalse(Talk(HLS_SHA256).associate(calling_ap_title=None).accepted)

    def test_initiate_requests_that_are_not_believed(self) -> None:
        plain = InitiateRequest(PROPOSED, 0xFFFF).encode()
        weak = Talk(SECURE, policy=SecurityPolicy.AUTHENTICATED).end.context.protect(plain)
        good = Talk(SECURE).end.context.protect(plain)
        for wrong in (plain, weak, b"", good[:-1], flipped(good, 9), flipped(good, 2)):
            talk = Talk(SECURE)
            aare = talk.associate(initiate=wrong)
            self.assertIs(aare.diagnostic, UserDiagnostic.NO_REASON_GIVEN)
            error = decode_apdu(aare.user_information)
            self.assertIsInstance(error, ConfirmedServiceError)
            self.assertEqual(error.error, InitiateError.REFUSED_BY_THE_VDE_HANDLER)
            talk.open()

    def test_release(self) -> None:
        for ciphered in (False, True):
            talk = Talk(SECURE).open()
            initiate = InitiateRequest(PROPOSED, 0xFFFF).encode()
            information = talk.end.context.protect(initiate) if ciphered else b""
            rlre = Rlre.decode(talk.give(Rlrq(user_information=information).encode()))
            self.assertEqual(bool(rlre.user_information), ciphered)
            if ciphered:
                self.assertIsInstance(talk.hear(rlre.user_information), InitiateResponse)
            self.assertEqual(talk.ask(GET), NOT_ALLOWED)

    def test_a_forged_release_changes_nothing(self) -> None:
        talk = Talk(SECURE).open()
        initiate = talk.end.context.protect(InitiateRequest(PROPOSED, 0xFFFF).encode())
        forged = Rlrq(user_information=flipped(initiate, len(initiate) - 1))
        self.assertEqual(talk.hear(talk.give(forged.encode())), UNDECIPHERED)
        self.assertEqual(talk.ask(GET).result, VALUE)


class CipheringTests(SynchronousTestCase):
    def test_the_answer_has_the_form_of_the_request(self) -> None:
        for personality in CIPHERED:
            size = personality.security.suite.key_size
            for dedicated, general, tag in (
                (None, False, 0xCC),
                (None, True, GeneralCiphered.GLOBAL),
                (bytes(size), False, 0xD4),
                (bytes(size), True, GeneralCiphered.DEDICATED),
            ):
                talk = Talk(personality, dedicated=dedicated, form=Form(general=general)).open()
                self.assertEqual(talk.ask(GET).result, VALUE)
                self.assertEqual(talk.answer.apdu[0], tag)

    def test_a_global_request_in_spite_of_a_dedicated_key(self) -> None:
        talk = Talk(SECURE, dedicated=bytes(16)).open()
        other = Talk(SECURE, first=5000)
        other.end.context.pin(METER)
        answer = talk.give(other.end.context.protect(GET))
        self.assertEqual(answer[0], 0xCC)
        self.assertEqual(other.hear(answer).result, VALUE)
        self.assertEqual(talk.ask(GET).result, VALUE)
        self.assertEqual(talk.answer.apdu[0], 0xD4)

    def test_every_policy(self) -> None:
        for policy in SecurityPolicy:
            if policy is SecurityPolicy.NONE:
                continue
            talk = Talk(with_policy(policy)).open()
            self.assertEqual(talk.ask(GET).result, VALUE)
            answer = Ciphered.decode(talk.answer.apdu)
            self.assertEqual(answer.control, policy.control(SECURE.security.suite))
            plain = b"\xc4\x01\xc1\x00\x12\x08\xfd"
            self.assertEqual(plain in talk.answer.apdu, not policy.encrypted)

    def test_less_than_the_policy_is_refused(self) -> None:
        floors = {
            SecurityPolicy.AUTHENTICATED_ENCRYPTED: ("none", "authenticated", "encrypted"),
            SecurityPolicy.AUTHENTICATED: ("none", "encrypted"),
            SecurityPolicy.ENCRYPTED: ("none", "authenticated"),
        }
        for floor, lower in floors.items():
            talk = Talk(with_policy(floor)).open()
            for number, policy in enumerate(map(SecurityPolicy, lower)):
                weak = Talk(SECURE, policy=policy, first=5000 + number)
                weak.end.context.pin(METER)
                self.assertEqual(talk.hear(talk.give(weak.end.context.protect(GET))), NOT_ALLOWED)
                self.assertEqual(talk.ask(GET).result, VALUE)

    def test_each_flipped_bit_is_found(self) -> None:
        for personality in CIPHERED:
            for general in (False, True):
                talk = Talk(personality, form=Form(general=general)).open()
                request = talk.end.context.protect(GET)
                for place in range(len(request)):
                    answer = talk.give(flipped(request, place, 1 << place % 8))
                    self.assertEqual(talk.answer.results, ())
                    if talk.answer.closes:
                        # The counter was made a lower one; the meter hangs up.
                        talk = Talk(personality, form=Form(general=general)).open()
                        request = talk.end.context.protect(GET)
                    else:
                        self.assertIsInstance(decode_apdu(answer), ExceptionResponse)
                self.assertEqual(talk.hear(talk.give(request)).result, VALUE)

    def test_what_cannot_be_deciphered(self) -> None:
        talk = Talk(SECURE).open()
        request = Ciphered.decode(talk.end.context.protect(GET))
        control = SecurityControl(0, authenticated=True, encrypted=True)
        wrong = (
            evolve(request, content=flipped(request.content, len(request.content) - 1)),
            evolve(request, control=evolve(control, suite=1)),
            evolve(request, control=evolve(control, compressed=True)),
            evolve(request, control=evolve(control, broadcast=True)),
            evolve(request, tag=0xD0),
            GeneralCiphered(False, b"SOMEBODY", control, request.counter, request.content),
        )
        for one in wrong:
            self.assertEqual(talk.hear(talk.give(one.encode())), UNDECIPHERED)
        self.assertEqual(talk.hear(talk.give(request.encode())).result, VALUE)

    def test_ciphered_without_an_association(self) -> None:
        talk = Talk(SECURE)
        talk.end.context.pin(METER)
        self.assertEqual(talk.ask(GET), NOT_ALLOWED)

    def test_a_dedicated_key_of_another_suite(self) -> None:
        talk = Talk(SECURE)
        initiate = InitiateRequest(PROPOSED, 0xFFFF, bytes(32)).encode()
        aare = talk.associate(initiate=talk.end.context.protect(initiate))
        self.assertEqual(decode_apdu(aare.user_information).error, InitiateError.OTHER)

    def test_blocks_fit_with_their_ciphering(self) -> None:
        for general in (False, True):
            for limit in (60, 100, 230):
                talk = Talk(SECURE, form=Form(general=general)).open(max_pdu=limit)
                octets, block = b"", talk.ask(GetRequestNormal(0xC1, LONG).encode())
                while True:
                    self.assertIsInstance(block, GetResponseWithBlock)
                    self.assertLessEqual(len(talk.answer.apdu), limit)
                    octets += block.result
                    if block.last:
                        break
                    block = talk.ask(GetRequestNext(0xC1, block.block_number).encode())
                self.assertEqual(octets, encode(LONG_VALUE))


class HostileTests(SynchronousTestCase):
    def test_no_octets_bring_it_down_or_a_value_out(self) -> None:
        random = Random(4)
        for personality in ALL:
            talk = Talk(personality)
            talk.associate()
            context = talk.end.context
            genuine = [context.protect(talk.proof()), talk.aarq().encode(), context.protect(GET)]
            for _ in range(300):
                octets = bytearray(random.choice(genuine))
                for _ in range(random.randint(1, 3)):
                    octets[random.randrange(len(octets))] = random.randrange(256)
                answer = talk.give(bytes(octets[: random.randint(0, 2 * len(octets))]))
                self.assertEqual(talk.answer.results, ())
                self.assertFalse(talk.meter.associated)
                with self.subTest(personality=personality.name):
                    self.check_harmless(talk, answer)

    def check_harmless(self, talk: Talk, answer: bytes) -> None:
        if talk.answer.closes:
            self.assertEqual(answer, b"")
            return
        try:
            talk.hear(answer)
        except (SecurityError, DecodeError):
            self.assertEqual(answer[0], 0xCF)

"""Forms of protection at the meter's end: opened, answered in kind, and demanded."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.form import SERVICE, Form
from dlmsd.dlms.security.keys import Keys
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse, ServiceError, StateError
from dlmsd.dlms.xdlms.general_ciphering import (
    AgreedKey,
    GeneralCiphering,
    IdentifiedKey,
    KeyInfo,
    WrappedKey,
)
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.dlms.xdlms.get import GetRequestNext, GetRequestNormal
from dlmsd.dlms.xdlms.protected import decode_protected
from dlmsd.secret import Secret
from dlmsd.simulator.personality import (
    ECDSA,
    GENERAL_GLO,
    HLS_MANUFACTURER,
    ONE_PASS,
    ONE_PASS_2,
    SECURE,
    SIGNED,
    SIGNED_2,
    STATIC,
    STATIC_2,
    WRAPPED,
    WRAPPED_2,
    Personality,
)
from dlmsd.simulator.security import general
from tests.simulator.secure import GET, Talk
from tests.simulator.shelf import LONG, LONG_VALUE, VALUE

NOT_ALLOWED = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE)
UNDECIPHERED = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.DECIPHERING_ERROR)
UNKNOWN = ExceptionResponse(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED)
KINDS: dict[KeyKind, type[KeyInfo]] = {
    KeyKind.IDENTIFIED: IdentifiedKey,
    KeyKind.WRAPPED: WrappedKey,
    KeyKind.EPHEMERAL: AgreedKey,
    KeyKind.STATIC: AgreedKey,
}


def any_form(suite: int = 1) -> Personality:
    """With all keys, and no demand."""
    return evolve(GENERAL_GLO, security=general(SUITES[suite], SERVICE))


class FormTests(SynchronousTestCase):
    def test_each_kind_of_key_is_answered_in_kind(self) -> None:
        for suite in (1, 2):
            for kind, info in KINDS.items():
                talk = Talk(any_form(suite), form=Form(kind=kind)).open()
                for _ in range(2):
                    request = talk.end.context.protect(GET)
                    asked, answered = decode_protected(request), talk.give(request)
                    told = decode_protected(answered)
                    assert isinstance(asked, GeneralCiphering)
                    assert isinstance(told, GeneralCiphering)
                    self.assertIs(type(told.key), info)
                    if isinstance(told.key, AgreedKey):
                        self.assertEqual(told.key.parameters, asked.key.parameters)
                    self.assertEqual(
                        told.transaction.transaction_id, asked.transaction.transaction_id
                    )
                    self.assertEqual(talk.hear(answered).result, VALUE)

    def test_signed(self) -> None:
        for form in (Form(signed=True), *(Form(kind=kind, signed=True) for kind in KINDS)):
            talk = Talk(any_form(), form=form).open()
            answered = talk.give(talk.end.context.protect(GET))
            self.assertIsInstance(decode_protected(answered), GeneralSigning)
            self.assertEqual(talk.hear(answered).result, VALUE)

    def test_forms_may_change(self) -> None:
        talk = Talk(any_form()).open()
        for form in (Form(general=True), Form(kind=KeyKind.STATIC), Form(signed=True), SERVICE):
            talk.end.context._form = form
            self.assertEqual(talk.ask(GET).result, VALUE)

    def test_blocks_fit_with_their_form(self) -> None:
        for form in (Form(kind=KeyKind.EPHEMERAL), Form(kind=KeyKind.WRAPPED, signed=True)):
            for most in (100, 250, 300):
                talk = Talk(evolve(any_form(), max_response=most), form=form).open()
                octets, found = b"", talk.ask(GetRequestNormal(0xC1, LONG).encode())
                while not found.last:
                    if most > 200:
                        self.assertLessEqual(len(talk.answer.apdu), most)
                    octets += found.result
                    found = talk.ask(GetRequestNext(0xC1, found.block_number).encode())
                self.assertTrue((octets + found.result).endswith(LONG_VALUE.value))

    def test_wrapped_keys_of_suite_0(self) -> None:
        keys = evolve(SECURE.security.meter, master=Secret(bytes(16)))
        security = evolve(SECURE.security, meter=keys, client=keys)
        personality = evolve(SECURE, security=security, max_response=150)
        talk = Talk(personality, form=Form(kind=KeyKind.WRAPPED)).open()
        self.assertFalse(talk.ask(GetRequestNormal(0xC1, LONG).encode()).last)
        self.assertLessEqual(len(talk.answer.apdu), 150)

    def test_demanded(self) -> None:
        for personality in (
            *(GENERAL_GLO, WRAPPED, ONE_PASS, STATIC, SIGNED),
            *(WRAPPED_2, ONE_PASS_2, STATIC_2, SIGNED_2),
        ):
            talk = Talk(personality).open()
            self.assertEqual(talk.ask(GET).result, VALUE, personality.name)
            talk.end.context._form = SERVICE
            self.assertEqual(talk.ask(GET), NOT_ALLOWED, personality.name)
            self.assertEqual(talk.answer.results, ())
            talk = Talk(personality, form=SERVICE)
            talk.associate()
            self.assertEqual(talk.ask(talk.proof()), NOT_ALLOWED)

    def test_not_agreed_upon(self) -> None:
        plain = any_form().conformance & ~Conformance.GENERAL_PROTECTION
        for form in (Form(general=True), Form(kind=KeyKind.STATIC), Form(signed=True)):
            talk = Talk(evolve(any_form(), conformance=plain)).open()
            talk.end.context._form = form
            self.assertEqual(talk.ask(GET), UNKNOWN)
            talk.end.context._form = SERVICE
            self.assertEqual(talk.ask(GET).result, VALUE)

    def test_a_transaction_again(self) -> None:
        for kind in (KeyKind.WRAPPED, KeyKind.EPHEMERAL, KeyKind.STATIC):
            talk = Talk(any_form(), form=Form(kind=kind)).open()
            recorded = talk.end.context.protect(GET)
            self.assertEqual(talk.hear(talk.give(recorded)).result, VALUE)
            self.assertEqual(decode_apdu(talk.give(recorded)), UNDECIPHERED)

    def test_each_flipped_octet(self) -> None:
        for form in (Form(kind=KeyKind.STATIC), Form(signed=True)):
            talk = Talk(any_form(), form=form).open()
            request = talk.end.context.protect(GET)
            for place in range(1, len(request), 7):
                spoiled = bytearray(request)
                spoiled[place] ^= 1
                talk.give(bytes(spoiled))
                self.assertEqual(talk.answer.results, (), place)

    def test_without_the_key(self) -> None:
        talk = Talk(ECDSA).open()
        # A client that has what the meter has not.
        talk.end.context._one_time = evolve(
            talk.end.context._one_time, keys=Keys(master=any_form().security.meter.master)
        )
        talk.end.context._form = Form(kind=KeyKind.WRAPPED)
        self.assertEqual(talk.ask(GET), UNDECIPHERED)


class ManufacturerTests(SynchronousTestCase):
    def test_the_proof(self) -> None:
        self.assertIs(HLS_MANUFACTURER.security.policy, SecurityPolicy.NONE)
        talk = Talk(HLS_MANUFACTURER)
        # Whole blocks, as AES wants them.
        talk.associate(calling_authentication_value=bytes(range(32)))
        self.assertEqual(len(talk.challenges.peer) % 16, 0)
        talk = Talk(HLS_MANUFACTURER).open()
        self.assertEqual(talk.ask(GET).result, VALUE)

    def test_a_challenge_that_is_no_whole_block(self) -> None:
        talk = Talk(HLS_MANUFACTURER)
        talk.associate(calling_authentication_value=b"seventeen octets!")
        answer = talk.ask(talk.proof()).answer
        self.assertIs(answer.result, ActionResult.READ_WRITE_DENIED)
        self.assertFalse(talk.meter.associated)

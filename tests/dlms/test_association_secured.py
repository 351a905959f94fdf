"""A ciphered association: what it sends in the middle of a request, and how long that may be."""

from __future__ import annotations

from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.association import Association, State
from dlmsd.dlms.association_sn import AssociationSN
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.dlms.outcome import (
    Associated,
    BlockReceived,
    Confirm,
    Notified,
    Results,
    SendApdu,
)
from dlmsd.dlms.proposal import WRITING
from dlmsd.dlms.quirks import NO_ACCESS
from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.counter import CounterBlock, ReceivedCounters, TransmitCounter
from dlmsd.dlms.security.form import SERVICE, Form
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy
from dlmsd.dlms.xdlms.access import AccessAction, AccessGet, AccessSet
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import GetResponseNormal, GetResponseWithBlock
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.long_invoke import encode_long_invoke
from dlmsd.dlms.xdlms.notification import DataNotification, DataNotificationConfirm
from dlmsd.dlms.xdlms.protected import decode_protected
from dlmsd.errors import LocalError
from tests.dlms.associations import CLOCK, AssociationTestCase, associated
from tests.dlms.security.contexts import CLIENT, METER, ONCE, Pair, every_form, seeded

VALUE = Data(Tag.LONG_UNSIGNED, 2301)
SHIFT = MethodDescriptor(8, CLOCK.obis, 6)
ACCESS = Conformance.ACCESS
# The invoke-id of a first request.
FIRST = 0xC1


class SecuredCase(AssociationTestCase):
    def begin(
        self,
        pair: Pair,
        *,
        security: SecurityContext | None = None,
        granted: Conformance = WRITING | Conformance.GENERAL_PROTECTION,
        max_pdu: int = 0,
    ) -> Association:
        """An association with the meter of ``pair``."""
        association = Association(
            Mechanism.NONE, security=security or pair.client, proposed=WRITING
        )
        association.associate()
        initiate = pair.meter._protect(InitiateResponse(granted, max_pdu).encode())
        aare = self.aare(initiate, ApplicationContext.LN_CIPHERED)
        self.assertEqual(association.receive(aare), [Associated()])
        return association


class OnceTests(SecuredCase):
    """What a meter may take for a second request if it comes twice."""

    VALUES = (Data(Tag.LONG_UNSIGNED, 1),)

    def asked(self, association: Association) -> list[bool]:
        """Of what reads and of what writes or invokes, in every service."""
        found = []
        for ask in (
            lambda: association.get([CLOCK]),
            lambda: association.access([AccessGet(CLOCK)], [None]),
            lambda: association.set([CLOCK], self.VALUES),
            lambda: association.action([SHIFT], self.VALUES),
            lambda: association.access([AccessGet(CLOCK), AccessSet(CLOCK)], [None, *self.VALUES]),
            lambda: association.access([AccessAction(SHIFT)], self.VALUES),
        ):
            self.assertFalse(association.once)
            ask()
            found.append(association.once)
            association._exchange = None
        return found

    def test_in_plain_text(self) -> None:
        self.assertEqual(self.asked(associated()), [False] * 2 + [True] * 4)

    def test_by_short_names(self) -> None:
        names = ShortNames({(8, CLOCK.obis): 0x1000})
        association = AssociationSN(Mechanism.NONE, names=names)
        association.state = State.ASSOCIATED
        association.get([CLOCK])
        self.assertFalse(association.once)
        for ask in (association.set, association.action):
            association._exchange = None
            ask([CLOCK if ask == association.set else SHIFT], self.VALUES)
            self.assertTrue(association.once)

    def test_a_counter_tells_a_copy_and_a_key_of_one_use_does_not(self) -> None:
        for suite, policy, form in every_form():
            association = self.begin(Pair(suite, policy, form=form))
            once = form.kind in ONCE
            self.assertEqual(self.asked(association), [False] * 2 + [once] * 4, form)


class ServicesTests(SecuredCase):
    def test_general_protection_is_proposed_wherever_there_is_protection(self) -> None:
        for policy in SecurityPolicy:
            for kind in (Association, AssociationSN):
                pair = Pair(policy=policy)
                (sent,) = kind(Mechanism.NONE, security=pair.client).associate()
                assert isinstance(sent, SendApdu)
                initiate = Aarq.decode(sent.apdu).user_information
                if policy is not SecurityPolicy.NONE:
                    initiate = pair.meter.open(initiate)
                proposed = InitiateRequest.decode(initiate).conformance
                wanted = policy is not SecurityPolicy.NONE
                self.assertIs(Conformance.GENERAL_PROTECTION in proposed, wanted)

    def test_nor_is_it_where_no_bit_of_later_editions_is_taken(self) -> None:
        for form, wanted in ((SERVICE, False), (Form(general=True), True)):
            pair = Pair(policy=SecurityPolicy.ENCRYPTED, form=form)
            quirks = frozenset({NO_ACCESS})
            (sent,) = Association(Mechanism.NONE, security=pair.client, quirks=quirks).associate()
            assert isinstance(sent, SendApdu)
            initiate = pair.meter.open(Aarq.decode(sent.apdu).user_information)
            proposed = InitiateRequest.decode(initiate).conformance
            self.assertIs(Conformance.GENERAL_PROTECTION in proposed, wanted)

    def test_where_it_is_not_granted_there_is_no_access(self) -> None:
        self.assertEqual(self.begin(Pair(), granted=WRITING).conformance, WRITING & ~ACCESS)
        both = WRITING | Conformance.GENERAL_PROTECTION
        self.assertEqual(self.begin(Pair(), granted=both).conformance, both)


class SizeTests(SecuredCase):
    def test_no_request_is_longer_than_the_meter_takes(self) -> None:
        for suite, policy, form in every_form():
            pair = Pair(suite, policy, form=form)
            association = self.begin(pair, max_pdu=640)
            name = f"{suite}, {policy.value}, {form}"
            (sent,) = association.set([CLOCK], [Data(Tag.OCTET_STRING, bytes(2000))])
            assert isinstance(sent, SendApdu)
            self.assertTrue(600 < len(sent.apdu) <= 640, f"{name}: {len(sent.apdu)}")
            association._exchange = None
            # ACCESS has no form of its service.
            value = Data(Tag.OCTET_STRING, bytes(association.most - 40))
            (sent,) = association.access([AccessSet(CLOCK)], [value])
            assert isinstance(sent, SendApdu)
            self.assertTrue(600 < len(sent.apdu) <= 640, f"{name}: {len(sent.apdu)}")


class MiddleTests(SecuredCase):
    def test_where_no_counter_is_left_the_request_fails_and_the_association_stands(self) -> None:
        pair = Pair()
        few = SecurityContext(
            suite=SUITES[0],
            policy=pair.client.policy,
            keys=pair.client_keys,
            title=CLIENT,
            peer_title=METER,
            transmit=TransmitCounter(CounterBlock(1, 4)),
            received=ReceivedCounters(),
            random=seeded(3),
        )
        association = self.begin(pair, security=few)
        association.get([CLOCK], stream=True)
        block = pair.meter.protect(GetResponseWithBlock(FIRST, False, 1, bytes(9)).encode())
        told = association.receive(block)
        self.assertEqual([type(one) for one in told], [BlockReceived, SendApdu])
        block = pair.meter.protect(GetResponseWithBlock(FIRST, False, 2, bytes(9)).encode())
        self.assert_failed(association.receive(block), LocalError, "no invocation counter")
        self.assertTrue(association.associated)

    def test_a_push_to_be_confirmed_leaves_the_answer_believable(self) -> None:
        for kind in ONCE:
            pair = Pair(SUITES[1], form=Form(kind=kind))
            association = self.begin(pair)
            (sent,) = association.get([CLOCK])
            assert isinstance(sent, SendApdu)
            asked = decode_protected(sent.apdu)
            push = DataNotification(encode_long_invoke(7, confirmed=True), None, VALUE)
            notified, confirm = association.receive(pair.meter._protect(push.encode()))
            self.assertEqual(notified, Notified(push))
            answer = pair.meter.protect_general(
                GetResponseNormal(FIRST, VALUE).encode(),
                pair.meter.answer_to(asked.transaction.transaction_id),
                kind,
            )
            self.assertEqual(association.receive(answer), [Results((VALUE,))])
            # When it is our turn it goes as protected as all else.
            assert isinstance(confirm, Confirm)
            protected = association.confirmation(confirm.apdu)
            plain = DataNotificationConfirm(encode_long_invoke(7)).encode()
            self.assertEqual(pair.meter.open(protected), plain)

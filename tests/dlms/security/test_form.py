"""In which form a client protects, and what it then believes."""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.errors import PolicyError, TransactionError
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.suite import SUITES
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from tests.dlms.security.contexts import ANSWER, GET, INITIATE, ONCE, Pair, every_form

# AARQ, which has no ciphered form.
AARQ = bytes.fromhex("6000")


class FormTests(SynchronousTestCase):
    def test_each_request_has_a_key_of_its_own(self) -> None:
        for kind in ONCE:
            pair = Pair(SUITES[1], form=Form(kind=kind))
            seen = set()
            for _ in range(3):
                request = pair.client.protect(GET)
                self.assertEqual(pair.meter.open(request), GET)
                head = GeneralCiphering.decode(request).transaction
                seen.add(head.transaction_id)
                answer = pair.meter.protect_general(
                    ANSWER, pair.meter.answer_to(head.transaction_id), kind
                )
                self.assertEqual(pair.client.open(answer), ANSWER)
                self.assertRaises(TransactionError, pair.client.open, answer)
            self.assertEqual(len(seen), 3)

    def test_signed(self) -> None:
        for kind in (None, *ONCE):
            pair = Pair(SUITES[1], form=Form(kind=kind, signed=True))
            request = pair.client.protect(GET)
            layer = GeneralSigning.decode(request)
            self.assertEqual(pair.meter.open(request), GET)
            head = pair.meter.answer_to(layer.transaction.transaction_id)
            bare = pair.meter._protect(ANSWER)
            self.assertRaises(PolicyError, pair.client.open, bare)
            self.assertEqual(pair.client.open(pair.meter.sign(bare, head)), ANSWER)

    def test_how_long_it_gets(self) -> None:
        for suite, policy, form in every_form():
            pair = Pair(suite, policy, form=form)
            # One with a form of its service, one without (ACCESS); lengths of one to three octets.
            for tag, octets in product((0xC0, 0xD9), (1, 90, 127, 128, 250, 256, 5000)):
                protected = pair.client.protect(bytes((tag,)) + bytes(octets - 1))
                self.assertEqual(form.size(suite, policy, tag, octets), len(protected), form)
                limit = octets + 400
                room = pair.client.room(tag, limit)
                size = len(pair.client.protect(bytes((tag,)) + bytes(room - 1)))
                self.assertTrue(limit - 4 <= size <= limit, (form, size, limit))

    def test_what_goes_as_ever(self) -> None:
        """ACSE in clear, the initiate services under the global key."""
        pair = Pair(SUITES[1], form=Form(kind=KeyKind.WRAPPED, signed=True))
        self.assertEqual(pair.client.protect(AARQ), AARQ)
        initiate = pair.client.protect(INITIATE)
        self.assertEqual(initiate[0], 0x21)
        self.assertEqual(pair.meter.open(initiate), INITIATE)

"""One association's security: order of the checks, floors, counters, secrecy."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.context import UNPROVED, SecurityContext
from dlmsd.dlms.security.counter import CounterBlock, ReceivedCounters, TransmitCounter
from dlmsd.dlms.security.errors import (
    CompressionError,
    CounterError,
    KeyLengthError,
    MissingKeyError,
    PlainTextError,
    PolicyError,
    SuiteError,
    SystemTitleError,
    TagError,
)
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.keys import Keys
from dlmsd.dlms.security.suite import SUITES, SecurityControl, SecurityPolicy
from dlmsd.dlms.xdlms.ciphered import Ciphered, GeneralCiphered
from dlmsd.errors import DecodeError
from dlmsd.secret import Secret
from tests.dlms.security.contexts import (
    ANSWER,
    CLIENT,
    GET,
    INITIATE,
    METER,
    Pair,
    seeded,
    symmetric,
)
from tests.vectors import apdu
from tests.vectors import security as vectors

FLOORS = tuple(policy for policy in SecurityPolicy if policy is not SecurityPolicy.NONE)


def green_book(policy: SecurityPolicy, received: ReceivedCounters | None = None) -> SecurityContext:
    """Whoever opens what the Green Book's client sends."""
    return SecurityContext(
        suite=SUITES[0],
        policy=policy,
        keys=Keys(vectors.ENCRYPTION, vectors.AUTHENTICATION),
        title=CLIENT,
        peer_title=vectors.TITLE,
        transmit=TransmitCounter(CounterBlock(0, 100)),
        received=received or ReceivedCounters(),
        random=seeded(1),
    )


class PublishedTests(SynchronousTestCase):
    def test_green_book_opened_and_made(self) -> None:
        for policy, octets, plain in (
            (SecurityPolicy.AUTHENTICATED_ENCRYPTED, vectors.GET_BOTH, apdu.GET_CLOCK),
            (SecurityPolicy.AUTHENTICATED, vectors.GET_AUTHENTICATED, apdu.GET_CLOCK),
            (SecurityPolicy.ENCRYPTED, vectors.GET_ENCRYPTED, apdu.GET_CLOCK),
            (SecurityPolicy.AUTHENTICATED_ENCRYPTED, vectors.GLO_INITIATE, apdu.INITIATE_DEDICATED),
        ):
            context = green_book(policy)
            self.assertEqual(context.open(octets), plain)
            self.assertRaises(CounterError, context.open, octets)
            sender = SecurityContext(
                suite=SUITES[0],
                policy=policy,
                keys=Keys(vectors.ENCRYPTION, vectors.AUTHENTICATION),
                title=vectors.TITLE,
                transmit=TransmitCounter(CounterBlock(vectors.COUNTER, vectors.COUNTER + 1)),
                received=ReceivedCounters(),
                random=seeded(1),
            )
            self.assertEqual(sender.protect(plain).hex(), octets.hex())

    def test_green_book_cut_short_and_with_more_behind(self) -> None:
        for policy, octets in (
            (SecurityPolicy.AUTHENTICATED_ENCRYPTED, vectors.GET_BOTH),
            (SecurityPolicy.AUTHENTICATED, vectors.GET_AUTHENTICATED),
            (SecurityPolicy.ENCRYPTED, vectors.GET_ENCRYPTED),
            (SecurityPolicy.AUTHENTICATED_ENCRYPTED, vectors.GLO_INITIATE),
        ):
            context = green_book(policy)
            for spoiled in (*(octets[:end] for end in range(len(octets))), octets + b"\x00"):
                self.assertRaises(DecodeError, context.open, spoiled)
            context.open(octets)


class RoundTripTests(SynchronousTestCase):
    def test_every_suite_floor_and_form(self) -> None:
        for suite in SUITES:
            for policy in SecurityPolicy:
                for options in ({}, {"form": Form(general=True)}, {"dedicated": True}):
                    pair = Pair(suite, policy, **options)
                    for plain in (INITIATE, GET, b"\xd9\x40\x00", b"\x0f\x00\x00"):
                        if policy is SecurityPolicy.ENCRYPTED and plain[0] in (0xD9, 0x0F):
                            continue
                        sent = pair.client.protect(plain)
                        self.assertEqual(pair.meter.open(sent), plain)
                        hidden = policy not in (SecurityPolicy.NONE, SecurityPolicy.AUTHENTICATED)
                        self.assertEqual(plain not in sent, hidden)
                    self.assertEqual(pair.client.open(pair.meter.protect(ANSWER)), ANSWER)

    def test_the_form_that_goes_out(self) -> None:
        for options, plain, tag in (
            ({}, INITIATE, 0x21),
            ({}, GET, 0xC8),
            ({}, ANSWER, 0xCC),
            ({}, b"\xd9", 0xDB),
            ({"form": Form(general=True)}, GET, 0xDB),
            ({"dedicated": True}, GET, 0xD0),
            ({"dedicated": True}, INITIATE, 0x21),
            ({"dedicated": True}, b"\xd9", 0xDC),
            ({"dedicated": True, "form": Form(general=True)}, GET, 0xDC),
            ({}, b"\x60\x00", 0x60),
            ({}, b"\x62\x00", 0x62),
            ({}, b"\x0e\x01\x06\x01", 0x2E),
        ):
            self.assertEqual(Pair(**options).client.protect(plain)[0], tag, (options, plain))

    def test_each_message_has_its_own_counter(self) -> None:
        pair = Pair(dedicated=True)
        counters = []
        for plain in (INITIATE, GET, GET, b"\xd9"):
            sent = pair.client.protect(plain)
            kind = GeneralCiphered if sent[0] == 0xDC else Ciphered
            counters.append(kind.decode(sent).counter)
        self.assertEqual(counters, [1, 2, 3, 4])

    def test_a_dedicated_key_of_this_association(self) -> None:
        pair = Pair()
        for end in (pair.client, pair.meter):
            end.use_dedicated(Secret(b"D" * 16))
        sent = pair.client.protect(GET)
        self.assertEqual(sent[0], 0xD0)
        self.assertEqual(pair.meter.open(sent), GET)
        self.assertRaises(CounterError, pair.meter.open, sent)
        self.assertEqual(pair.kept, {})


class OrderTests(SynchronousTestCase):
    """One fault more at each step: the first of the order is the one reported."""

    def apdu(self, control: int, title: bytes, counter: int, content: bytes) -> bytes:
        return GeneralCiphered(False, title, SecurityControl.of(control), counter, content).encode()

    def test_policy_title_counter_tag(self) -> None:
        pair = Pair()
        pair.client.open(pair.meter.protect(ANSWER))
        other, old, bad = b"OTHERONE", 3, bytes(20)
        for control, title, counter, error in (
            (0xB0, other, old, CompressionError),
            (0x10, other, old, PolicyError),
            (0x20, other, old, PolicyError),
            (0x00, other, old, PolicyError),
            (0x31, other, old, SuiteError),
            (0x30, other, old, SystemTitleError),
            (0x30, METER, old, CounterError),
            (0x30, b"", 500, CounterError),
            (0x30, METER, 501, TagError),
            (0x70, METER, 501, TagError),
        ):
            before = dict(pair.kept)
            raised = self.assertRaises(
                error, pair.client.open, self.apdu(control, title, counter, bad)
            )
            self.assertIs(type(raised), error)
            self.assertEqual(raised.culprit, "meter")
            self.assertEqual(pair.kept, before)
        self.assertEqual(pair.client.open(pair.meter.protect(ANSWER)), ANSWER)

    def test_compressed_says_so(self) -> None:
        error = self.assertRaises(
            CompressionError, Pair().client.open, self.apdu(0xB0, METER, 1, bytes(20))
        )
        self.assertEqual(str(error), "compressed APDUs (V.44) are not supported")

    def test_an_opened_message_of_another_kind(self) -> None:
        pair = Pair()
        sent = Ciphered.decode(pair.meter.protect(ANSWER))
        renamed = Ciphered(0xCD, sent.control, sent.counter, sent.content).encode()
        error = self.assertRaises(DecodeError, pair.client.open, renamed)
        self.assertIn("glo-set-response with another", str(error))
        self.assertEqual(pair.client.open(sent.encode()), ANSWER)

    def test_ciphered_twice(self) -> None:
        pair = Pair()
        twice = pair.meter.protect(b"\xdb" + pair.meter.protect(ANSWER)[1:])
        self.assertRaises(DecodeError, pair.client.open, twice)
        inner = Pair(form=Form(general=True))
        outer = inner.meter.protect(inner.meter.protect(ANSWER))
        self.assertRaises(DecodeError, inner.client.open, outer)
        self.assertEqual(inner.kept, {})
        self.assertRaises(DecodeError, pair.client.open, pair.meter.protect(b"\xd9")[:0])


class PlainTextTests(SynchronousTestCase):
    def test_refused_under_every_floor(self) -> None:
        for policy in FLOORS:
            pair = Pair(policy=policy)
            for plain in (ANSWER, b"\x08" + bytes(12), b"\x0f\x00", b"\xc7\x01\xc1\x00", b"\x00"):
                error = self.assertRaises(PlainTextError, pair.client.open, plain)
                self.assertIn(f"tag {plain[0]:02X}", str(error))
            self.assertEqual(pair.client.open(pair.meter.protect(ANSWER)), ANSWER)

    def test_also_what_has_no_ciphered_form(self) -> None:
        """An association looks at it, knowing that nothing proves it."""
        pair = Pair()
        for plain in (apdu.AARE_ACCEPTED, b"\x63\x00", b"\xd8\x01\x05", apdu.SERVICE_ERROR):
            self.assertIn(plain[0], UNPROVED)
            self.assertRaises(PlainTextError, pair.client.open, plain)

    def test_without_a_floor_it_passes(self) -> None:
        pair = Pair(policy=SecurityPolicy.NONE)
        self.assertEqual(pair.client.open(ANSWER), ANSWER)
        self.assertEqual(pair.client.protect(GET), GET)
        self.assertRaises(DecodeError, pair.client.open, b"")


class TitleTests(SynchronousTestCase):
    def test_pinning(self) -> None:
        pair = Pair()
        pair.client.pin(METER)
        for title in (b"OTHERONE", b"", b"short", CLIENT):
            self.assertRaises(SystemTitleError, pair.client.pin, title)
        self.assertEqual(pair.client.peer_title, METER)

    def test_learned_and_then_proved(self) -> None:
        pair = Pair()
        keys = pair.client_keys
        client = SecurityContext(
            suite=SUITES[0],
            policy=SecurityPolicy.AUTHENTICATED_ENCRYPTED,
            keys=keys,
            title=CLIENT,
            transmit=TransmitCounter(CounterBlock(0, 10)),
            received=ReceivedCounters(),
            random=seeded(1),
        )
        sent = pair.meter.protect(ANSWER)
        self.assertRaises(SystemTitleError, client.open, sent)
        self.assertRaises(SystemTitleError, client.pin, CLIENT)
        client.pin(METER)
        self.assertFalse(client.peer_proved)
        self.assertEqual(client.open(sent), ANSWER)
        self.assertTrue(client.peer_proved)

    def test_a_title_left_out_is_the_pinned_one(self) -> None:
        pair = Pair(form=Form(general=True))
        sent = GeneralCiphered.decode(pair.meter.protect(ANSWER))
        bare = GeneralCiphered(False, b"", sent.control, sent.counter, sent.content)
        self.assertEqual(pair.client.open(bare.encode()), ANSWER)


class UntaggedTests(SynchronousTestCase):
    """What is only encrypted proves nothing, and must not harm what is proved."""

    def test_a_forged_counter_does_not_block_the_genuine(self) -> None:
        pair = Pair(policy=SecurityPolicy.ENCRYPTED)
        control = SecurityControl.of(0x20)
        for counter in (1000, 0xFFFFFFFF):
            forged = Ciphered(0xCC, control, counter, seeded(counter)(30)).encode()
            self.assertRaises(DecodeError, pair.client.open, forged)
            noise = GeneralCiphered(False, METER, control, counter, seeded(counter)(30))
            self.assertRaises(DecodeError, pair.client.open, noise.encode())
        self.assertEqual(pair.kept, {})
        self.assertEqual(pair.client.open(pair.meter.protect(ANSWER)), ANSWER)
        self.assertFalse(pair.client.peer_proved)

    def test_what_has_no_tag_does_not_block_what_has_one(self) -> None:
        pair, later = Pair(policy=SecurityPolicy.ENCRYPTED), Pair(first=9000)
        tagged = Ciphered.decode(later.meter.protect(ANSWER))
        bare = Ciphered(0xCC, SecurityControl.of(0x20), tagged.counter, tagged.content[:-12])
        self.assertEqual(pair.client.open(bare.encode()), ANSWER)
        self.assertEqual(pair.client.open(Pair().meter.protect(ANSWER)), ANSWER)

    def test_replays_are_refused(self) -> None:
        pair = Pair(policy=SecurityPolicy.ENCRYPTED)
        sent = pair.meter.protect(ANSWER)
        pair.client.open(sent)
        self.assertRaises(CounterError, pair.client.open, sent)
        self.assertEqual(pair.client.open(pair.meter.protect(ANSWER)), ANSWER)

    def test_a_tag_cut_off_does_not_make_an_old_message_new(self) -> None:
        pair = Pair(policy=SecurityPolicy.ENCRYPTED)
        tagged = Pair()  # the same keys, titles and counters
        sent = Ciphered.decode(tagged.meter.protect(ANSWER))
        pair.client.open(sent.encode())
        stripped = Ciphered(0xCC, SecurityControl.of(0x20), sent.counter, sent.content[:-12])
        self.assertRaises(CounterError, pair.client.open, stripped.encode())


class KeyTests(SynchronousTestCase):
    def test_keys_that_are_not_configured(self) -> None:
        pair = Pair(dedicated=True)
        without = Pair()
        self.assertRaises(MissingKeyError, without.client.open, pair.meter.protect(ANSWER))
        broadcast = Ciphered(0xD4, SecurityControl.of(0x70), 999, bytes(20)).encode()
        self.assertRaises(MissingKeyError, pair.client.open, broadcast)
        bare = self.context(Keys())
        self.assertRaises(MissingKeyError, bare.protect, GET)

    def context(self, keys: Keys) -> SecurityContext:
        return SecurityContext(
            suite=SUITES[0],
            policy=SecurityPolicy.AUTHENTICATED_ENCRYPTED,
            keys=keys,
            title=CLIENT,
            peer_title=METER,
            transmit=TransmitCounter(CounterBlock(0, 10)),
            received=ReceivedCounters(),
            random=seeded(1),
        )

    def test_keys_of_another_suite(self) -> None:
        short = Secret(b"K" * 15)
        for name in ("encryption", "authentication", "dedicated", "broadcast", "master"):
            error = self.assertRaises(KeyLengthError, self.context, Keys(**{name: short}))
            self.assertIn(f"the {name} key", str(error))
            self.assertNotIn("KKK", str(error))

    def test_a_broadcast(self) -> None:
        pair = Pair()
        assert pair.meter_keys.broadcast is not None
        sender = self.context(Keys(pair.meter_keys.broadcast, pair.meter_keys.authentication))
        sent = Ciphered.decode(sender.protect(ANSWER))
        self.assertRaises(TagError, pair.meter.open, sent.encode())
        # The control byte is under the tag: it cannot be added.
        flagged = Ciphered(0xCC, SecurityControl.of(0x70), sent.counter, sent.content)
        self.assertRaises(TagError, pair.meter.open, flagged.encode())

    def test_nothing_shows_a_key(self) -> None:
        keys = symmetric(SUITES[0])
        context = self.context(keys)
        for shown in (repr(keys), str(keys), repr(context), repr(vars(context))):
            for name in ("encryption", "authentication", "dedicated", "broadcast", "master"):
                octets = keys.need(name).reveal()
                self.assertNotIn(octets.hex(), shown)
                self.assertNotIn(repr(octets)[2:-1], shown)

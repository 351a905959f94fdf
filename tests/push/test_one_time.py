"""Pushes under keys of one use: wrapped, and agreed upon; replays, also after a restart."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.load import load
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.counter import COUNTER_END, CounterBlock, TransmitCounter
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering
from dlmsd.dlms.xdlms.protected import decode_protected
from dlmsd.secret import Secret
from dlmsd.simulator.configuration import SYSTEM_TITLE
from dlmsd.simulator.conversation import InstalledMeter
from dlmsd.simulator.personality import (
    ONE_PASS,
    ONE_PASS_2,
    SIGNED,
    STATIC,
    STATIC_2,
    WRAPPED,
    WRAPPED_2,
    Personality,
)
from dlmsd.simulator.push import PushPlan, apdu
from dlmsd.simulator.push_configuration import configuration
from tests.push.desk import NOW, Room
from tests.push.test_meter import power
from tests.simulator.test_push import simulation

ONCE = (WRAPPED, WRAPPED_2, ONE_PASS, ONE_PASS_2, STATIC, STATIC_2)
PLAN = PushPlan("wrapper")


def virtual(personality: Personality) -> InstalledMeter:
    (meter,) = simulation(personality.name).meters
    return meter


class OneTimeCase(SynchronousTestCase):
    def options(self, meter: InstalledMeter) -> MeterOptions:
        """As the configuration has them that the virtual meters write for themselves."""
        path = Path(self.mktemp())
        text = configuration([meter], PLAN, "tcp:4059", 10.0)
        path.write_text(text.replace('name = "virtual"\nlisten', 'name = "han"\nlisten'))
        (options,) = load(path, environ={}).meters
        return options

    def sender(
        self, meter: InstalledMeter, form: Form | None = None, first: int = 1
    ) -> SecurityContext:
        """The meter's end, with a counter from ``first`` on."""
        security = meter.objects.security
        security.transmit = TransmitCounter(CounterBlock(first, COUNTER_END))
        return security.context(SYSTEM_TITLE.encode(), None, form or security.security.form)

    def refused(self, room: Room, octets: bytes, words: str) -> None:
        before = len(room.readings), dict(room.counters.received)
        room.send_apdu(octets)
        self.assertEqual((len(room.readings), dict(room.counters.received)), before)
        self.assertIn(words, room.status.error)


class BelievedTests(OneTimeCase):
    def test_each_kind_and_suite(self) -> None:
        for personality in (*ONCE, SIGNED):
            meter = virtual(personality)
            room = Room(self.options(meter))
            for number in (1, 2):
                octets, _ = apdu(meter, PLAN, number, NOW)
                room.send_apdu(octets)
                self.assertEqual((room.status.error, len(room.readings)), ("", number))
            self.assertEqual(len(room.readings[0].values), 11, personality.name)

    def test_a_recording(self) -> None:
        for personality in ONCE:
            meter = virtual(personality)
            options, sender = self.options(meter), self.sender(virtual(personality))
            room = Room(options)
            recorded = [sender.protect(power(watts)) for watts in (1, 2, 3)]
            for octets in recorded:
                room.send_apdu(octets)
            self.assertEqual(len(room.readings), 3)
            for octets in recorded:
                self.refused(room, octets, "after")
            # After a restart, too: what was heard is kept.
            again = Room(options, counters=room.counters)
            for octets in recorded:
                self.refused(again, octets, "after")
            again.send_apdu(sender.protect(power(4)))
            self.assertEqual(len(again.readings), 1)

    def test_all_ways_share_what_was_heard_under_one_lasting_key(self) -> None:
        meter = virtual(ONE_PASS)
        room = Room(self.options(meter))
        one_pass, static = ONE_PASS.security.form, STATIC.security.form
        room.send_apdu(self.sender(meter, one_pass, 10).protect(power(1)))
        self.refused(room, self.sender(meter, static, 10).protect(power(2)), "after")
        room.send_apdu(self.sender(meter, static, 11).protect(power(2)))
        self.assertEqual(len(room.readings), 2)


class RefusedTests(OneTimeCase):
    def test_changed_weaker_and_of_others(self) -> None:
        for personality in ONCE:
            meter = virtual(personality)
            room = Room(evolve(self.options(meter), push="han"))
            sender = self.sender(meter)
            genuine = sender.protect(power(1))
            found = decode_protected(genuine)
            assert isinstance(found, GeneralCiphering)
            self.refused(room, power(1), "a push")
            for place in range(1, len(genuine), 9):
                forged = bytearray(genuine)
                forged[place] ^= 0x20
                room.send_apdu(bytes(forged))
            weak = evolve(found, control=evolve(found.control, authenticated=False))
            self.refused(room, weak.encode(), "floor")
            other = evolve(found, transaction=evolve(found.transaction, recipient=b"SOMEBODY"))
            self.refused(room, other.encode(), "not for us")
            nobody = evolve(found, transaction=evolve(found.transaction, recipient=b""))
            self.refused(room, nobody.encode(), "one is missing")
            self.assertEqual((room.readings, room.counters.received), ([], {}))
            room.send_apdu(genuine)
            self.assertEqual(len(room.readings), 1)

    def test_other_keys(self) -> None:
        for personality, key in ((WRAPPED, "master_key"), (STATIC, "agreement_key")):
            meter = virtual(personality)
            wrong = Secret(b"\x01" + bytes(15)) if key == "master_key" else None
            options: Any = evolve(self.options(meter), **{key: wrong})
            room = Room(options)
            room.send_apdu(self.sender(meter).protect(power(1)))
            self.assertEqual((room.readings, room.counters.received), ([], {}))
            self.assertNotEqual(room.status.error, "")

    def test_a_key_that_another_signed(self) -> None:
        meter = virtual(ONE_PASS)
        security = meter.objects.security
        keys = evolve(security.security.meter, signing=security.security.client.signing)
        security.security = evolve(security.security, meter=keys)
        room = Room(self.options(virtual(ONE_PASS)))
        self.refused(room, self.sender(meter).protect(power(1)), "signature")


class ConfirmedTests(OneTimeCase):
    def test_the_answer_has_a_key_of_its_own_too(self) -> None:
        for personality in ONCE:
            meter = virtual(personality)
            room = Room(self.options(meter), random=Random(1).randbytes)
            sender = self.sender(meter)
            for number in (7, 8):
                plain = b"\x0f\xc0\x00\x00" + bytes((number,)) + power(230)[5:]
                room.send_apdu(sender.protect(plain))
            self.assertEqual(len(room.readings), 2)
            for number, octets in zip((7, 8), room.answers, strict=True):
                confirmation = sender.open(octets[8:])
                self.assertEqual(confirmation, bytes((0x10, 0xC0, 0, 0, number, 0)))
                found = decode_protected(octets[8:])
                assert isinstance(found, GeneralCiphering)
                kind = KeyKind.WRAPPED if personality in (WRAPPED, WRAPPED_2) else None
                self.assertEqual(kind is None, hasattr(found.key, "parameters"))

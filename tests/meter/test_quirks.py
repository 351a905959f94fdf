"""Quirks of a meter's options reach its wire; what nobody named is not done."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.quirks import (
    BLOCKS_GO_ON,
    CLEAR_AARQ,
    CONSTANT_INVOKE_ID,
    NO_SNRM,
    PRE_ESTABLISHED,
    WRONG_FCS,
    Quirk,
)
from dlmsd.meter.build import make_reassembly
from dlmsd.simulator.personality import MICROSTAR, ODD, SECURE
from dlmsd.simulator.quirks import Quirk as Oddity
from tests.meter.fleet import FleetCase


class QuirksTests(FleetCase):
    def sent(self, *quirks: Quirk, **changes: Any) -> list[bytes]:
        """The APDUs that go to a meter with these quirks in a while."""
        self.setUp()
        octets: list[bytes] = []
        self.trace = lambda way, frame: octets.append(frame) if way == "sent" else None
        personality = SECURE if changes else MICROSTAR
        self.simulate(personality=personality)
        (options,) = self.options(address_size=personality.address_size)
        self.read([evolve(options, quirks=frozenset(quirks), **changes)])
        self.run_for(12)
        # Passwords are masked in a trace, and with them the frame check is wrong.
        frames = FrameReassembly(trusting=True).feed(b"".join(octets))
        apdus = [one.information[3:] for one in frames if isinstance(one, Frame)]
        return [apdu for apdu in apdus if apdu]

    def test_pre_established(self) -> None:
        self.assertEqual(self.sent()[0][:1], b"\x60")
        self.assertEqual(self.sent(PRE_ESTABLISHED)[0][:1], b"\xc0")

    def test_without_snrm(self) -> None:
        """With a meter that answers a pre-established client as soon as it speaks."""
        octets: list[bytes] = []
        self.trace = lambda way, frame: octets.append(frame) if way == "sent" else None
        self.simulate(personality=ODD[Oddity.PRE_ESTABLISHED])
        quirks = frozenset((PRE_ESTABLISHED, NO_SNRM))
        self.read(self.options(client=102, authentication="none", password=None, quirks=quirks))
        self.run_for(12)
        self.assertEqual(self.statuses["virtual-001"].good, 3)
        frames = FrameReassembly().feed(b"".join(octets))
        kinds = {one.kind for one in frames if isinstance(one, Frame)}
        self.assertEqual(kinds, {Kind.DISC, Kind.I})

    def test_blocks_that_go_on(self) -> None:
        """Without the quirk only the first answer of an association can be read."""
        for quirks in (frozenset[Quirk](), frozenset((BLOCKS_GO_ON,))):
            self.setUp()
            octets: list[bytes] = []
            self.trace = lambda way, frame, to=octets: to.append(frame)
            self.simulate(personality=evolve(ODD[Oddity.BLOCKS_GO_ON], max_response=20))
            self.read(self.options(quirks=quirks))
            self.run_for(30)
            asked = [one for one in octets if b"\xe6\xe6\x00\x60" in one]
            self.assertEqual(len(asked) == 1, bool(quirks))
            if quirks:
                self.assertEqual({len(one.values) for one in self.readings}, {5})
            self.end()

    def test_constant_invoke_id(self) -> None:
        def invokes(*quirks: Quirk) -> set[int]:
            return {apdu[2] & 0x0F for apdu in self.sent(*quirks) if apdu[:1] == b"\xc0"}

        self.assertEqual(invokes(CONSTANT_INVOKE_ID), {1})
        self.assertGreater(len(invokes()), 2)
        self.assertGreater(self.statuses["virtual-001"].good, 1)

    def test_clear_aarq(self) -> None:
        keys = SECURE.security.client
        changes = {
            "authentication": "low",
            "security": "authenticated-encrypted",
            "system_title": b"DLMSDCLT",
            "encryption_key": keys.encryption,
            "authentication_key": keys.authentication,
        }
        for quirks in ((CLEAR_AARQ,), ()):
            sent = [Aarq.decode(apdu) for apdu in self.sent(*quirks, **changes) if apdu[0] == 0x60]
            # The others are of the public client, who asks for the counter.
            own = [aarq for aarq in sent if aarq.context is ApplicationContext.LN_CIPHERED]
            self.assertTrue(own)
            for aarq in own:
                self.assertEqual(aarq.user_information[0], 0x01 if quirks else 0x21)

    def test_what_weakens_is_told_at_the_start(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.sent(WRONG_FCS, CONSTANT_INVOKE_ID)
        told = [formatEvent(one) for one in events if "quirk" in one]
        self.assertEqual(told, [f"virtual-001: quirk wrong-fcs: {WRONG_FCS.weakens}"])

    def test_wrong_fcs_is_forgiven_on_the_line_of_who_has_it(self) -> None:
        self.simulate(meters=2)
        first, second = self.options()
        wrong = bytearray(Frame(b"\x03", b"\x21", 0x30, b"\xe6\xe7\x00\xc4").encode())
        wrong[-2] ^= 1
        for meters, count in (
            ((first, second), 0),
            ((first, evolve(second, quirks=frozenset((WRONG_FCS,)))), 1),
        ):
            found = make_reassembly(meters).feed(bytes(wrong))
            self.assertEqual(sum(isinstance(one, Frame) for one in found), count)


class SurvivedTests(FleetCase):
    """What needs no quirk: docs/meters.md names the other tests."""

    def test_an_association_object_of_another_name(self) -> None:
        """Each object that may be meant gets a proof of its own, until one takes it."""
        self.simulate(personality=ODD[Oddity.OTHER_ASSOCIATION])
        keys = SECURE.security.client
        self.read(
            self.options(
                authentication="high-gmac",
                security="authenticated-encrypted",
                system_title=b"DLMSDCLT",
                encryption_key=keys.encryption,
                authentication_key=keys.authentication,
            )
        )
        self.run_for(12)
        status = self.statuses["virtual-001"]
        self.assertEqual((status.good, status.failed, status.connects), (3, 0, 1))

    def test_gmac_meters_that_want_a_counter_above_that_of_the_aarq(self) -> None:
        octets: list[bytes] = []
        self.trace = lambda way, frame: octets.append(frame) if way == "sent" else None
        self.simulate(personality=SECURE)
        keys = SECURE.security.client
        self.read(
            self.options(
                authentication="high-gmac",
                password=None,
                security="authenticated-encrypted",
                system_title=b"DLMSDCLT",
                encryption_key=keys.encryption,
                authentication_key=keys.authentication,
            )
        )
        self.run_for(12)
        self.assertGreater(self.statuses["virtual-001"].good, 1)
        apdus = [
            one.information[3:]
            for one in FrameReassembly(trusting=True).feed(b"".join(octets))
            if isinstance(one, Frame) and one.information[3:4] in (b"\x60", b"\xcb")
        ]
        *_, aarq, action = apdus
        initiate, proof = Aarq.decode(aarq).user_information, action
        # Tag, length, security control, counter: between the two lies that of the proof itself.
        self.assertGreaterEqual(_counter(proof) - _counter(initiate), 2)


def _counter(ciphered: bytes) -> int:
    return int.from_bytes(ciphered[3:7], "big")

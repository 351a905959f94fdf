"""Personalities: each behaves as it says, seen by dlmsd's own client."""

from __future__ import annotations

import tomllib
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem import catalogue
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import SEGMENTED, Frame
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.errors import RefusedError, ServiceError, SilenceError
from dlmsd.secret import Secret
from dlmsd.simulator.personality import (
    MICROSTAR,
    NO_LISTS,
    PERSONALITIES,
    PLAIN,
    SMALL,
    WINDOW,
    WRAPPER,
)
from dlmsd.simulator.quirks import Quirk
from tests.simulator.client import Client, World, register

PROFILE = Path(__file__).parents[2] / "etc/profiles/microstar.toml"
TEN = tuple(
    catalogue.lookup(name).attribute
    for name in (
        "voltage_l1",
        "voltage_l2",
        "voltage_l3",
        "current_l1",
        "current_l2",
        "current_l3",
        "frequency",
        "active_power",
        "active_energy",
        "active_energy_export",
    )
)
LARGE = LinkParameters(512, 512, 7, 7)


class PersonalityTests(SynchronousTestCase):
    def client(self, personality: object, **options: object) -> Client:
        self.world = World(personality=personality).start()
        return self.world.client(**options)

    def reads_ten(self, client: Client) -> None:
        values = client.get(*TEN)
        self.assertEqual(len(values), 10)
        for attribute, value in zip(TEN, values, strict=True):
            (meter,) = self.world.simulation.meters
            self.assertIs(value.tag, meter.meter.read(attribute, 0).tag)
        self.assertTrue(2250 < values[0].value < 2350)
        (entry,) = self.world.entries[-1:]
        self.assertEqual([item[2] for item in entry.results], [str(v.value) for v in values])

    def test_names(self) -> None:
        self.assertEqual(
            set(PERSONALITIES),
            {"microstar", "plain", "wrapper", "no-lists", "only-access", "small", "window"}
            | {"secure", "secure-wrapper", "hls-md5", "hls-sha1", "hls-sha256"}
            | {"suite-1", "suite-2", "ecdsa", "gbt", "gbt-wrapper", "short-names"}
            | {"hls-manufacturer", "general-glo", "wrapped", "one-pass", "static", "signed"}
            | {"wrapped-suite-2", "one-pass-suite-2", "static-suite-2", "signed-suite-2"}
            | {"ecdsa-suite-2", "short-names-secure", "short-names-ecdsa", "short-names-md5"}
            | {quirk.label for quirk in Quirk},
        )

    def test_microstar(self) -> None:
        client = self.client(MICROSTAR, parameters=LARGE).open()
        self.assertEqual(client.link.parameters, LinkParameters(128, 128, 1, 1))
        self.assertEqual(client.association.max_pdu, 0x1900)
        self.reads_ten(client)
        self.assertEqual(client.frames[0].source, b"\x03")

    def test_microstar_answers_one_address_only(self) -> None:
        for address in (ServerAddress(0, 1, 2), ServerAddress(0, 1, 4), ServerAddress(0, 2)):
            client = self.client(MICROSTAR, address=address)
            self.assertRaises(SilenceError, client.open)

    def test_microstar_has_one_client_with_a_password(self) -> None:
        cases = ({"client": 2}, {"password": Secret("1")})
        for options in (*cases, {"mechanism": Mechanism.NONE, "password": None}):
            self.assertRaises(RefusedError, self.client(MICROSTAR, **options).open)

    def test_microstar_takes_its_time(self) -> None:
        client = self.client(MICROSTAR).open()
        client.transport.clear()
        client.transport.protocol.dataReceived(client.sent[0])
        self.world.reactor.advance(0.029)
        self.assertEqual(client.transport.value(), b"")
        self.world.reactor.advance(0.001)
        self.assertNotEqual(client.transport.value(), b"")

    def test_delay_can_be_zero(self) -> None:
        client = self.client(evolve(MICROSTAR, response_delay=0.0)).open()
        self.reads_ten(client)
        self.assertEqual(self.world.reactor.seconds(), 0)

    def test_microstar_has_what_its_profile_reads(self) -> None:
        client = self.client(MICROSTAR).open()
        wanted = tomllib.loads(PROFILE.read_text())
        for name, entry in _measurements(wanted).items():
            code = entry["obis"] if isinstance(entry, dict) else entry
            (value,) = client.get(register(str(Obis.parse(code))))
            self.assertIs(type(value), Data, name)

    def test_plain(self) -> None:
        """Any address, and a UA without parameters."""
        for address in (ServerAddress(1, 17, 2), ServerAddress(0, 1), ServerAddress(5, 300, 4)):
            client = self.client(PLAIN, address=address, parameters=LARGE).open()
            self.assertEqual(client.frames[0].source, address.octets)
            ua = next(frame for frame in client.frames if frame.kind is Kind.UA)
            self.assertEqual(ua.information, b"")
            self.assertEqual(client.link.parameters, LinkParameters())
            self.reads_ten(client)

    def test_plain_has_a_public_client(self) -> None:
        client = self.client(PLAIN, client=16, mechanism=Mechanism.NONE, password=None).open()
        self.reads_ten(client)

    def test_wrapper(self) -> None:
        client = self.client(WRAPPER, wrapper=1).open()
        self.reads_ten(client)
        client.release()
        self.assertRaises(RefusedError, self.world.client(wrapper=1, client=99).open)
        self.assertRaises(SilenceError, self.world.client(wrapper=2).open)

    def test_no_lists(self) -> None:
        client = self.client(NO_LISTS).open()
        self.assertIn(Conformance.MULTIPLE_REFERENCES, client.association.conformance)
        self.assertRaises(ServiceError, client.get, *TEN)
        (value,) = client.get(TEN[0])
        self.assertTrue(2250 < value.value < 2350)

    def test_small(self) -> None:
        """Segments of 32 octets, and blocks of at most 16."""
        client = self.client(SMALL).open()
        self.assertEqual(client.link.parameters, LinkParameters(32, 32, 1, 1))
        self.assertEqual(client.association.max_pdu, 96)
        self.assertTrue(all(len(frame.information) <= 32 for frame in client.frames))
        attributes = [register(str(one.obis), 3) for one in TEN[:9]]
        before = len(client.sent)
        values = client.get(*attributes)
        self.assertEqual([len(value.value) for value in values], [2] * 9)
        # Four segments of the request, then all blocks but the first are asked for.
        self.assertEqual(len(client.sent) - before, 4 + 15)
        (entry,) = self.world.entries
        self.assertEqual(len(entry.results), 9)
        self.assertRaises(ServiceError, client.get, *TEN)

    def test_window(self) -> None:
        """A long answer comes as several segments in one window."""
        client = self.client(WINDOW, parameters=LARGE).open()
        self.assertEqual(client.link.parameters, LinkParameters(128, 32, 7, 7))
        attributes = [register(str(one.obis), 3) for one in TEN]
        before = len(client.sent), len(client.frames)
        self.assertEqual(len(client.get(*attributes)), 10)
        self.assertEqual(len(client.sent) - before[0], 1)
        segments = client.frames[before[1] :]
        self.assertEqual([one.segmented for one in segments], [True, True, False])
        self.assertEqual([one.final for one in segments], [False, False, True])

    def test_window_repeats_what_was_lost(self) -> None:
        client = self.client(WINDOW, parameters=LARGE).open()
        real = client.link.recognises
        losses = [False, True, False]

        def lossy(frame: Frame) -> bool:
            return not (losses and losses.pop(0)) and real(frame)

        client.link.recognises = lossy
        self.assertEqual(len(client.get(*(register(str(one.obis), 3) for one in TEN))), 10)
        self.assertEqual(losses, [])

    def test_segmented_bit_is_on_the_wire(self) -> None:
        client = self.client(WINDOW, parameters=LARGE).open()
        start = len(client.transport.pieces)
        client.get(*(register(str(one.obis), 3) for one in TEN))
        forms = [int.from_bytes(piece[1:3], "big") for piece in client.transport.pieces[start:]]
        self.assertEqual([bool(form & SEGMENTED) for form in forms], [True, True, False])


def _measurements(profile: dict) -> dict:
    """The ``read`` table, wherever the profile has it."""
    if "read" in profile:
        return profile["read"]
    return next(_measurements(part) for part in profile.values() if isinstance(part, dict))

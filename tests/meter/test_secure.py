"""Meters with high level security and ciphering, read again and again in virtual time."""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import evolve

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.acse.diagnostic import UserDiagnostic
from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.link import LinkEvent, Transmit
from dlmsd.dlms.security.counter import key_id
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.meter.security import BLOCK
from dlmsd.model import MeterState
from dlmsd.secret import Secret
from dlmsd.simulator.acceptance import refused
from dlmsd.simulator.answer import SILENCE, Answer
from dlmsd.simulator.association import ServerAssociation
from dlmsd.simulator.link import ServerLink
from dlmsd.simulator.medium import Medium
from dlmsd.simulator.personality import (
    ECDSA,
    ECDSA_2,
    HLS_MANUFACTURER,
    HLS_MD5,
    HLS_SHA1,
    HLS_SHA256,
    SECURE,
    SECURE_WRAPPER,
    SHORT_MD5,
    SHORT_SECURE,
    SUITE_1,
    SUITE_2,
    Client,
    Personality,
    by_short_names,
)
from tests.meter.fleet import NAMES, FleetCase

KEYS = set(NAMES)
TITLE = b"DLMSDCLT"
TCP = Medium()
NAMED = {
    Mechanism.HIGH_MANUFACTURER: "high-manufacturer",
    Mechanism.HIGH_MD5: "high-md5",
    Mechanism.HIGH_SHA1: "high-sha1",
    Mechanism.HIGH_GMAC: "high-gmac",
    Mechanism.HIGH_SHA256: "high-sha256",
    Mechanism.HIGH_ECDSA: "high-ecdsa",
}


class SecureTests(FleetCase):
    def begin(self, personality: Personality, medium: Medium = TCP, **changes: Any) -> None:
        """Read one virtual meter of this personality with the keys that it expects."""
        self.simulate(personality=personality, medium=medium)
        client, security = personality.clients[0], personality.security
        keys = security.client
        (options,) = self.options(
            framing=personality.framing,
            address_size=personality.address_size,
            authentication=NAMED[client.mechanism],
            password=client.password,
            security=security.policy.value,
            security_suite=security.suite.number,
            system_title=TITLE,
            encryption_key=keys.encryption,
            authentication_key=keys.authentication,
            signing_key=keys.signing,
            meter_signing_key=keys.peer_signing,
            referencing=personality.referencing,
            manufacturer=client.manufacturer,
        )
        self.read([evolve(options, **changes)])

    def test_over_lossy_datagrams_a_repetition_keeps_its_counter(self) -> None:
        dice = Random(3)
        self.network.loses = lambda octets: dice.random() < 0.05
        self.begin(SECURE_WRAPPER, Medium("udp"), timeout=1.0)
        self.run_for(300)
        status = self.statuses["virtual-001"]
        self.assertGreater(status.good, 40)
        self.assertEqual(set(self.readings[-1].values), KEYS)

    def test_a_connection_lost_while_the_counter_is_asked_for_has_its_own_name(self) -> None:
        self.begin(SECURE)
        self.run_for(0.005)
        self.network.connections[0].peer.abortConnection()
        self.run_for(0.5)
        self.assertEqual(self.error, "the connection broke")
        self.assertNotIn("there is no connection", {status.error for status in self.history})
        self.run_for(60)
        self.assertIs(self.statuses["virtual-001"].state, MeterState.READING)

    @property
    def error(self) -> str:
        return self.statuses["virtual-001"].error

    def test_each_mechanism_and_suite_is_read(self) -> None:
        for personality in (
            *(HLS_MD5, HLS_SHA1, HLS_SHA256, ECDSA, ECDSA_2),
            *(SECURE, SECURE_WRAPPER, SUITE_1, SUITE_2),
        ):
            with self.subTest(personality=personality.name):
                self.setUp()
                self.begin(personality)
                self.run_for(21)
                self.assertGreaterEqual(len(self.readings), 4, self.error)
                self.assertEqual(set(self.readings[-1].values), KEYS)
                self.end()

    def test_each_mechanism_and_suite_is_read_by_short_names(self) -> None:
        for personality in (
            *(HLS_MANUFACTURER, HLS_MD5, HLS_SHA1, HLS_SHA256, ECDSA, ECDSA_2),
            *(SECURE, SECURE_WRAPPER, SUITE_1, SUITE_2),
        ):
            with self.subTest(personality=personality.name):
                self.setUp()
                self.begin(by_short_names(personality))
                self.run_for(21)
                self.assertGreaterEqual(len(self.readings), 4, self.error)
                self.assertEqual(set(self.readings[-1].values), KEYS)
                self.end()

    def test_a_dedicated_key_for_each_association(self) -> None:
        for personality in (SECURE, SHORT_SECURE):
            self.setUp()
            self.begin(personality, dedicated_key=True)
            self.run_for(21)
            self.assertGreaterEqual(len(self.readings), 4, self.error)
            self.end()

    def test_nothing_readable_travels(self) -> None:
        shown: list[bytes] = []
        self.trace = lambda direction, octets: shown.append(octets)
        self.begin(SECURE)
        self.run_for(21)
        wire = b"".join(shown)
        self.assertGreater(len(self.readings), 3)
        for reading in self.readings:
            for value in reading.values.values():
                raw = int(value.scaleb(-value.as_tuple().exponent))
                if raw > 1 << 16:
                    self.assertNotIn(raw.to_bytes(8, "big").lstrip(b"\0"), wire)
        self.assertNotIn(bytes.fromhex("01012007"), wire)

    def test_proofs_in_plain_text_are_of_the_meter_that_is_meant(self) -> None:
        security = evolve(SECURE.security, policy=SecurityPolicy.NONE)
        for title, words in ((None, ""), (b"MTR00009", "is not the pinned one")):
            self.setUp()
            self.begin(evolve(SECURE, security=security), meter_system_title=title)
            self.run_for(21)
            self.assertIs(not self.readings, bool(words), self.error)
            self.assertIn(words, self.error)
            self.end()

    def test_a_wrong_key_is_refused_and_waits(self) -> None:
        for personality in (SECURE, SHORT_SECURE):
            self.setUp()
            self.begin(personality, encryption_key=Secret(bytes(16)))
            self.run_for(300)
            self.assertEqual(self.readings, [])
            self.assertIsNot(self.statuses["virtual-001"].state, MeterState.READING)
            self.assertNotEqual(self.error, "")
            self.end()

    def test_a_wrong_hls_secret_is_refused(self) -> None:
        for personality in (HLS_MD5, SHORT_MD5):
            self.setUp()
            self.begin(personality, password=Secret("mistaken"))
            self.run_for(60)
            self.assertEqual(self.readings, [])
            self.assertIs(self.statuses["virtual-001"].state, MeterState.WAITING)
            self.assertNotIn("mistaken", str(self.history))
            self.end()

    def test_a_meter_that_asks_for_less_than_configured_is_not_read(self) -> None:
        self.simulate()
        (options,) = self.options(
            authentication="high-gmac",
            security="authenticated-encrypted",
            system_title=TITLE,
            encryption_key=SECURE.security.client.encryption,
            authentication_key=SECURE.security.client.authentication,
        )
        self.read([options])
        self.run_for(300)
        self.assertEqual(self.readings, [])

    def test_no_counter_is_used_twice_over_restarts(self) -> None:
        self.begin(SECURE)
        self.run_for(21)
        first = dict(self.counters.reserved)
        self.stop()
        self.read(self.restarted())
        self.run_for(21)
        self.assertGreaterEqual(len(self.readings), 8, self.error)
        ((name, after),) = self.counters.reserved.items()
        self.assertEqual(after, first[name] + BLOCK)
        self.assertTrue(name.startswith(TITLE.hex()))

    def test_a_meter_that_saw_higher_counters_is_asked_for_them(self) -> None:
        for seen in (5000, 3_000_000):
            for personality in (SECURE, SECURE_WRAPPER, SHORT_SECURE):
                with self.subTest(seen=seen, personality=personality.name):
                    self.setUp()
                    security = evolve(personality.security, client_counter=seen)
                    self.begin(evolve(personality, security=security))
                    self.run_for(60)
                    self.assertGreaterEqual(len(self.readings), 8, self.error)
                    (end,) = self.counters.reserved.values()
                    self.assertEqual(end, seen + 1 + BLOCK)
                    self.end()

    def test_a_counter_that_nobody_has_reached_is_not_believed(self) -> None:
        security = evolve(SECURE.security, client_counter=1 << 31)
        self.begin(evolve(SECURE, security=security))
        self.run_for(120)
        self.assertEqual(self.readings, [])
        (end,) = self.counters.reserved.values()
        self.assertEqual(end, BLOCK)

    def test_what_was_not_believed_is_told(self) -> None:
        name = f"{b'DLS00001'.hex()}/{key_id(SECURE.security.client.encryption)}"
        self.counters.received[name] = 10**6
        self.begin(SECURE)
        self.run_for(60)
        self.assertEqual(self.readings, [])
        self.assertIn("after 1000000", self.error)

    def restarted(self) -> list[Any]:
        (options,) = self.options(
            authentication="high-gmac",
            security="authenticated-encrypted",
            system_title=TITLE,
            encryption_key=SECURE.security.client.encryption,
            authentication_key=SECURE.security.client.authentication,
        )
        return [options]

    def test_counters_are_reserved_again_before_they_run_out(self) -> None:
        self.begin(SECURE, interval=0.5)
        self.run_for(1200)
        status = self.statuses["virtual-001"]
        self.assertGreater(status.good, 2300)
        self.assertEqual(status.failed, 0)
        (end,) = self.counters.reserved.values()
        self.assertGreaterEqual(end, 3 * BLOCK)

    def test_the_meters_counters_are_remembered(self) -> None:
        self.begin(SECURE)
        self.run_for(21)
        (last,) = {max(self.counters.received.values())}
        self.assertGreaterEqual(last, SECURE.security.first_counter + 4)

    def test_one_that_bears_one_link_and_tells_no_counter(self) -> None:
        """What the public client cannot have does not leave his link in the way of ours."""
        reader = SECURE.clients[0]
        for strangers in ((), (Client(16, sees=("0-0:42.0.0",)),)):
            with self.subTest(strangers=strangers):
                self.setUp()
                self.bear_one_link()
                self.begin(evolve(SECURE, clients=(reader, *strangers)))
                self.run_for(60)
                status = self.statuses["virtual-001"]
                self.assertEqual((status.good, status.connects), (12, 1), self.error)
                self.end()

    def test_one_that_bears_one_link_and_leaves_a_stranger_without_an_answer(self) -> None:
        real = ServerAssociation.receive

        def receive(server: ServerAssociation, client: int, apdu: bytes, **more: bool) -> Answer:
            return SILENCE if client == 16 else real(server, client, apdu, **more)

        self.patch(ServerAssociation, "receive", receive)
        self.bear_one_link()
        self.begin(SECURE, interval=30.0)
        self.run_for(120)
        status = self.statuses["virtual-001"]
        self.assertEqual((status.failed, status.connects), (0, 1), self.error)

    def test_one_that_bears_one_link_and_keeps_it_where_it_refuses(self) -> None:
        """Its counters are asked for all the same, as it tells of ours that are too low."""
        real = ServerAssociation.receive
        refusal = refused(UserDiagnostic.NO_REASON_GIVEN).encode()

        def receive(server: ServerAssociation, client: int, apdu: bytes, **more: bool) -> Answer:
            answer = real(server, client, apdu, **more)
            return Answer(refusal) if answer.closes else answer

        self.patch(ServerAssociation, "receive", receive)
        self.bear_one_link()
        security = SECURE.security
        self.counters.reserved[f"{TITLE.hex()}/{key_id(security.client.encryption)}"] = 10
        self.begin(evolve(SECURE, security=evolve(security, client_counter=5000)))
        self.run_for(60)
        status = self.statuses["virtual-001"]
        self.assertEqual((status.good, status.connects), (12, 1), self.error)

    def bear_one_link(self) -> None:
        """SNRM of another client is answered with DM while there is one."""
        real, holders = ServerLink.receive, set[bytes]()

        def receive(link: ServerLink, frame: Frame) -> list[LinkEvent]:
            if frame.kind is Kind.SNRM and holders - {frame.source}:
                answer = Frame(frame.source, frame.destination, control.DM | control.POLL_FINAL)
                return [Transmit(answer.encode())]
            if frame.kind is Kind.SNRM:
                holders.add(frame.source)
            elif frame.kind is Kind.DISC:
                holders.discard(frame.source)
            return real(link, frame)

        self.patch(ServerLink, "receive", receive)
        self.network.connected = lambda pipe: holders.clear()

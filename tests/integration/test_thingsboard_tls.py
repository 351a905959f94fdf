"""Sinks against the stand-in over TLS: a token, or certificates, a gateway's or each meter's."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import Path
from random import Random
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from dlmsd.config.values import SinkOptions
from dlmsd.model import SinkStatus
from dlmsd.secret import Secret
from tests.certificates import Authority
from tests.publish.outbox import MemoryOutbox, reading
from tests.publish.real import real_sink
from tests.thingsboard.case import populated
from tests.thingsboard.device import Credentials
from tests.thingsboard.server import ThingsBoard
from tests.thingsboard.tls import context


class TlsTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        authority = Authority(self.folder)
        authority.issue("localhost")
        authority.issue("dlmsd", "client")
        self.offset = 0.0
        wall = self.wall
        self.server = populated(ThingsBoard(reactor, wall, Random(1)))
        tls = context(self.folder / "server.pem", self.folder / "server.key")
        self.port = reactor.listenSSL(0, self.server, tls, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    def wall(self) -> float:
        return time.time() + self.offset

    async def publish(
        self,
        until: Any,
        kind: Literal["thingsboard", "thingsboard-gateway"] = "thingsboard-gateway",
        device: Any = None,
        **options: Any,
    ) -> None:
        """A sink with one reading, until ``until`` is true of its status; ``device`` are options
        of its meter."""
        outbox, statuses = MemoryOutbox(reactor), list[SinkStatus]()
        sink_options = SinkOptions(
            name="s",
            kind=kind,
            url=f"mqtts://localhost:{self.port.getHost().port}",
            ca_file=self.folder / "ca.pem",
            **options,
        )
        sink = real_sink(sink_options, "a", outbox, device=device, post=statuses.append)
        await sink.start()
        outbox.commit([reading("a", 1, p="136.5")])
        end = time.monotonic() + 60
        while not (statuses and until(statuses[-1])):
            assert time.monotonic() < end, statuses[-1]
            await deferLater(reactor, 0.02, lambda: None)
        await sink.stop()

    def certificate(self, role: str) -> int:
        """When it ends."""
        pem = (self.folder / f"{role}.pem").read_bytes()
        ends = x509.load_pem_x509_certificate(pem).not_valid_after_utc
        return int(ends.timestamp())

    def test_the_status_tells_when_the_servers_certificate_ends(self) -> Deferred[None]:
        async def test() -> None:
            seen: list[SinkStatus] = []
            await self.publish(
                lambda status: seen.append(status) or status.delivered == 1,  # type: ignore[func-returns-value]
                token=Secret("gw"),
            )
            self.assertEqual(seen[-1].certificate_ends, self.certificate("server"))

        return Deferred.fromCoroutine(test())

    def test_a_token(self) -> Deferred[None]:
        """A1"""

        async def test() -> None:
            await self.publish(lambda status: status.delivered == 1, token=Secret("gw"))
            self.assertEqual(self.server["Device a"].series("p"), [(1, 136.5)])

        return Deferred.fromCoroutine(test())

    def test_a_certificate(self) -> Deferred[None]:
        """A3, C3"""
        pem = (self.folder / "client.pem").read_bytes()
        der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        digest = hashlib.sha3_256(base64.b64encode(der)).hexdigest()
        files = {"cert_file": self.folder / "client.pem", "key_file": self.folder / "client.key"}

        async def test() -> None:
            refused = "not authorised (CONNACK 0x87)"
            await self.publish(lambda status: refused in status.error, **files)
            credentials = Credentials("X509_CERTIFICATE", digest)
            self.server.create("x", credentials=credentials, gateway=True)
            await self.publish(lambda status: status.delivered == 1, **files)
            self.assertEqual(self.server["Device a"].gateway, self.server["x"])
            self.offset = 2 * 86400.0  # the certificates are of one day
            await self.publish(lambda status: refused in status.error, **files)

        return Deferred.fromCoroutine(test())

    def test_a_certificate_of_each_meter(self) -> Deferred[None]:
        """A3, C3: the meter's wins over the sink's; one that cannot be used is its own trouble."""
        own, key = self.folder / "client.pem", self.folder / "client.key"
        device = {"token": None, "mqtt_cert_file": own, "mqtt_key_file": key}
        kind: Any = "thingsboard"

        async def test() -> None:
            refused = "from the certificate client.pem refused: not authorised (CONNACK 0x87)"
            await self.publish(lambda status: refused in status.error, kind, device)
            pem = own.read_text()
            self.server.create("Device a", credentials=Credentials.of_certificate(pem))
            await self.publish(lambda status: status.delivered == 1, kind, device)
            self.assertEqual(self.server["Device a"].series("p"), [(1, 136.5)])
            wrong = device | {"mqtt_key_file": None}
            unusable = "cannot be used: it and key_file are no certificate"
            await self.publish(lambda status: unusable in status.error, kind, wrong)

        return Deferred.fromCoroutine(test())

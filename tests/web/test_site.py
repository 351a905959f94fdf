"""The service on real sockets: its address, failing to listen, and stopping."""

from __future__ import annotations

import time
from pathlib import Path

from OpenSSL import crypto
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, SSL4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from dlmsd.config.values import WebOptions
from dlmsd.fleet.board import Board
from dlmsd.secret import Secret
from dlmsd.tokens import Tokens
from dlmsd.web.site import ListenError, WebService
from dlmsd.web.status import StatusDocument
from tests.web.visitor import METER


class Caller(Protocol):
    """Keeps what it hears; ``heard`` fires at the first octets, ``lost`` at the end."""

    def __init__(self) -> None:
        self.data = b""
        self.heard: Deferred[None] = Deferred()
        self.lost: Deferred[type[BaseException]] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        first = not self.data
        self.data += data
        if first:
            self.heard.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(reason.type)


class SiteTests(TestCase):
    timeout = 120

    def service(self, listen: str = "tcp:0:interface=127.0.0.1") -> WebService:
        board = Board()
        board.post(METER)
        return WebService(
            WebOptions(listen=listen),
            board,
            StatusDocument(board, time.time, "1"),
            reactor=reactor,
            ready=lambda: True,
            tokens=Tokens(Secret("token"), Path("no-list"), time.time),
            language="en",
            version="1",
        )

    async def call(self, service: WebService, request: bytes = b"") -> Caller:
        port = int(service.address.rstrip("/").rpartition(":")[2])
        endpoint = HostnameEndpoint(reactor, "127.0.0.1", port)
        caller = await endpoint.connect(Factory.forProtocol(Caller))
        caller.transport.write(request)
        return caller

    async def test_the_address_is_the_real_one(self) -> None:
        service = self.service()
        self.assertEqual(service.address, "")
        await service.startService()
        self.assertRegex(service.address, r"^http://127\.0\.0\.1:[1-9][0-9]+/$")
        caller = await self.call(service, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await caller.heard
        self.assertEqual(caller.data[:12], b"HTTP/1.1 200")
        await service.stopService()
        self.assertEqual(service.address, "")

    async def test_it_stops_at_once_with_streams_and_idle_connections_open(self) -> None:
        service = self.service()
        await service.startService()
        stream = await self.call(service, b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        idle, halfway = await self.call(service), await self.call(service, b"GET /api/st")
        await stream.heard
        started = time.monotonic()
        await service.stopService()
        self.assertLess(time.monotonic() - started, 10)
        for caller in (stream, idle, halfway):
            self.assertIs(await caller.lost, ConnectionDone, "closed, not aborted")
        self.assertTrue(stream.data.endswith(b"0\r\n\r\n"), "the stream ended in good order")

    async def test_it_stops_although_a_reader_takes_nothing(self) -> None:
        service = self.service()
        for number in range(3000):
            service._board.meters[f"m{number}"] = METER
        await service.startService()
        caller = await self.call(service, b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        caller.transport.pauseProducing()
        await deferLater(reactor, 0.2)
        started = time.monotonic()
        await service.stopService()
        self.assertLess(time.monotonic() - started, 10)
        caller.transport.resumeProducing()
        await caller.lost

    async def test_a_port_that_is_taken(self) -> None:
        first = self.service()
        await first.startService()
        port = first.address.rstrip("/").rpartition(":")[2]
        second = self.service(f"tcp:{port}:interface=127.0.0.1")
        error = await self.assertFailure(second.startService(), ListenError)
        self.assertIn(port, str(error))
        self.assertIn("[web] listen", error.advice)
        await second.stopService()
        await first.stopService()

    async def test_an_endpoint_that_is_none(self) -> None:
        for listen in ("tcp", "nothing:1", "tcp:0:interface=256.1.1.1"):
            await self.assertFailure(self.service(listen).startService(), ListenError)

    async def test_over_tls(self) -> None:
        path = Path(self.mktemp())
        key = ssl.KeyPair.generate(size=2048)
        certificate = key.selfSignedCert(1, CN="localhost")
        path.write_bytes(key.dump(crypto.FILETYPE_PEM) + certificate.dump(crypto.FILETYPE_PEM))
        service = self.service(f"ssl:0:interface=127.0.0.1:privateKey={path}:certKey={path}")
        await service.startService()
        self.assertRegex(service.address, r"^https://127\.0\.0\.1:[1-9][0-9]+/$")
        trusting = ssl.CertificateOptions(verify=False)
        port = int(service.address.rstrip("/").rpartition(":")[2])
        endpoint = SSL4ClientEndpoint(reactor, "127.0.0.1", port, trusting)
        caller = await endpoint.connect(Factory.forProtocol(Caller))
        caller.transport.write(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await caller.heard
        await service.stopService()
        await caller.lost
        self.assertIn(b"event: snapshot", caller.data)

    async def test_a_unix_socket_needs_the_token(self) -> None:
        path = Path(self.mktemp()).name
        service = self.service(f"unix:{path}")
        await service.startService()
        endpoint = UNIXClientEndpoint(reactor, path)
        for header, status in ((b"", b"401"), (b"Authorization: Bearer token\r\n", b"200")):
            caller = await endpoint.connect(Factory.forProtocol(Caller))
            caller.transport.write(
                b"GET /api/status HTTP/1.1\r\nHost: x\r\n%bConnection: close\r\n\r\n" % header
            )
            await caller.lost
            self.assertEqual(caller.data.split()[1], status)
        await service.stopService()

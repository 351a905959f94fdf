"""The page without sockets: a WebService on a reactor in memory, and who visits it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from attrs import evolve, frozen
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from dlmsd.config.values import WebOptions
from dlmsd.fleet.board import Board
from dlmsd.model import MeterState, MeterStatus, OutboxStatus, Reading, SinkState, SinkStatus
from dlmsd.secret import Secret
from dlmsd.tokens import Tokens, list_file
from dlmsd.web.operation import Operation
from dlmsd.web.site import WebService
from dlmsd.web.status import StatusDocument

TOKEN = "correct horse"
NOW = 1_760_000_000.0

VALUES = {"voltage_l1": Decimal("230.0"), "active_energy": Decimal("12345678901234567890")}
METER = MeterStatus(
    name="planta-a",
    address="192.168.1.127:3333",
    profile="microstar",
    interval=5.0,
    state=MeterState.READING,
    reading=Reading("planta-a", int(NOW * 1000) - 2500, VALUES),
    values=VALUES,
    units={"voltage_l1": "V", "active_energy": "Wh"},
    absent={"current_l1": "object-undefined"},
    good=197,
    failed=3,
    recent=0.985,
    cycle_seconds=1.25,
)
IDS = {"planta-a": 1}
SINK = SinkStatus("tb", "thingsboard", "mqtt://localhost:1883", SinkState.CONNECTED, 1, 1, 195)
OUTBOX = OutboxStatus(readings=197, committed=197, delivered=195, queued={"tb": 2}, bytes=4096)


class Transport(StringTransport):
    """Takes what it is given until told that it is full."""

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()

    aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing waits here."""


class Reactor(MemoryReactorClock):
    """Says where a port listens as a real one does."""

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        listening = super().listenTCP(port, factory, backlog, interface)
        host = IPv4Address("TCP", interface or "0.0.0.0", port or 8425)
        listening.getHost = lambda: host
        return listening


@frozen
class Answer:
    """A response, read to its end or as far as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Answer:
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join(_chunks(body))
        return cls(int(first.split()[1]), headers, body)

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)

    @property
    def events(self) -> list[tuple[str, int, Any]]:
        """Name, id and data of each event; comments and ``retry`` are no events."""
        found = []
        for block in self.body.decode().split("\n\n"):
            lines = [line for line in block.split("\n") if line and not line.startswith(":")]
            fields = dict(line.split(": ", 1) for line in lines)
            if "data" in fields:
                found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
        return found


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        yield rest[:length]
        body = rest[length + 2 :]


class Visitor:
    """A running WebService with a board of one meter and one sink."""

    def __init__(
        self,
        listen: str = "tcp:0:interface=127.0.0.1",
        proxy: bool = False,
        legacy_open: bool = False,
        operations: Sequence[Operation] = (),
    ) -> None:
        self.board = Board()
        self.board.post(METER)
        self.board.post(SINK)
        self.board.post(OUTBOX)
        self.now = NOW
        self.ready = True
        self.reactor = Reactor()
        self.folder = Path(mkdtemp())
        self.tokens = Tokens(Secret(TOKEN), list_file(self.folder), time.time)
        self.service = WebService(
            WebOptions(listen=listen, trust_proxy=proxy, legacy_open=legacy_open),
            self.board,
            StatusDocument(self.board, lambda: self.now, "1.2.3", lambda: IDS),
            reactor=self.reactor,
            ready=lambda: self.ready,
            tokens=self.tokens,
            language="en",
            version="1.2.3",
            operations=operations,
        )
        self.started = self.service.startService()

    def connect(self, address: str = "127.0.0.1") -> tuple[Any, Transport]:
        """A connection from ``address``: the server's protocol and its transport."""
        peer = IPv4Address("TCP", address, 50000)
        protocol = self.reactor.tcpServers[0][1].buildProtocol(peer)
        transport = Transport(peerAddress=peer)
        if protocol is not None:
            protocol.makeConnection(transport)
        return protocol, transport

    def open(self, path: str, address: str = "127.0.0.1", **headers: str) -> tuple[Any, Transport]:
        """Asks for ``path`` and leaves the connection open."""
        protocol, transport = self.connect(address)
        protocol.dataReceived(_request("GET", path, headers))
        return protocol, transport

    def ask(
        self,
        path: str,
        method: str = "GET",
        address: str = "127.0.0.1",
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        """One request over its own connection; ``_`` in a header's name stands for ``-``."""
        if body:
            headers = {"Content_Length": str(len(body))} | headers
        protocol, transport = self.connect(address)
        protocol.dataReceived(_request(method, path, headers) + body)
        lose(protocol)
        return Answer.parse(transport.value())

    def change(self, **changes: Any) -> None:
        """The meter posts a new status."""
        self.board.post(evolve(self.board.meters["planta-a"], **changes))


def lose(protocol: Any) -> None:
    """The visitor's end of the connection is gone."""
    protocol.connectionLost(Failure(ConnectionLost()))


def bearer(token: str) -> str:
    return f"Bearer {token}"


def _request(method: str, path: str, headers: dict[str, str]) -> bytes:
    given = {"Host": "localhost:8425"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")

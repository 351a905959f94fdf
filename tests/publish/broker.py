"""A small model broker for tests: real MQTT bytes, scripted faults, no network needed.

MQTT 3.1.1 and 5: CONNECT, CONNACK, PUBLISH at QoS 1, PUBACK, SUBSCRIBE, SUBACK, PINGREQ,
DISCONNECT. It is a
Twisted server factory, so it also listens on a port; ``connect`` reaches it in memory, over
transports that live on a Clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import Factory as Fresh
from attrs import define, frozen
from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.publish.fields import Fields
from tests.publish.transport import MemoryTransport

REQUEST, RESPONSE = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"


@frozen
class Connect:
    """What a CONNECT said; ``version`` is the protocol level, 4 or 5."""

    version: int
    clean: bool
    keepalive: int
    client_id: str
    username: bytes | None
    password: bytes | None
    will: tuple[str, bytes, bool] | None
    properties: bytes


@frozen
class Published:
    """A PUBLISH as it arrived, and on which connection (numbered from 0)."""

    connection: int
    topic: str
    payload: bytes
    retain: bool
    dup: bool
    qos: int
    packet_id: int


@frozen
class Ack:
    """A PUBACK to send: after ``delay`` seconds, to ``packet_id``, with ``reason``."""

    packet_id: int
    reason: int = 0
    delay: float = 0.0


def acknowledge(published: Published) -> Iterable[Ack]:
    """What a broker does that works."""
    return [Ack(published.packet_id)]


@define(eq=False)
class ModelBroker(Factory):
    """A broker whose behaviour is its attributes, to be changed at any time."""

    clock: IReactorTime
    listening: bool = True
    connack: int | None = 0
    """The code of every CONNACK; None answers nothing."""
    connack_properties: bytes = b""
    deaf_to: tuple[int, ...] = ()
    """Versions whose CONNECT closes the connection without a word."""
    refused: tuple[int, ...] = ()
    """Versions refused in words: 0x84 to version 5, 0x01 to 3.1.1."""
    old: bool = False
    """Refuses version 5 in the form of 3.1.1."""
    puback: Callable[[Published], Iterable[Ack]] = acknowledge
    pings: bool = True
    deaf: bool = False
    """Keeps connections open, even after a FIN, and answers nothing."""
    connects: list[Connect] = Fresh(list)
    published: list[Published] = Fresh(list)
    accepted: list[Published] = Fresh(list)
    """Those whose PUBACK below 0x80 was sent: the broker has them."""
    pinged: int = 0
    disconnects: int = 0
    wills: list[tuple[str, bytes, bool]] = Fresh(list)
    retained: dict[str, bytes] = Fresh(dict)
    limits: bytes | None = b"{}"
    """What it answers to getSessionLimits, as ThingsBoard does; such a request is not told in
    ``published``."""
    unheard: bool = False
    """Refuses every subscription."""
    unwritable: Callable[[str], bool] = lambda topic: False
    """Topics whose messages it acknowledges, and drops."""
    unreadable: Callable[[str], bool] = lambda topic: False
    """Topics to which it grants subscriptions, and of which it tells nobody."""
    closing: bool = False
    """Closes upon every subscription."""
    subscribed: list[str] = Fresh(list)
    open: list[BrokerConnection] = Fresh(list)
    attempts: int = 0

    def buildProtocol(self, addr: object) -> BrokerConnection:
        return BrokerConnection(self)

    def connect(self, factory: Any) -> Deferred[Any]:
        """An endpoint's ``connect``, in memory."""
        self.attempts += 1
        if not self.listening:
            return fail(error.ConnectionRefusedError())
        client, server = factory.buildProtocol(None), self.buildProtocol(None)
        MemoryTransport.join(self.clock, client, server)
        return succeed(client)

    def drop(self) -> None:
        """Break every connection, as a kill does."""
        for connection in tuple(self.open):
            connection.transport.abortConnection()

    def take_over(self, client_id: str) -> None:
        """Who was connected with this client id is closed, without a word as mosquitto does it."""
        for connection in tuple(self.open):
            if connection.connect is not None and connection.connect.client_id == client_id:
                connection.transport.loseConnection()

    def swallowed(self, published: Published) -> None:
        """What a deaf broker was sent."""

    def received(self, published: Published) -> None:
        self.published.append(published)
        if published.retain:
            self.retained[published.topic] = published.payload
            if not published.payload:
                del self.retained[published.topic]

    def tell(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish to all who have subscribed."""
        for connection in tuple(self.open):
            if any(matches(one, topic) for one in connection.filters):
                connection.tell(topic, payload, retain)

    def hand_out(self, published: Published) -> None:
        """To all who have subscribed, and may read it; ThingsBoard's topics are answered only."""
        if not self.unreadable(published.topic) and not published.topic.startswith("v1/"):
            self.tell(published.topic, published.payload)


class BrokerConnection(Protocol):
    """The broker's side of one connection."""

    transport: Any

    def __init__(self, broker: ModelBroker) -> None:
        self.broker = broker
        self.connect: Connect | None = None
        self.buffer = b""
        self.left = False
        self.number = -1
        self.filters: list[str] = []
        self.told: set[int] = set()
        self.taken: set[int] = set()

    def connectionMade(self) -> None:
        self.broker.open.append(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.broker.open.remove(self)
        if self.connect and self.connect.will and not self.left:
            topic, payload, retain = self.connect.will
            self.broker.wills.append(self.connect.will)
            if retain:
                self.broker.retained[topic] = payload

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        while (packet := self._next()) is not None:
            kind, body = packet
            if not self.broker.deaf or kind >> 4 == 3:
                self._handle(kind, body)

    def send(self, kind: int, body: bytes) -> None:
        """One packet."""
        length, rest = bytearray(), len(body)
        while True:
            length.append(rest & 0x7F | (0x80 if rest > 0x7F else 0))
            rest >>= 7
            if not rest:
                break
        self.transport.write(bytes([kind]) + bytes(length) + body)

    def tell(self, topic: str, payload: bytes, retain: bool) -> None:
        """PUBLISH at QoS 1."""
        assert self.connect is not None
        packet_id = len(self.told) + 1
        self.told.add(packet_id)
        name = topic.encode()
        head = len(name).to_bytes(2, "big") + name + packet_id.to_bytes(2, "big")
        properties = b"\x00" if self.connect.version == 5 else b""
        self.send(0x32 | retain, head + properties + payload)

    def disconnect(self, reason: int) -> None:
        """DISCONNECT without properties, as paho issue 860 has it; then close."""
        self.send(0xE0, bytes([reason]))
        self.left = True
        self.transport.loseConnection()

    def _next(self) -> tuple[int, bytes] | None:
        length, shift, at = 0, 0, 1
        while at < len(self.buffer):
            length |= (self.buffer[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if self.buffer[at - 1] < 0x80:
                if len(self.buffer) < at + length:
                    return None
                kind, body = self.buffer[0], self.buffer[at : at + length]
                self.buffer = self.buffer[at + length :]
                return kind, body
        return None

    def _handle(self, kind: int, body: bytes) -> None:
        if kind >> 4 == 1:
            self._connect(Fields(body))
        elif kind >> 4 == 3:
            self._publish(kind, Fields(body))
        elif kind == 0x82:
            self._subscribe(Fields(body))
        elif kind == 0xA2:
            self._unsubscribe(Fields(body))
        elif kind == 0x40:
            number = Fields(body).word()
            assert number in self.told, "PUBACK of what was never sent"
            self.taken.add(number)
        elif kind == 0xC0:
            self.broker.pinged += 1
            if self.broker.pings:
                self.send(0xD0, b"")
        elif kind == 0xE0:
            self.left = True
            self.broker.disconnects += 1
            self.transport.loseConnection()
        else:
            raise AssertionError(f"packet type {kind:02X} is nothing a publisher sends")

    def _connect(self, fields: Fields) -> None:
        assert self.connect is None and fields.text() == "MQTT"
        version, flags = fields.byte(), fields.byte()
        keepalive = fields.word()
        properties = fields.properties() if version == 5 else b""
        client_id = fields.text()
        will = None
        if flags & 4:
            assert flags >> 3 & 3 == 1, "a will is sent at QoS 1"
            if version == 5:
                fields.properties()
            will = (fields.text(), fields.binary(), bool(flags & 0x20))
        username = fields.binary() if flags & 0x80 else None
        password = fields.binary() if flags & 0x40 else None
        assert not fields.rest, "bytes after CONNECT"
        clean = bool(flags & 2)
        self.broker.take_over(client_id)
        self.connect = Connect(
            version, clean, keepalive, client_id, username, password, will, properties
        )
        self.number = len(self.broker.connects)
        self.broker.connects.append(self.connect)
        self._connack(version)

    def _connack(self, version: int) -> None:
        broker = self.broker
        if version in broker.deaf_to:
            self.left = True
            self.transport.loseConnection()
        elif version in broker.refused:
            self._refuse(0x84 if version == 5 and not broker.old else 1, version)
        elif broker.connack:
            self._refuse(broker.connack, version)
        elif broker.connack == 0:
            properties = broker.connack_properties
            tail = bytes([len(properties)]) + properties if version == 5 else b""
            self.send(0x20, b"\x00\x00" + tail)

    def _refuse(self, code: int, version: int) -> None:
        self.send(0x20, bytes([0, code]) + (b"\x00" if version == 5 and code >= 0x80 else b""))
        self.left = True
        self.transport.loseConnection()

    def _publish(self, kind: int, fields: Fields) -> None:
        assert self.connect is not None, "PUBLISH before CONNECT"
        assert kind >> 1 & 3 == 1, "QoS 1 always"
        topic, packet_id = fields.text(), fields.word()
        assert packet_id, "packet identifier 0"
        if self.connect.version == 5:
            fields.properties()
        published = Published(
            self.number, topic, fields.rest, bool(kind & 1), bool(kind & 8), 1, packet_id
        )
        if self.broker.deaf:
            self.broker.swallowed(published)
            return
        if topic.startswith(REQUEST):
            self._puback(Ack(packet_id), published)
            if self.broker.limits is not None:
                self.tell(RESPONSE + topic.removeprefix(REQUEST), self.broker.limits, False)
            return
        if self.broker.unwritable(topic):
            self._puback(Ack(packet_id), published)
            return
        self.broker.received(published)
        for ack in self.broker.puback(published):
            if ack.delay:
                self.broker.clock.callLater(ack.delay, self._puback, ack, published)
            else:
                self._puback(ack, published)

    def _subscribe(self, fields: Fields) -> None:
        assert self.connect is not None, "SUBSCRIBE before CONNECT"
        if self.broker.closing:
            self.transport.loseConnection()
            return
        packet_id = fields.word()
        properties = b""
        if self.connect.version == 5:
            fields.properties()
            properties = b"\x00"
        wanted = []
        while fields.rest:
            wanted.append(fields.text())
            assert fields.byte() & 3 == 1, "QoS 1 always"
        refusal = 0x87 if self.connect.version == 5 else 0x80
        granted = bytes([refusal if self.broker.unheard else 1]) * len(wanted)
        self.send(0x90, packet_id.to_bytes(2, "big") + properties + granted)
        if not self.broker.unheard:
            self.filters += wanted
            self.broker.subscribed += wanted
            for topic, payload in self.broker.retained.items():
                if any(matches(one, topic) for one in wanted):
                    self.tell(topic, payload, retain=True)

    def _unsubscribe(self, fields: Fields) -> None:
        packet_id = fields.word()
        if self.connect is not None and self.connect.version == 5:
            fields.properties()
        while fields.rest:
            self.filters.remove(fields.text())
        self.send(0xB0, packet_id.to_bytes(2, "big"))

    def _puback(self, ack: Ack, published: Published) -> None:
        if self not in self.broker.open:
            return
        if ack.packet_id == published.packet_id and ack.reason < 0x80:
            self.broker.accepted.append(published)
            if not self.broker.unwritable(published.topic):
                self.broker.hand_out(published)
        reason = bytes([ack.reason]) if ack.reason and self.connect.version == 5 else b""
        self.send(0x40, ack.packet_id.to_bytes(2, "big") + reason)


def matches(wanted: str, topic: str) -> bool:
    """Whether a topic filter with ``+``, but no ``#``, takes this topic (MQTT 5, 4.7.1)."""
    levels = list(zip(wanted.split("/"), topic.split("/"), strict=False))
    return wanted.count("/") == topic.count("/") and all(w in ("+", t) for w, t in levels)

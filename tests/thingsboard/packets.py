"""The server's side of MQTT 3.1.1 and 5 on the wire: packets in, packets out, no I/O.

The libraries with a permissive licence decode one version (amqtt 3.1.1, mqttproto 5) or
are clients (paho, gmqtt), so the few packets that a ThingsBoard server knows are read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from attrs import frozen

# The longest topic, and properties: what a PUBLISH may have beside its payload.
HEADROOM = 2 * 65536


class Malformed(Exception):
    """Bytes that are no packet a client may send."""


@frozen
class Connect:
    """CONNECT; ``version`` is the protocol level, 4 or 5."""

    version: int
    clean: bool
    keepalive: int
    client_id: str
    username: str | None
    password: bytes | None
    will: tuple[str, bytes] | None


@frozen
class Publish:
    """PUBLISH; ``packet_id`` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int


@frozen
class Puback:
    packet_id: int


@frozen
class Subscribe:
    packet_id: int
    filters: tuple[tuple[str, int], ...]


@frozen
class Unsubscribe:
    packet_id: int
    filters: tuple[str, ...]


@frozen
class Pingreq:
    pass


@frozen
class Disconnect:
    pass


Packet: TypeAlias = Connect | Publish | Puback | Subscribe | Unsubscribe | Pingreq | Disconnect


class Fields:
    """Reads the fields of a packet from its left."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise Malformed("a packet cut short")
        self._at += count
        return taken

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def word(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def packet_id(self) -> int:
        number = self.word()
        if not number:
            raise Malformed("packet identifier 0")
        return number

    def binary(self) -> bytes:
        return self.take(self.word())

    def text(self) -> str:
        try:
            return self.binary().decode()
        except UnicodeDecodeError as error:
            raise Malformed("a text that is not UTF-8") from error

    def properties(self) -> bytes:
        length = shift = 0
        while True:
            octet = self.byte()
            length |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return self.take(length)
            if shift > 21:
                raise Malformed("a length that does not end")


class Reader:
    """Bytes in, packets out; learns the version from CONNECT."""

    def __init__(self, max_payload: int) -> None:
        self._max_payload = max_payload
        self._buffer = bytearray()
        self.version = 4

    def receive(self, data: bytes) -> Iterator[Packet]:
        """The packets that ``data`` completes. Raises Malformed, after which nothing follows."""
        self._buffer += data
        while (border := self._border()) is not None:
            start, end = border
            kind, body = self._buffer[0], bytes(self._buffer[start:end])
            del self._buffer[:end]
            yield self._decode(kind, Fields(body))

    def _border(self) -> tuple[int, int] | None:
        buffer, length = self._buffer, 0
        for at in range(1, min(5, len(buffer))):
            length |= (buffer[at] & 0x7F) << 7 * (at - 1)
            if buffer[at] < 0x80:
                if length > self._max_payload + HEADROOM:
                    raise Malformed(f"a packet of {length} bytes")
                end = at + 1 + length
                return (at + 1, end) if end <= len(buffer) else None
        if len(buffer) >= 5:
            raise Malformed("a length that does not end")
        return None

    def _decode(self, kind: int, fields: Fields) -> Packet:
        type_ = kind >> 4
        if type_ == 1:
            return self._connect(fields)
        if type_ == 3:
            return self._publish(kind, fields)
        if type_ == 4:
            return Puback(fields.packet_id())
        if type_ in (8, 10) and kind & 0x0F == 2:
            return self._filters(type_, fields)
        if kind == 0xC0:
            return Pingreq()
        if kind == 0xE0:
            return Disconnect()
        raise Malformed(f"a packet of type 0x{kind:02X}")

    def _connect(self, fields: Fields) -> Connect:
        name, version, flags = fields.text(), fields.byte(), fields.byte()
        if name != "MQTT" or version not in (4, 5) or flags & 1:
            raise Malformed(f"a CONNECT for {name} {version}")
        self.version = version
        keepalive = fields.word()
        self._properties(fields)
        client_id = fields.text()
        will = None
        if flags & 4:
            self._properties(fields)
            will = fields.text(), fields.binary()
        username = fields.text() if flags & 0x80 else None
        password = fields.binary() if flags & 0x40 else None
        return Connect(version, bool(flags & 2), keepalive, client_id, username, password, will)

    def _publish(self, kind: int, fields: Fields) -> Publish:
        qos = kind >> 1 & 3
        if qos == 3:
            raise Malformed("QoS 3")
        topic = fields.text()
        packet_id = fields.packet_id() if qos else 0
        self._properties(fields)
        payload = fields.rest()
        if len(payload) > self._max_payload:
            raise Malformed(f"a payload of {len(payload)} bytes")
        if not topic or "+" in topic or "#" in topic:
            raise Malformed("a topic that is none")
        return Publish(topic, payload, qos, packet_id)

    def _filters(self, type_: int, fields: Fields) -> Subscribe | Unsubscribe:
        packet_id = fields.packet_id()
        self._properties(fields)
        names, qualities = [], []
        while fields.more:
            names.append(fields.text())
            if type_ == 8:
                qualities.append(fields.byte() & 3)
        if not names:
            raise Malformed("no filter")
        if type_ == 8:
            return Subscribe(packet_id, tuple(zip(names, qualities, strict=True)))
        return Unsubscribe(packet_id, tuple(names))

    def _properties(self, fields: Fields) -> None:
        """A client's properties are read over: the server uses none that a client needs."""
        if self.version == 5:
            fields.properties()


class Writer:
    """Packets to bytes, in one version of the protocol."""

    def __init__(self, version: int) -> None:
        self._five = version == 5
        self._nothing = b"\x00" if self._five else b""

    def connack(self, code: int, session_present: bool = False) -> bytes:
        return _packet(0x20, bytes([session_present, code]) + self._nothing)

    def publish(self, topic: str, payload: bytes, packet_id: int) -> bytes:
        """At QoS 1, or 0 where ``packet_id`` is 0."""
        name = topic.encode()
        number = packet_id.to_bytes(2, "big") if packet_id else b""
        head = len(name).to_bytes(2, "big") + name + number + self._nothing
        return _packet(0x32 if packet_id else 0x30, head + payload)

    def puback(self, packet_id: int, reason: int = 0) -> bytes:
        tail = bytes([reason, 0]) if self._five and reason else b""
        return _packet(0x40, packet_id.to_bytes(2, "big") + tail)

    def suback(self, packet_id: int, codes: Sequence[int]) -> bytes:
        return _packet(0x90, packet_id.to_bytes(2, "big") + self._nothing + bytes(codes))

    def unsuback(self, packet_id: int, codes: Sequence[int]) -> bytes:
        tail = self._nothing + bytes(codes) if self._five else b""
        return _packet(0xB0, packet_id.to_bytes(2, "big") + tail)

    def pingresp(self) -> bytes:
        return _packet(0xD0, b"")

    def disconnect(self, reason: int) -> bytes:
        return _packet(0xE0, bytes([reason, 0]))


def _packet(kind: int, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while True:
        left, octet = left >> 7, left & 0x7F
        length.append(octet | (0x80 if left else 0))
        if not left:
            return bytes([kind]) + bytes(length) + body

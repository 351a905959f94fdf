"""A client of the stand-in in memory: paho as codec, so that its bytes are not ours."""

from __future__ import annotations

import json
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.thingsboard.server import ThingsBoard


class Visitor(Protocol):
    """Connects at once; what it is told is in its attributes."""

    transport: Any

    def __init__(self, server: ThingsBoard, version: int = 5, **login: Any) -> None:
        self.connack: int | None = None
        self.present = False
        self.acks: list[tuple[int, int]] = []
        """Packet id and reason of each PUBACK, in order."""
        self.granted: list[list[int]] = []
        self.told: list[tuple[str, Any]] = []
        """Topic and JSON of each PUBLISH from the server."""
        self.qualities: list[int] = []
        """QoS of each of those."""
        self.reason: int | None = None
        """Of the server's DISCONNECT."""
        self.closed = False
        self.pongs = 0
        self.heard = bytearray()
        """Every octet from the server."""
        self._clock: Any = server.clock
        self._inbox = bytearray()
        self._paho = _Codec(
            CallbackAPIVersion.VERSION2,
            client_id=login.get("client_id", "visitor"),
            protocol=paho.MQTTv5 if version == 5 else paho.MQTTv311,
            reconnect_on_failure=False,
        )
        self._paho.visitor = self
        if "username" in login or "password" in login:
            self._paho.username_pw_set(login.get("username"), login.get("password"))
        if "will" in login:
            self._paho.will_set(*login["will"])
        self._paho.on_connect = self._connected
        self._paho.on_publish = lambda c, u, mid, reason, p: self.acks.append((mid, reason.value))
        self._paho.on_subscribe = self._subscribed
        self._paho.on_message = self._message
        self._paho.on_socket_register_write = lambda *_: self._paho.loop_write()
        self._paho.connect_async("memory", keepalive=login.get("keepalive", 0))
        server.connect(Factory.forProtocol(lambda: self))
        self.settle()

    def settle(self) -> None:
        """What is on its way arrives; no time passes."""
        for _ in range(20):
            self._clock.advance(0)

    def publish(self, topic: str, body: Any, qos: int = 1) -> int:
        """JSON, or bytes as they are; the packet id."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        mid = self._paho.publish(topic, payload, qos).mid
        self.settle()
        return mid

    def acked(self, topic: str, body: Any) -> int | None:
        """Publish at QoS 1; the reason of its PUBACK, None where none comes."""
        mid = self.publish(topic, body)
        return dict(self.acks).get(mid)

    def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """What was granted."""
        self._paho.subscribe([(name, qos) for name in filters])
        self.settle()
        return self.granted[-1] if self.granted else []

    def ping(self) -> None:
        self.transport.write(b"\xc0\x00")
        self.settle()

    def leave(self) -> None:
        self._paho.disconnect()
        self.settle()

    def bodies(self, topic: str) -> list[Any]:
        """What the server published there."""
        return [body for name, body in self.told if name == topic]

    def connectionMade(self) -> None:
        self._paho.reconnect()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        for packet in _split(self._inbox, data):
            kind = packet[0] >> 4
            if kind == 14:  # paho loses the reason of a DISCONNECT (its issue 860)
                self.reason = packet[2]
                self.transport.loseConnection()
                return
            self.pongs += kind == 13
            self._paho.inbox += packet
            self._paho.loop_read()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True

    def _connected(self, _c: Any, _u: Any, flags: Any, reason: Any, _p: Any) -> None:
        self.connack, self.present = reason.value, flags.session_present

    def _subscribed(self, _c: Any, _u: Any, _m: int, reasons: Any, _p: Any) -> None:
        self.granted.append([one.value for one in reasons])

    def _message(self, _c: Any, _u: Any, message: Any) -> None:
        self.qualities.append(message.qos)
        self.told.append((message.topic, json.loads(message.payload)))


class _Codec(paho.Client):
    """paho with a socket that is two buffers."""

    visitor: Visitor

    def _create_socket(self) -> Any:
        self.inbox = bytearray()
        return self

    def recv(self, size: int) -> bytes:
        data = bytes(self.inbox[:size])
        if not data:
            raise BlockingIOError
        del self.inbox[:size]
        return data

    def send(self, data: bytes) -> int:
        self.visitor.transport.write(bytes(data))
        return len(data)

    def pending(self) -> int:
        return len(self.inbox)

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        """The visitor closes."""

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""


def _split(inbox: bytearray, data: bytes) -> list[bytes]:
    inbox += data
    packets = []
    while len(inbox) > 1:
        length, at = 0, 1
        while True:
            length |= (inbox[at] & 0x7F) << 7 * (at - 1)
            at += 1
            if inbox[at - 1] < 0x80:
                break
        if len(inbox) < at + length:
            break
        packets.append(bytes(inbox[: at + length]))
        del inbox[: at + length]
    return packets

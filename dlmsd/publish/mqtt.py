"""One MQTT connection: paho as a codec over a Twisted transport.

paho encodes CONNECT, PUBLISH and DISCONNECT and decodes CONNACK; it gets a socket-like
object and a fresh client per connection, and no thread. PUBACKs and refusals are read
here, from the packet itself: paho loses the reason of a DISCONNECT without properties
(paho issue 860) and would go down to MQTT 3.1 by itself. The keep alive is ours too,
because paho's reads its own clock.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

from paho.mqtt import MQTTException
from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd import tls
from dlmsd.publish import troubles
from dlmsd.publish.codec import Codec, Login, Wire
from dlmsd.publish.message import Message
from dlmsd.publish.packets import Oversized, PacketBuffer
from dlmsd.publish.version import Version

CONNACK_TIMEOUT: Final = 15.0
PUBACK_TIMEOUT: Final = 60.0
CLOSE_TIMEOUT: Final = 1.0
BEAT: Final = 5.0
PONG: Final = 3.0
# What the length field of a packet can say (MQTT 5, 1.5.5), and its header.
LARGEST: Final = 268_435_455 + 5
PINGREQ: Final = b"\xc0\x00"

_MALFORMED: Final = (struct.error, LookupError, ValueError, MQTTException)
_CONNACK, _PUBACK, _PINGRESP, _DISCONNECT = 0x20, 0x40, 0xD0, 0xE0

Acknowledgement = tuple[int, int]
"""Packet identifier and reason code of one PUBACK; 3.1.1 has only reason 0."""


Answered = Callable[[str, str], None]
"""Hears of a topic filter, and why the broker refuses it; with "" it does not."""


class Owner(Protocol):
    """Whom a connection tells what happens to it."""

    def accepted(self, session: MqttProtocol) -> None:
        """CONNACK said yes."""

    def acknowledged(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """PUBACKs, in the order of their arrival."""

    def told(self, message: Message) -> bool:
        """The broker sent a message; the result tells whether anybody knows what to do."""

    def lost(self, session: MqttProtocol, error: troubles.Trouble) -> None:
        """The transport is closed; nothing follows."""


class MqttProtocol(TwistedProtocol):
    """From CONNECT to the end of the transport, over one clean session."""

    log = Logger()

    def __init__(
        self, login: Login, version: Version, inflight: int, clock: IReactorTime, owner: Owner
    ) -> None:
        self.version = version
        self.answered = False
        self._login = login
        self._window = inflight
        self._keepalive = float(login.keepalive)
        self._clock = clock
        self._owner = owner
        self._error: troubles.Trouble | None = None
        self._closing: IDelayedCall | None = None
        self._packets = PacketBuffer()
        self._wire = Wire(self)
        self._paho = Codec(self._wire, login, version)
        self._paho.on_connect = self._connected
        self._paho.on_subscribe = self._subscribed
        self._paho.on_message = self._heard
        self._sent: dict[int, float] = {}  # packet identifier to the time of sending
        self._acknowledgements: list[Acknowledgement] = []
        self._asked: dict[int, tuple[Sequence[str], Answered | None]] = {}  # by packet identifier
        self._messages: list[Message] = []
        self._pinged: float | None = None
        self._written = 0.0
        self._heard_at = 0.0  # who publishes and hears nothing must ask, too
        self._patience: IDelayedCall | None = None
        self._beat = LoopingCall(self._check)
        self._beat.clock = clock
        self.largest = LARGEST
        self._retains = True
        self.unknown_acknowledgements = 0
        self.told = 0

    @property
    def waited(self) -> float:
        """Seconds since the oldest message without PUBACK was sent; 0 without one."""
        now = self._clock.seconds()
        return now - next(iter(self._sent.values()), now)

    def size(self, message: Message) -> int:
        """Bytes of its PUBLISH packet (MQTT 5, 3.3)."""
        body = 2 + len(message.topic.encode()) + 2 + (self.version == 5) + len(message.payload)
        return 1 + max(1, -(-body.bit_length() // 7)) + body

    @property
    def certificate_ends(self) -> int | None:
        """When the broker's certificate ends, in Unix seconds; None without TLS."""
        return None if self.transport is None else tls.ends(self.transport)

    @property
    def unheard(self) -> bool:
        """Whether a subscription is not answered yet, of those that nobody waits for."""
        return any(answered is None for _, answered in self._asked.values())

    @property
    def pinging(self) -> bool:
        """Whether a PINGREQ is without answer, and has been for longer than answers take."""
        return self._pinged is not None and self._clock.seconds() - self._pinged >= PONG

    @property
    def room(self) -> int:
        """How many messages may be published now."""
        if not self.answered or self._closing is not None:
            return 0
        return self._window - len(self._sent)

    def publish(self, message: Message) -> int:
        """Send at QoS 1 within ``room``; returns the packet identifier.

        What waits in the transport is bounded by the window, so no other back-pressure
        is needed.
        """
        while True:
            retain = message.retain and self._retains
            info = self._paho.publish(message.topic, message.payload, 1, retain)
            # After 65,535 messages identifiers start again; one still in flight is skipped.
            if info.rc is not MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                break
        self._sent[info.mid] = self._clock.seconds()
        return info.mid

    def subscribe(self, filters: Sequence[str], answered: Answered | None = None) -> None:
        """Hear what is published to these topics, at QoS 1.

        ``answered`` hears of each; without it the log tells of those that the broker refuses. The
        connection goes on.
        """
        if not filters:
            return
        five = self.version == 5
        wanted = [(one, SubscribeOptions(qos=1) if five else 1) for one in filters]
        _, mid = self._paho.subscribe(cast(Any, wanted))
        assert mid is not None
        self._asked[mid] = filters, answered

    def unsubscribe(self, topic: str) -> None:
        """Hear it no longer."""
        self._paho.unsubscribe(topic)

    def disconnect(self, error: troubles.Trouble | None = None) -> None:
        """Leave in order: the broker does not publish the will."""
        self._error = self._error or error
        if self.answered and self._closing is None:
            self._paho.disconnect()
        self._close()

    def fail(self, error: troubles.Trouble) -> None:
        """Leave because of ``error``, the first of which is the one reported."""
        self._error = self._error or error
        self._close()

    def connectionMade(self) -> None:
        nodelay = getattr(self.transport, "setTcpNoDelay", None)
        if nodelay is not None:
            nodelay(True)
        self._patience = self._clock.callLater(
            CONNACK_TIMEOUT,
            self.fail,
            troubles.SilentTrouble(f"no CONNACK within {CONNACK_TIMEOUT:.0f} s"),
        )
        self._paho.reconnect()

    def dataReceived(self, data: bytes) -> None:
        if self._closing is not None:
            return
        self._heard_at = self._clock.seconds()
        try:
            for packet in self._packets.receive(data):
                if isinstance(packet, Oversized):
                    self._pass_over(packet)
                else:
                    self._take(*packet)
        except troubles.Trouble as error:
            self.fail(error)
        if self._acknowledgements:
            acknowledgements, self._acknowledgements = self._acknowledgements, []
            self._owner.acknowledged(acknowledgements)
        messages, self._messages = self._messages, []
        for message in messages:
            if not self._owner.told(message):
                self._told(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        for call in (self._patience, self._closing):
            if call is not None and call.active():
                call.cancel()
        if self._beat.running:
            self._beat.stop()
        self._wire.protocol = None
        self._owner.lost(self, self._error or troubles.broken(reason))

    def write(self, data: bytes) -> None:
        """Bytes that paho has encoded."""
        self._written = self._clock.seconds()
        assert self.transport is not None
        self.transport.write(data)

    def _pass_over(self, packet: Oversized) -> None:
        """Else the broker would keep it in flight, and tell nothing else in the end."""
        if packet.packet_id:
            self.write(struct.pack(">BBH", _PUBACK, 2, packet.packet_id))
        self.told += 1
        if self.told == 1:
            self.log.warn(
                "{sink}: {client} was sent a message of {octets} bytes, which is passed over",
                sink=self._login.sink,
                client=self._login.client_id,
                octets=packet.octets,
            )

    def _take(self, packet: bytes, offset: int) -> None:
        kind = packet[0] & 0xF0
        if kind == _PUBACK:
            self._published(packet[offset:])
        elif kind == _PINGRESP:
            self._pinged = None
        elif kind == _CONNACK:
            self._connack(packet, offset)
        elif kind == _DISCONNECT and self.version == 5:
            raise troubles.disconnected(packet[offset] if len(packet) > offset else 0)
        else:
            self._decode(packet)

    def _connack(self, packet: bytes, offset: int) -> None:
        body = packet[offset:]
        if len(body) < 2 or self.answered:
            raise troubles.ProtocolTrouble("a CONNACK that is too short, or a second one")
        if body[1]:
            raise troubles.refused(body[1], self._login.who)
        if self.version == 5 and len(body) == 2:
            raise troubles.VersionTrouble("MQTT 5 was asked, and answered in 3.1.1")
        self._decode(packet)
        if self._patience is not None:
            self._patience.cancel()
        self.answered = True
        # Beats are rare because a sink may have thousands of connections.
        beat = min(BEAT, self._keepalive / 4) if self._keepalive else BEAT
        self._beat.start(beat, now=False).addErrback(self._beat_failed)
        self._owner.accepted(self)

    def _decode(self, packet: bytes) -> None:
        self._wire.packet, self._wire.at = packet, 0
        try:
            code = self._paho.loop_read()
        except _MALFORMED as error:
            raise troubles.ProtocolTrouble(f"a packet that does not decode: {error}") from error
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise troubles.ProtocolTrouble(f"an unexpected packet of type 0x{packet[0]:02X}")

    def _connected(self, _c: Any, _u: Any, _f: Any, _r: ReasonCode, properties: Any) -> None:
        self._keepalive = float(getattr(properties, "ServerKeepAlive", self._keepalive))
        self._window = min(self._window, getattr(properties, "ReceiveMaximum", self._window))
        self.largest = getattr(properties, "MaximumPacketSize", self.largest)
        self._retains = bool(getattr(properties, "RetainAvailable", True))

    def _published(self, body: bytes) -> None:
        if len(body) < 2:
            raise troubles.ProtocolTrouble("a PUBACK that is too short")
        packet_id = body[0] << 8 | body[1]
        if self._sent.pop(packet_id, None) is None:
            self.unknown_acknowledgements += 1
            return
        self._paho.forget(packet_id)
        # Whatever it says, also what a PUBACK should not, such as 0x95.
        self._acknowledgements.append((packet_id, body[2] if len(body) > 2 else 0))

    def _subscribed(
        self, _c: Any, _u: Any, mid: int, reasons: Sequence[ReasonCode], _p: Any
    ) -> None:
        filters, answered = self._asked.pop(mid, ((), None))
        for one, reason in zip(filters, reasons, strict=False):
            refusal = str(reason) if reason.value >= 0x80 else ""
            if answered is not None:
                answered(one, refusal)
            elif refusal:
                self._unsubscribable(one, refusal)

    def _unsubscribable(self, topic: str, reason: str) -> None:
        self.log.warn(
            "{sink}: {client} may not subscribe to {topic}: {reason}; allow it at the broker, or "
            "nothing is heard there",
            sink=self._login.sink,
            client=self._login.client_id,
            topic=topic,
            reason=reason,
        )

    def _heard(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        # Handed on when paho is done with it: an answer may want to be published at once.
        self._messages.append(Message(message.topic, bytes(message.payload), message.retain))

    def _told(self, message: Message) -> None:
        # ThingsBoard tells a gateway of trouble with one device by an unasked message. One
        # line for each connection: a broker must not be able to fill the disk.
        self.told += 1
        if self.told > 1:
            return
        self.log.warn(
            "{sink}: {client} was told by the broker on {topic}: {payload}",
            sink=self._login.sink,
            client=self._login.client_id,
            topic=ascii(message.topic),
            payload=message.payload[:256],
        )

    def _check(self) -> None:
        """What silence means now: nothing, time for a ping, or the end."""
        now = self._clock.seconds()
        oldest = next(iter(self._sent.values()), now)
        if now - oldest >= PUBACK_TIMEOUT:
            self.fail(
                troubles.UnacknowledgedTrouble(
                    f"no PUBACK for a message sent {now - oldest:.0f} s ago"
                )
            )
        elif not self._keepalive:
            return
        elif self._pinged is not None:
            if now - self._pinged >= self._keepalive:
                self.fail(troubles.SilentTrouble(f"no PINGRESP within {self._keepalive:.0f} s"))
        elif now - min(self._written, self._heard_at) >= self._keepalive / 2:
            self._pinged = now
            self.write(PINGREQ)

    def _beat_failed(self, failure: Failure) -> None:
        self.log.failure(
            "{sink}: the keep alive of {client} failed",
            failure,
            sink=self._login.sink,
            client=self._login.client_id,
        )
        self.fail(troubles.broken(failure))

    def _close(self) -> None:
        """FIN first; a broker that does not answer it gets no more than CLOSE_TIMEOUT."""
        if self._closing is None and self.transport is not None:
            abort = cast(ITCPTransport, self.transport).abortConnection
            self._closing = self._clock.callLater(CLOSE_TIMEOUT, abort)
            self.transport.loseConnection()

"""paho without its socket: packets to write for what is said, and what packets said."""

from __future__ import annotations

from typing import Any, Final, Protocol, cast

from attrs import frozen
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dlmsd.publish.message import Message
from dlmsd.publish.packets import MAX_PACKET
from dlmsd.publish.version import Version
from dlmsd.secret import Secret

_PUBACK: Final = ReasonCode(PacketTypes.PUBACK)
_SAYS_NOTHING: Final = cast(Any, Properties)(PacketTypes.PUBACK)


@frozen
class Login:
    """What a CONNECT says. A ThingsBoard token is a username, hence a secret.

    ``who`` and ``sink`` are for messages and the log.
    """

    client_id: str
    username: Secret | None = None
    password: Secret | None = None
    keepalive: int = 30
    will: Message | None = None
    who: str = "a client without credentials"
    sink: str = ""


class Written(Protocol):
    """Who sends what a ``Codec`` encodes."""

    def write(self, data: bytes) -> None:
        """Bytes of whole packets."""


class Wire:
    """What paho takes for a socket: one packet to read, and the protocol to write to."""

    def __init__(self, protocol: Written) -> None:
        self.protocol: Written | None = protocol
        self.packet = b""
        self.at = 0

    def recv(self, size: int) -> bytes:
        data = self.packet[self.at : self.at + size]
        if not data:
            raise BlockingIOError
        self.at += len(data)
        return data

    def pending(self) -> int:
        return len(self.packet) - self.at

    def send(self, data: bytes | bytearray) -> int:
        if self.protocol is not None:
            self.protocol.write(bytes(data))
        return len(data)

    def close(self) -> None:
        """The protocol closes its transport itself, whatever paho makes of a packet."""

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        """A transport never blocks."""


class Codec(paho.Client):
    """A paho client whose socket is a ``Wire``; it never reconnects, sleeps or threads."""

    def __init__(self, wire: Wire, login: Login, version: Version) -> None:
        five = version == 5
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=login.client_id,
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self._wire = wire
        self.max_inflight_messages_set(0)  # the window is kept by its protocol
        self.on_socket_register_write = self._write
        if login.username is not None:
            password = None if login.password is None else login.password.reveal().decode()
            self.username_pw_set(login.username.reveal().decode(), password)
        if login.will is not None:
            self.will_set(login.will.topic, login.will.payload, 1, login.will.retain)
        properties: Any = None
        if five:
            properties = cast(Any, Properties)(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0
            properties.MaximumPacketSize = MAX_PACKET
        # Host and port are only remembered by paho; the transport is connected already.
        self.connect_async(
            "transport",
            keepalive=login.keepalive,
            clean_start=five or paho.MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
        )

    def forget(self, packet_id: int) -> None:
        """The PUBACK of a message has come; LookupError for one that is not in flight.

        paho would read it octet by octet, in two thirds of the time of a PUBLISH, only to
        end here.
        """
        self._do_on_publish(packet_id, _PUBACK, _SAYS_NOTHING)

    def _create_socket(self) -> Any:
        return self._wire

    def _write(self, _client: paho.Client, _userdata: Any, _socket: Any) -> None:
        self.loop_write()

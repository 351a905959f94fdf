"""One MQTT connection at the server, from CONNECT to its end."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.thingsboard import packets
from tests.thingsboard.api import DeviceApi
from tests.thingsboard.device import Device, matches
from tests.thingsboard.gateway import GatewayApi
from tests.thingsboard.provisioning import Provisioning

if TYPE_CHECKING:
    from tests.thingsboard.server import ThingsBoard

ATTRIBUTES = "v1/devices/me/attributes"
RPC = "v1/devices/me/rpc/request/"
# What a SUBSCRIBE may ask for (T6).
FILTERS = {
    ATTRIBUTES,
    f"{ATTRIBUTES}/response/+",
    f"{RPC}+",
    "v1/devices/me/rpc/response/+",
    "v1/gateway/attributes",
    "v1/gateway/attributes/response",
    "v1/gateway/rpc",
    "v1/gateway/disconnect",
    "/provision/response",
    "v2/fw/response/+/chunk/+",
    "v2/fw/response/+",
    "v2/fw/error",
}


class Session(Protocol):
    """A Link of its own device. Nothing here enforces the keep alive (L10)."""

    transport: Any

    def __init__(self, server: ThingsBoard, host: str) -> None:
        self.server = server
        self.host = host
        self.connect: packets.Connect | None = None
        self.device: Device | None = None
        self.subscriptions: dict[str, int] = {}
        self.closed = False
        self._reader = packets.Reader(server.limits.max_payload)
        self.writer = packets.Writer(4)
        self._queue: list[packets.Packet] = []
        self._packet_id = 0
        self._provisioning: Provisioning | None = None
        self._api: DeviceApi | None = None
        self._gateway: GatewayApi | None = None
        self._timers: list[IDelayedCall] = []
        self._heard = 0.0

    @property
    def five(self) -> bool:
        """Whether version 5's codes are spoken here (N1)."""
        version = self.connect.version if self.connect else 4
        return version == 5 and self.server.release.codes_of_version_5

    def connectionMade(self) -> None:
        self.server.sessions.append(self)
        if self.server.blocked(self.host):  # L12
            self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.server.sessions.remove(self)
        self.closed = True
        self._leave()

    def dataReceived(self, data: bytes) -> None:
        self._heard = self.server.clock.seconds()
        try:
            for packet in self._reader.receive(data):
                if self.closed:
                    return
                self._take(packet)
        except packets.Malformed:
            self.close(0x81)  # L1

    def close(self, reason: int | None = None) -> None:
        """C6, N2: version 5 is told the reason, where there is one."""
        if self.closed:
            return
        self.closed = True
        if reason is not None and self.five and self.server.release.says_why:
            self.transport.write(self.writer.disconnect(reason))
        self.transport.loseConnection()
        self._leave()

    def later(self, seconds: float, call: Any, *arguments: Any) -> None:
        """A timer that ends with the session."""
        self._timers.append(self.server.clock.callLater(seconds, call, *arguments))

    def send(self, topic: str, body: Any) -> None:
        """T8: PUBLISH as JSON."""
        if self.closed:
            return
        self._packet_id = self._packet_id % 65535 + 1
        qualities = [qos for name, qos in self.subscriptions.items() if matches(name, topic)]
        packet_id = self._packet_id if (qualities or [1])[0] else 0
        payload = json.dumps(body, separators=(",", ":")).encode()
        self.transport.write(self.writer.publish(topic, payload, packet_id))

    def acknowledge(self, packet_id: int, reason: int = 0) -> None:
        """PUBACK, where QoS 1 asks for one; 3.1.1 has no reasons."""
        if packet_id and not self.closed:
            self.transport.write(self.writer.puback(packet_id, reason if self.five else 0))

    def invalid(self, packet_id: int) -> None:
        """V7, C9: what was published does not convert."""
        if packet_id and self.five:
            self.acknowledge(packet_id, 0x99)
        else:
            self.close(0x99)

    def _take(self, packet: packets.Packet) -> None:
        if isinstance(packet, packets.Connect):
            self._connect(packet)
        elif self._provisioning is not None:
            self._regular(packet)
        elif self.device is None:
            if len(self._queue) >= self.server.limits.max_queued:  # L2
                self.close(0x97)
            else:
                self._queue.append(packet)
        else:
            self._regular(packet)

    def _connect(self, packet: packets.Connect) -> None:
        if self.connect is not None:
            self.close(0x82)
            return
        self.connect = packet
        self.writer = packets.Writer(packet.version)
        self.server.connects.append(packet)
        if "provision" in (packet.username, packet.client_id):  # P1
            self._provisioning = Provisioning(self)
            self.transport.write(self.writer.connack(0, not packet.clean))
        elif self.server.validation:
            self.later(self.server.validation, self._validate, packet)
        else:
            self._validate(packet)

    def _validate(self, packet: packets.Connect) -> None:
        certificate, valid = self._certificate()
        if self.server.backend_down:  # C5
            self._refuse(3, 0x88)
            return
        device = self._authenticate(packet, certificate) if valid else None
        if device is None:
            self.server.bad_credentials(self.host)
            if certificate is not None:  # C3
                self._refuse(5, 0x87)
            elif packet.username is not None or packet.password is not None:  # C1
                self._refuse(5, 0x86)
            elif packet.client_id.strip():  # C2
                self._refuse(2, 0x85)
            else:
                self._refuse(5, 0x87)
            return
        kind = "gateway_itself" if device.is_gateway else "device"
        meter = self.server.meter(kind, device)
        if not meter.allows():  # C4
            self._refuse(3, 0x9F)
            return
        self.device = device
        self._api = DeviceApi(self, device, meter)
        if device.is_gateway:
            self._gateway = GatewayApi(self, device)
        self.transport.write(self.writer.connack(0, not packet.clean))
        previous, device.link = device.link, self
        if previous is not None:  # A4
            previous.taken_over()
        self._heard = device.active = self.server.clock.seconds()
        self.later(self.server.limits.inactivity, self._inactive)
        queue, self._queue = self._queue, []
        for one in queue:
            if not self.closed:
                self._regular(one)

    def _authenticate(self, packet: packets.Connect, certificate: bytes | None) -> Device | None:
        """A1, A2, A3"""
        given = {"clientId": packet.client_id}
        if packet.username is not None:
            given["userName"] = packet.username
        if packet.password is not None:
            given["password"] = packet.password.decode("utf-8", "replace")
        digest = None
        if certificate is not None:
            digest = hashlib.sha3_256(base64.b64encode(certificate)).hexdigest()
        for device in self.server.devices.values():
            credentials = device.credentials
            if digest is not None:
                found = credentials.type == "X509_CERTIFICATE" and credentials.id == digest
            elif credentials.type == "ACCESS_TOKEN":
                found = packet.username is not None and credentials.id == packet.username
            else:
                found = credentials.type == "MQTT_BASIC" and all(
                    given.get(key) == wanted for key, wanted in credentials.basic.items()
                )
            if found:
                return device
        return None

    def _certificate(self) -> tuple[bytes | None, bool]:
        """The client's, in DER, and whether it is valid now (C3)."""
        peer = getattr(self.transport, "getPeerCertificate", lambda: None)()
        if peer is None:
            return self.server.certificate(self), True
        certificate = peer.to_cryptography()
        now = datetime.fromtimestamp(self.server.wall(), UTC)
        valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        return certificate.public_bytes(Encoding.DER), valid

    def _refuse(self, code: int, reason: int) -> None:
        """C10: version 5 is told twice."""
        self.transport.write(self.writer.connack(reason if self.five else code))
        self.close(reason)

    def _regular(self, packet: packets.Packet) -> None:
        if isinstance(packet, packets.Publish):
            self._publish(packet)
        elif isinstance(packet, packets.Subscribe):
            self._subscribe(packet)
        elif isinstance(packet, packets.Unsubscribe):
            codes = [
                0 if self.subscriptions.pop(one, None) is not None else 0x11
                for one in packet.filters
            ]
            self.transport.write(self.writer.unsuback(packet.packet_id, codes))
        elif isinstance(packet, packets.Pingreq):
            self.transport.write(self.writer.pingresp())
            if self._gateway is not None:
                self._gateway.pinged()  # G15
        elif isinstance(packet, packets.Disconnect):
            self.close()

    def _publish(self, packet: packets.Publish) -> None:
        if self._provisioning is not None:
            self._provisioning.publish(packet)
            return
        assert self.device is not None and self._api is not None
        self.device.active = self.server.clock.seconds()
        if not packet.topic.startswith("v1/gateway"):
            self._api.publish(packet)
        elif self._gateway is not None:
            self._gateway.publish(packet)
        else:  # G10
            self.server.log.append(f"{self.device.name}: no gateway, {packet.topic} is ignored")

    def _subscribe(self, packet: packets.Subscribe) -> None:
        if self._provisioning is not None and not self.server.release.answers_while_provisioning:
            return  # P7
        codes = []
        for name, qos in packet.filters:
            if name in FILTERS:
                self.subscriptions[name] = min(qos, 1)
                codes.append(min(qos, 1))
            else:  # T6
                codes.append(0x8F if self.five else 0x80)
        self.transport.write(self.writer.suback(packet.packet_id, codes))
        if self.device is not None:
            self.server.deliver(self.device)

    def _inactive(self) -> None:
        """L9"""
        left = self._heard + self.server.limits.inactivity - self.server.clock.seconds()
        if left > 0:
            self.later(left, self._inactive)
        else:
            self.close(0xA0)

    def _leave(self) -> None:
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        if self._gateway is not None:
            self._gateway.leave()
        if self.device is not None and self.device.link is self:
            self.device.link = None

    @property
    def listens(self) -> bool:
        """T4"""
        return f"{RPC}+" in self.subscriptions and not self.closed

    def taken_over(self) -> None:
        """C7"""
        self.close(0x8E)

    def dismissed(self) -> None:
        """C8"""
        self.close(0x98)

    def ask(self, number: int, method: str, params: Any) -> None:
        """T4"""
        self.send(f"{RPC}{number}", {"method": method, "params": params})

    def shared(self, body: Mapping[str, Any]) -> None:
        """T2"""
        if ATTRIBUTES in self.subscriptions:
            self.send(ATTRIBUTES, body)

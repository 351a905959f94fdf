"""The device API: what a device publishes for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.thingsboard import values
from tests.thingsboard.device import Device, Filters, matches, points
from tests.thingsboard.limits import Meter
from tests.thingsboard.packets import Publish

if TYPE_CHECKING:
    from tests.thingsboard.session import Session

SHORT = ("v2/t", "v2/t/j")  # T1
ATTRIBUTES = "v1/devices/me/attributes"
ATTRIBUTES_REQUEST = f"{ATTRIBUTES}/request/"
RPC_REQUEST = "v1/devices/me/rpc/request/"
RPC_RESPONSE = "v1/devices/me/rpc/response/"
RULE_CHAIN_TIMEOUT = 60.0


class DeviceApi:
    """Takes a device's PUBLISH packets; ``meter`` has its limits."""

    def __init__(self, session: Session, device: Device, meter: Meter) -> None:
        self._session = session
        self._server = session.server
        self._device = device
        self._meter = meter

    def publish(self, packet: Publish) -> None:
        topic = packet.topic
        filters = self._server.filters.get(self._device.type, Filters())  # T9
        try:
            if matches(filters.attributes, topic):  # T10
                self._attributes(packet)
            elif matches(filters.telemetry, topic) or topic in SHORT:
                self._telemetry(packet)
            elif topic.startswith(ATTRIBUTES_REQUEST):
                self._attributes_request(packet, _number(topic))
            elif topic.startswith(RPC_RESPONSE):
                self._rpc_response(packet, _number(topic))
            elif topic.startswith(RPC_REQUEST):
                self._rpc_request(packet, _number(topic))
            elif topic == "v1/devices/me/claim":
                self._accept(packet)
            else:  # T7
                self._session.acknowledge(packet.packet_id, 0x90)
        except values.NotConvertible:
            self._session.invalid(packet.packet_id)

    def _accept(self, packet: Publish, points: int = 0) -> bool:
        """PUBACK, unless the backend is down or a limit is exceeded (L7)."""
        if self._server.backend_down or not self._meter.allows(points):
            self._session.close(0x83)
            return False
        self._session.acknowledge(packet.packet_id)
        return True

    def _telemetry(self, packet: Publish) -> None:
        records = values.telemetry(values.parse(packet.payload), self._server.now)
        if self._accept(packet, points(records)):
            self._device.keep(records)

    def _attributes(self, packet: Publish) -> None:
        given = values.attributes(values.parse(packet.payload))
        if self._accept(packet, len(given)):
            self._device.client.update(given)

    def _attributes_request(self, packet: Publish, number: int) -> None:
        body = values.parse(packet.payload)
        if not isinstance(body, dict):
            raise values.NotConvertible("no object")
        if not self._accept(packet):
            return
        answer: dict[str, Any] = {}
        wanted = {"client": body.get("clientKeys"), "shared": body.get("sharedKeys")}
        for scope, kept in (("client", self._device.client), ("shared", self._device.shared)):
            keys = wanted[scope]
            if not any(wanted.values()):  # T3: no keys are all keys
                found = dict(kept)
            else:
                found = {key: kept[key] for key in str(keys or "").split(",") if key in kept}
            if found:
                answer[scope] = found
        self._session.send(f"{ATTRIBUTES}/response/{number}", answer)

    def _rpc_response(self, packet: Publish, number: int) -> None:
        if self._accept(packet):
            data = values.plain(values.parse(packet.payload))
            self._server.answered(self._device, number, data)

    def _rpc_request(self, packet: Publish, number: int) -> None:
        body = values.parse(packet.payload)
        if not isinstance(body, dict) or not isinstance(body.get("method"), str):
            raise values.NotConvertible("no method")
        topic = f"{RPC_RESPONSE}{number}"
        method, params = body["method"], values.plain(body.get("params"))
        if method == "getSessionLimits" and self._server.release.session_limits:  # L3
            self._session.acknowledge(packet.packet_id)
            self._session.send(topic, self._session_limits())
        elif self._accept(packet):
            if method in self._server.methods:
                self._session.send(topic, self._server.methods[method](params))
            else:  # T5
                self._session.later(
                    RULE_CHAIN_TIMEOUT, self._session.send, topic, {"error": "timeout"}
                )

    def _session_limits(self) -> dict[str, Any]:
        limits = self._server.limits
        answer: dict[str, Any] = {
            "maxPayloadSize": limits.max_payload,
            "maxInflightMessages": limits.max_queued,
        }
        if not self._device.is_gateway:
            return {**answer, "rateLimits": limits.device.json()}
        return {  # L6
            **answer,
            "rateLimits": limits.gateway_itself.json(),
            "gatewayRateLimits": limits.gateway_devices.json(),
        }


def _number(topic: str) -> int:
    last = topic.rpartition("/")[2]
    if not last.isdecimal():
        raise values.NotConvertible("no request id")
    return int(last)

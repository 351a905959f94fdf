"""The gateway API: what a gateway publishes for its sub-devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define

from tests.thingsboard import values
from tests.thingsboard.device import Device, points
from tests.thingsboard.metrics import Metrics
from tests.thingsboard.packets import Publish

if TYPE_CHECKING:
    from tests.thingsboard.session import Session

RATE, OTHER, MALFORMED = 0x96, 0x80, 0x81


class Refused(Exception):
    """The server stumbles over what was published, and closes (G4)."""


@define(eq=False)
class SubSession:
    """A Link of a device that a gateway carries."""

    gateway: GatewayApi
    device: Device
    listens: bool = True  # G7

    def taken_over(self) -> None:
        """G12"""
        self.gateway.devices.pop(self.device.name, None)

    dismissed = taken_over

    def put_out(self, reason: int) -> None:
        """G16: this session ends, its gateway's goes on."""
        self.taken_over()
        self.device.link = None
        self.gateway.trouble(self.device.name, reason)

    def ask(self, number: int, method: str, params: Any) -> None:
        """G7"""
        data = {"id": number, "method": method, "params": params}
        self.gateway.session.send("v1/gateway/rpc", {"device": self.device.name, "data": data})

    def shared(self, body: Mapping[str, Any]) -> None:
        """G8"""
        told = {"device": self.device.name, "data": body}
        self.gateway.session.send("v1/gateway/attributes", told)


@define
class _Pack:
    """One PUBLISH for several devices, and its acknowledgement."""

    gateway: GatewayApi
    packet_id: int
    remaining: int
    acknowledged: bool = False

    def stored(self, name: str) -> None:
        self.remaining -= 1
        if not self.gateway.release.acknowledges_packs:  # N3
            self.gateway.session.acknowledge(self.packet_id)
        elif not self.remaining:  # N4
            self._acknowledge(0)
        if not self.packet_id:  # G11
            self.gateway.trouble(name, MALFORMED)

    def limited(self, name: str) -> None:
        """L8, G16"""
        if self.gateway.release.acknowledges_packs:
            if self._acknowledge(0x97):
                self.gateway.session.close()
        else:  # N3
            self.gateway.trouble(name, RATE)
            self.gateway.session.close()

    def failed(self, name: str) -> None:
        """L8, G16: the backend cannot take it."""
        if self.gateway.release.acknowledges_packs:
            if self._acknowledge(0x80):
                self.gateway.session.close()
        else:
            self.gateway.trouble(name, OTHER)
            self.gateway.session.close()

    def unmade(self) -> None:
        """G18"""
        if self.gateway.release.acknowledges_packs:
            self._acknowledge(0x97)

    def inconvertible(self) -> None:
        """G17"""
        if not self.gateway.session.five:
            self.gateway.session.close()
        else:
            self._acknowledge(0x99)

    def _acknowledge(self, reason: int) -> bool:
        first, self.acknowledged = not self.acknowledged, True
        if first:
            self.gateway.session.acknowledge(self.packet_id, reason)
        return first


class GatewayApi:
    """Takes a gateway's PUBLISH packets."""

    def __init__(self, session: Session, device: Device) -> None:
        self.session = session
        self.release = session.server.release
        self.devices: dict[str, SubSession] = {}
        self._server = session.server
        self._device = device
        self._meter = session.server.meter("gateway_devices", device)
        self._metrics = Metrics(session, device)
        self._topics: dict[str, Callable[[Publish, Any], None]] = {
            "v1/gateway/connect": self._connect,
            "v1/gateway/disconnect": self._disconnect,
            "v1/gateway/telemetry": self._telemetry,
            "v1/gateway/attributes": self._attributes,
            "v1/gateway/attributes/request": self._attributes_request,
            "v1/gateway/rpc": self._rpc,
            "v1/gateway/claim": lambda packet, body: session.acknowledge(packet.packet_id),
        }

    def publish(self, packet: Publish) -> None:
        take = self._topics.get(packet.topic)
        if take is None:  # T7
            self.session.acknowledge(packet.packet_id, 0x90)
            return
        try:
            body = values.parse(packet.payload)
            if not isinstance(body, dict):
                raise Refused("no object")
            take(packet, body)
        except values.NotConvertible:
            self.session.invalid(packet.packet_id)
        except Refused:  # G4
            if self.release.acknowledges_packs and self.session.five:
                self.session.acknowledge(packet.packet_id, 0x83)
            self.session.close(0x83)

    def pinged(self) -> None:
        """G15"""
        if self._device.info.get("overwriteActivityTime"):
            for sub in self.devices.values():
                sub.device.active = self._server.clock.seconds()

    def leave(self) -> None:
        """G9"""
        for sub in self.devices.values():
            sub.device.link = None
        self.devices.clear()
        self._metrics.stop()

    def trouble(self, name: str, reason: int) -> None:
        """G16"""
        if self.session.five and self.release.says_why:
            self.session.send("v1/gateway/disconnect", {"device": name, "reason": reason})

    def _sub(self, name: str, type: str = "default") -> Device | None:
        """The device of this name, carried here from now on (G1, G2, G12); None by G18."""
        if name in self.devices:
            return self.devices[name].device
        device = self._server.named(name)
        if device is None:
            if len(self._server.devices) >= self._server.limits.max_devices:
                return None
            device = self._server.create(name, type)
        sub = SubSession(self, device)
        self.devices[name] = sub
        previous, device.link = device.link, sub
        if previous is not None:
            previous.taken_over()
        device.gateway = self._device
        self._server.deliver(device)
        return device

    def _connect(self, packet: Publish, body: dict[str, Any]) -> None:
        type = body.get("type")
        if self._sub(_name(body), "default" if type is None else str(type)) is not None:
            self.session.acknowledge(packet.packet_id)

    def _disconnect(self, packet: Publish, body: dict[str, Any]) -> None:
        sub = self.devices.pop(_name(body), None)
        if sub is not None:
            sub.device.link = None
        self.session.acknowledge(packet.packet_id)

    def _telemetry(self, packet: Publish, body: dict[str, Any]) -> None:
        for name, entry, pack in self._entries(packet, body, list):
            try:
                records = values.telemetry(entry, self._server.now)
            except values.NotConvertible:
                pack.inconvertible()
                continue
            device = self._allowed(name, points(records), pack)
            if device is not None:
                self._metrics.saw(records)
                device.keep(records)

    def _attributes(self, packet: Publish, body: dict[str, Any]) -> None:
        """G5"""
        for name, entry, pack in self._entries(packet, body, dict):
            given = values.attributes(entry)
            device = self._allowed(name, len(given), pack)
            if device is not None:
                device.client.update(given)

    def _entries(
        self, packet: Publish, body: dict[str, Any], kind: type
    ) -> list[tuple[str, Any, _Pack]]:
        """The entries of a pack; others are dropped without a word (G3), all of them not (G4)."""
        good = {name: entry for name, entry in body.items() if isinstance(entry, kind)}
        self._server.log += [f"{name}: can't parse value" for name in body if name not in good]
        if not good:
            raise Refused("empty")
        pack = _Pack(self, packet.packet_id, len(good))
        return [(name, entry, pack) for name, entry in good.items()]

    def _allowed(self, name: str, points: int, pack: _Pack) -> Device | None:
        """The device, unless it cannot be made or a limit is exceeded; tells the pack."""
        device = self._sub(name)
        if device is None:
            pack.unmade()
            return None
        if self._server.backend_down:
            pack.failed(name)
            return None
        if not self._meter.allows(points):
            pack.limited(name)
            return None
        device.active = self._server.clock.seconds()
        pack.stored(name)
        return device

    def _attributes_request(self, packet: Publish, body: dict[str, Any]) -> None:
        """G6"""
        client, keys = body.get("client"), body.get("keys")
        if "key" in body:
            keys = [body["key"]]
        if not isinstance(client, bool) or not isinstance(keys, list) or "id" not in body:
            raise Refused("no client, keys or id")
        if not all(isinstance(key, str) for key in keys):
            raise Refused("keys that are no text")
        device = self._allowed(_name(body), 0, _Pack(self, packet.packet_id, 1))
        if device is None:
            return
        kept = device.client if client else device.shared
        found = {key: kept[key] for key in keys if key in kept}
        answer = {"id": values.plain(body["id"]), "device": device.name}
        if len(keys) == 1 and found:
            answer["value"] = found[keys[0]]
        elif found:
            answer["values"] = found
        self.session.send("v1/gateway/attributes/response", answer)

    def _rpc(self, packet: Publish, body: dict[str, Any]) -> None:
        """G7"""
        number = values.plain(body.get("id"))
        if not isinstance(number, int) or "data" not in body:
            raise Refused("no id or data")
        device = self._allowed(_name(body), 0, _Pack(self, packet.packet_id, 1))
        if device is not None:
            self._server.answered(device, number, values.plain(body["data"]))


def _name(body: dict[str, Any]) -> str:
    name = body.get("device")
    if not isinstance(name, str) or not name:
        raise Refused("no device")
    return name

"""ThingsBoard's two MQTT APIs: a gateway's one connection, or a device's own.

Neither has a will: ThingsBoard ignores it, and takes the session for availability.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from dlmsd.model import MeterStatus
from dlmsd.publish import payload
from dlmsd.publish.courier import Say
from dlmsd.publish.limits import ANSWERS, Limits
from dlmsd.publish.message import Message
from dlmsd.publish.pack import Room, take
from dlmsd.publish.rpc import GATEWAY_RPC, RPC, Rpc
from dlmsd.publish.source import Delivery
from dlmsd.publish.troubles import Trouble, UnacknowledgedTrouble

GATEWAY: Final = "v1/gateway"
TELEMETRY: Final = "v1/devices/me/telemetry"


class NoGatewayTrouble(UnacknowledgedTrouble):
    """ThingsBoard does not acknowledge to a device that is no gateway; enable 'Is gateway'
    on this device."""


@frozen
class Device:
    """What ThingsBoard calls a meter, and the device profile it is made with."""

    name: str
    type: str


class GatewayDialect:
    """All meters over one connection; ``devices`` by meter, of which ``ours`` are configured.

    A meter that is no longer configured keeps its own name for what it left behind. ``rpc``
    is who hears requests, if anybody does.
    """

    def __init__(
        self,
        devices: Mapping[str, Device],
        ours: Collection[str],
        limits: Limits,
        rpc: Rpc | None = None,
    ) -> None:
        self._devices = devices
        self._ours = ours
        self._limits = limits
        self._rpc = rpc
        self._connected: set[str] = set()

    def subscriptions(self) -> Sequence[str]:
        return (ANSWERS,) if self._rpc is None else (ANSWERS, GATEWAY_RPC, f"{RPC}/request/+")

    def told(self, message: Message, say: Say) -> bool:
        rpc = self._rpc
        return self._limits.told(message) or (
            rpc is not None
            and (rpc.own(message, None, say) or rpc.relayed(message, self._meter_of, say))
        )

    def _meter_of(self, device: str) -> str | None:
        return next((one for one in self._ours if self._device(one).name == device), None)

    def learn(self, status: MeterStatus, say: Say) -> None:
        """ThingsBoard has it from telemetry."""

    def greeting(self) -> Iterable[tuple[str, Message]]:
        self._connected.clear()
        return [("limits", self._limits.ask())]

    def state(self, meter: str, online: bool) -> Message | None:
        if online:
            return self.introduction(meter)
        if meter not in self._connected:
            return None
        self._connected.discard(meter)
        return self._disconnect(meter)

    def introduction(self, meter: str) -> Message | None:
        """Without it ThingsBoard makes the device with profile ``default``."""
        if meter in self._connected:
            return None
        self._connected.add(meter)
        device = self._device(meter)
        body = {"device": device.name, "type": device.type}
        return Message(f"{GATEWAY}/connect", payload.encode(body))

    def pack(self, queue: deque[Delivery], room: Room) -> tuple[Message, list[Delivery]]:
        key = payload.encode(self._device(queue[0].meter).name)
        frame = len(key) + len(b"{:[]}")
        records, taken = take(queue, evolve(room, octets=room.octets - frame))
        return Message(f"{GATEWAY}/telemetry", b"{%b:[%b]}" % (key, b",".join(records))), taken

    def farewell(self) -> Iterable[tuple[str, Message]]:
        return [(meter, self._disconnect(meter)) for meter in sorted(self._connected)]

    def explain(self, error: Trouble) -> Trouble:
        if isinstance(error, UnacknowledgedTrouble):
            return NoGatewayTrouble(str(error))
        return error

    def _device(self, meter: str) -> Device:
        return self._devices.get(meter) or Device(meter, "default")

    def _disconnect(self, meter: str) -> Message:
        body = {"device": self._device(meter).name}
        return Message(f"{GATEWAY}/disconnect", payload.encode(body))


class DeviceDialect:
    """One meter, whose connection is its availability."""

    def __init__(self, meter: str, limits: Limits, rpc: Rpc | None = None) -> None:
        self._meter = meter
        self._limits = limits
        self._rpc = rpc

    def subscriptions(self) -> Sequence[str]:
        return (ANSWERS,) if self._rpc is None else (ANSWERS, f"{RPC}/request/+")

    def told(self, message: Message, say: Say) -> bool:
        rpc = self._rpc
        return self._limits.told(message) or (
            rpc is not None and rpc.own(message, self._meter, say)
        )

    def learn(self, status: MeterStatus, say: Say) -> None:
        """ThingsBoard has it from telemetry."""

    def greeting(self) -> Iterable[tuple[str, Message]]:
        return [("limits", self._limits.ask())]

    def state(self, meter: str, online: bool) -> None:
        return None

    def introduction(self, meter: str) -> None:
        return None

    def pack(self, queue: deque[Delivery], room: Room) -> tuple[Message, list[Delivery]]:
        records, taken = take(queue, evolve(room, octets=room.octets - len(b"[]")))
        body = records[0] if len(records) == 1 else b"[%b]" % b",".join(records)
        return Message(TELEMETRY, body), taken

    def farewell(self) -> Iterable[tuple[str, Message]]:
        return []

    def explain(self, error: Trouble) -> Trouble:
        return error

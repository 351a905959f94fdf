"""ThingsBoard's two MQTT APIs: a gateway's one connection, or a device's own.

Neither has a will: ThingsBoard ignores it, and takes the session for availability.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from dlmsd.model import MeterStatus
from dlmsd.publish import payload
from dlmsd.publish.courier import Say
from dlmsd.publish.message import Message
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
    """All meters over one connection; ``devices`` by meter.

    A meter that is no longer configured keeps its own name for what it left behind.
    """

    def __init__(self, devices: Mapping[str, Device]) -> None:
        self._devices = devices
        self._connected: set[str] = set()

    def subscriptions(self) -> Sequence[str]:
        return ()

    def told(self, message: Message, say: Say) -> bool:
        return False

    def learn(self, status: MeterStatus, say: Say) -> None:
        """ThingsBoard has it from telemetry."""

    def greeting(self) -> Iterable[tuple[str, Message]]:
        self._connected.clear()
        return []

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

    def pack(self, queue: deque[Delivery]) -> tuple[Message, tuple[int, ...]]:
        delivery = queue.popleft()
        reading = delivery.reading
        record = {"ts": reading.ts, "values": payload.values(reading)}
        body = payload.encode({self._device(reading.meter).name: [record]})
        return Message(f"{GATEWAY}/telemetry", body), (delivery.id,)

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

    def subscriptions(self) -> Sequence[str]:
        return ()

    def told(self, message: Message, say: Say) -> bool:
        return False

    def learn(self, status: MeterStatus, say: Say) -> None:
        """ThingsBoard has it from telemetry."""

    def greeting(self) -> Iterable[tuple[str, Message]]:
        return []

    def state(self, meter: str, online: bool) -> None:
        return None

    def introduction(self, meter: str) -> None:
        return None

    def pack(self, queue: deque[Delivery]) -> tuple[Message, tuple[int, ...]]:
        delivery = queue.popleft()
        reading = delivery.reading
        body = payload.encode({"ts": reading.ts, "values": payload.values(reading)})
        return Message(TELEMETRY, body), (delivery.id,)

    def farewell(self) -> Iterable[tuple[str, Message]]:
        return []

    def explain(self, error: Trouble) -> Trouble:
        return error

"""ThingsBoard's two MQTT APIs: a gateway's one connection, or a device's own.

Neither has a will: ThingsBoard ignores it, and takes the session for availability.
"""

from __future__ import annotations

from collections import deque
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from typing import Final

from attrs import evolve, frozen

from dlmsd.meter.identity import Identity
from dlmsd.model import MeterStatus
from dlmsd.publish import payload
from dlmsd.publish.dialect import Say
from dlmsd.publish.evictions import Evictions, evicted
from dlmsd.publish.facts import Facts
from dlmsd.publish.limits import ANSWERS, Limits
from dlmsd.publish.message import Message
from dlmsd.publish.pack import Room, take
from dlmsd.publish.rpc import GATEWAY_RPC, RPC, Rpc
from dlmsd.publish.shared import KEYS, Shared, decoded
from dlmsd.publish.source import Delivery
from dlmsd.publish.troubles import (
    TOPIC_NAME_INVALID,
    PublishTrouble,
    Trouble,
    UnacknowledgedTrouble,
)
from dlmsd.publish.works import RequestError

GATEWAY: Final = "v1/gateway"
GATEWAY_ATTRIBUTES: Final = f"{GATEWAY}/attributes"
ATTRIBUTES: Final = "v1/devices/me/attributes"  # for what the server tells and is asked


class NoGatewayTrouble(UnacknowledgedTrouble):
    """ThingsBoard does not acknowledge to a device that is no gateway; enable 'Is gateway'
    on this device."""


class ProfileTopicTrouble(PublishTrouble):
    """The device's profile has other topics; give them as telemetry_topic and attributes_topic
    of this sink."""


class DeletedTrouble(Trouble):
    """Its readings wait here. Reload the configuration to have the device made anew, or take the
    meter out of this sink."""


@frozen
class Device:
    """What ThingsBoard calls a meter, and the device profile it is made with."""

    name: str
    type: str


class GatewayDialect:
    """All meters over one connection; ``devices`` by meter, of which ``ours`` are configured.

    A meter that is no longer configured keeps its own name for what it left behind. ``rpc``
    and ``shared`` are who hears requests and attributes, if anybody does. ``published`` is what
    records are to tell as the time they go out, in Unix milliseconds.

    A device stays connected while its meter is down: one that is not is told nothing by the
    server, neither to be read anew nor to be left alone. Its attribute ``online`` says it.
    """

    dated = True

    def __init__(
        self,
        devices: MutableMapping[str, Device],
        ours: Collection[str],
        facts: Facts,
        limits: Limits,
        evictions: Evictions,
        rpc: Rpc | None = None,
        shared: Shared | None = None,
        renamed: Callable[[str, str, str], object] = lambda meter, old, new: None,
        published: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._renamed = renamed
        self._published = published
        self.held: dict[str, Trouble] = {}
        self.evictions = evictions
        self._devices = devices
        self._ours = ours
        self._facts = facts
        self._limits = limits
        self._rpc = rpc
        self._shared = shared
        self._connected: set[str] = set()
        self._carried: set[str] = set()
        self._asked: dict[int, str] = {}
        self._count = 0

    def subscriptions(self) -> Sequence[str]:
        heard = [ANSWERS] if self._rpc is None else [ANSWERS, GATEWAY_RPC, f"{RPC}/request/+"]
        answers = f"{GATEWAY_ATTRIBUTES}/response"
        return heard if self._shared is None else [*heard, GATEWAY_ATTRIBUTES, answers]

    def told(self, message: Message, say: Say) -> bool:
        if message.topic.startswith(GATEWAY_ATTRIBUTES):
            return self._told_attributes(message, say)
        if message.topic == f"{GATEWAY}/disconnect":
            return self._told_evicted(message)
        rpc = self._rpc
        return self._limits.told(message) or (
            rpc is not None
            and (
                rpc.own(message, None, say, self._notices)
                or rpc.relayed(message, self._meter_of, say)
            )
        )

    @property
    def _notices(self) -> Mapping[str, Callable[[object, Say], None]]:
        """What a server tells of devices by RPC to the gateway."""
        return {
            "gateway_device_renamed": self._take_renamed,
            "gateway_device_deleted": self._take_deleted,
        }

    def _take_renamed(self, params: object, say: Say) -> None:
        """The old name would make a second device."""
        if not isinstance(params, dict) or not all(isinstance(n, str) for n in params.values()):
            raise RequestError('no request: params are {"old name": "new name"}')
        for old, new in params.items():
            meter = self._meter_of(old)
            if meter is not None and new:
                self._devices[meter] = evolve(self._device(meter), name=new)
                self._connected.discard(meter)
                self._carried.discard(meter)
                self._say_facts(meter, say)
                self._renamed(meter, old, new)

    def _take_deleted(self, params: object, say: Say) -> None:
        """Whatever is said of the device would make it anew."""
        if not isinstance(params, str):
            raise RequestError("no request: params are the name of a device")
        meter = self._meter_of(params)
        if meter is not None:
            self._connected.discard(meter)
            self.held[meter] = DeletedTrouble(f"device {params} was deleted at ThingsBoard")

    def _told_evicted(self, message: Message) -> bool:
        """One device is out of the session, which goes on."""
        body = decoded(message.payload) or {}
        device = body.get("device")
        meter = self._meter_of(device) if isinstance(device, str) else None
        if meter is None:
            return False
        self._connected.discard(meter)
        self._carried.discard(meter)
        self.evictions.add(meter, evicted(str(device), body.get("reason")))
        return True

    def back(self, meter: str, say: Say) -> None:
        if meter in self._ours:
            self._say_facts(meter, say)

    def _told_attributes(self, message: Message, say: Say) -> bool:
        body = decoded(message.payload)
        if self._shared is None or body is None:
            return False
        number, device = body.get("id"), body.get("device")
        if message.topic == GATEWAY_ATTRIBUTES:
            meter = self._meter_of(device) if isinstance(device, str) else None
            take, values = self._shared.updated, body.get("data")
        else:
            meter = self._asked.pop(number, None) if isinstance(number, int) else None
            take, values = self._shared.current, body.get("values", {})
        if meter is None or meter not in self._ours or not isinstance(values, dict):
            return False

        def report(problem: str) -> None:
            if self._facts.report(meter, problem):
                self._say_facts(meter, say)

        take(meter, values, report)
        return True

    def _meter_of(self, device: str) -> str | None:
        return next((one for one in self._ours if self._device(one).name == device), None)

    def learn(self, status: MeterStatus | Identity, say: Say) -> None:
        for meter in sorted(self._carried - set(self._ours)):
            self._carried.discard(meter)
            self._connected.discard(meter)
            say(f"connect/{meter}", self._disconnect(meter))
        if self._facts.learn(status):
            self._say_facts(status.name, say)

    def _say_facts(self, meter: str, say: Say) -> None:
        for subject, message in self._about(meter):
            say(subject, message)

    def _about(self, meter: str) -> Iterator[tuple[str, Message]]:
        """All that concerns one device, and what is asked of it once a connection."""
        if meter in self.held or meter in self.evictions:
            return
        connect = self.introduction(meter)
        if connect is not None:
            yield f"connect/{meter}", connect
        facts = self._facts.of(meter)
        if facts:
            body = payload.encode({self._device(meter).name: facts})
            yield f"facts/{meter}", Message(GATEWAY_ATTRIBUTES, body)
        if meter not in self._carried and self._shared is not None:
            self._count += 1
            self._asked[self._count] = meter
            wanted = {"id": self._count, "device": self._device(meter).name, "client": False}
            body = payload.encode({**wanted, "keys": KEYS})
            yield f"shared/{meter}", Message(f"{GATEWAY_ATTRIBUTES}/request", body)
        self._carried.add(meter)

    def greeting(self) -> Iterable[tuple[str, Message]]:
        self._connected.clear()
        self._carried.clear()
        self._asked.clear()
        yield "limits", self._limits.ask()
        for meter in sorted(self._ours):
            yield from self._about(meter)

    def state(self, meter: str, online: bool) -> Message | None:
        alone = meter in self.held or meter in self.evictions
        told = meter in self._ours and not alone
        return self.introduction(meter) if told else None

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
        records, taken = take(queue, evolve(room, octets=room.octets - frame), self._published())
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
    """One meter over a connection of its own.

    ``telemetry`` and ``attributes`` are topics, which a device profile may replace; all that
    the server tells and is asked keeps its own.
    """

    dated = True

    def __init__(
        self,
        meter: str,
        facts: Facts,
        limits: Limits,
        telemetry: str,
        attributes: str,
        rpc: Rpc | None = None,
        shared: Shared | None = None,
    ) -> None:
        self.held: dict[str, Trouble] = {}
        self.evictions = None
        self._telemetry = telemetry
        self._attributes = attributes
        self._meter = meter
        self._facts = facts
        self._limits = limits
        self._rpc = rpc
        self._shared = shared

    def subscriptions(self) -> Sequence[str]:
        heard = [ANSWERS] if self._rpc is None else [ANSWERS, f"{RPC}/request/+"]
        return heard if self._shared is None else [*heard, ATTRIBUTES, f"{ATTRIBUTES}/response/+"]

    def told(self, message: Message, say: Say) -> bool:
        if not message.topic.startswith(ATTRIBUTES):
            rpc = self._rpc
            return self._limits.told(message) or (
                rpc is not None and rpc.own(message, self._meter, say)
            )
        body = decoded(message.payload)
        if self._shared is None or body is None:
            return False

        def report(problem: str) -> None:
            if self._facts.report(self._meter, problem):
                say("facts", self._message())

        if message.topic == ATTRIBUTES:
            self._shared.updated(self._meter, body, report)
        elif isinstance(values := body.get("shared", {}), dict):
            self._shared.current(self._meter, values, report)
        return True

    def learn(self, status: MeterStatus | Identity, say: Say) -> None:
        if self._facts.learn(status):
            say("facts", self._message())

    def _message(self) -> Message:
        return Message(self._attributes, payload.encode(self._facts.of(self._meter)))

    def greeting(self) -> Iterable[tuple[str, Message]]:
        yield "limits", self._limits.ask()
        if self._facts.of(self._meter):
            yield "facts", self._message()
        if self._shared is not None:
            body = payload.encode({"sharedKeys": ",".join(KEYS)})
            yield "shared", Message(f"{ATTRIBUTES}/request/1", body)

    def state(self, meter: str, online: bool) -> None:
        return None

    def introduction(self, meter: str) -> None:
        return None

    def back(self, meter: str, say: Say) -> None:
        """ThingsBoard puts a device out by ending its connection."""

    def pack(self, queue: deque[Delivery], room: Room) -> tuple[Message, list[Delivery]]:
        records, taken = take(queue, evolve(room, octets=room.octets - len(b"[]")))
        body = records[0] if len(records) == 1 else b"[%b]" % b",".join(records)
        return Message(self._telemetry, body), taken

    def farewell(self) -> Iterable[tuple[str, Message]]:
        return []

    def explain(self, error: Trouble) -> Trouble:
        if isinstance(error, PublishTrouble) and error.reason == TOPIC_NAME_INVALID:
            return ProfileTopicTrouble.of(error)
        return error

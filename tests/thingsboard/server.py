"""The stand-in: its devices, and what happens between their sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from uuid import UUID

from attrs import Factory as Fresh
from attrs import define, frozen
from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory

from tests.publish.transport import MemoryTransport
from tests.thingsboard.device import Credentials, Device, Filters
from tests.thingsboard.limits import Limits, Meter
from tests.thingsboard.packets import Connect
from tests.thingsboard.release import LATEST, Release
from tests.thingsboard.session import Session

DAY = 86400.0


class NoAnswer(Exception):
    """The device is away, or does not answer in time."""


@frozen
class ProvisioningProfile:
    """A device profile that makes devices by key and secret; ``strategy`` as REST names it."""

    secret: str
    type: str = "default"
    strategy: str = "ALLOW_CREATE_NEW_DEVICES"


@define(eq=False)
class ThingsBoard(Factory):
    """A server whose behaviour is its attributes, to be changed at any time.

    ``clock`` has the timers, ``wall`` is Unix time in seconds, ``random`` makes ids and
    tokens. ``connect`` reaches it in memory; as a factory it listens on a port.
    """

    clock: IReactorTime
    wall: Callable[[], float]
    random: Random
    release: Release = LATEST
    limits: Limits = Fresh(Limits)
    listening: bool = True
    backend_down: bool = False  # C5
    validation: float = 0.0
    """Seconds between CONNECT and CONNACK, while packets queue (L2)."""
    ip_limits: bool = False  # L12
    certificate: Callable[[Session], bytes | None] = lambda session: None
    """The client's certificate in DER, where TLS ends before this server (A3)."""
    methods: dict[str, Callable[[Any], Any]] = Fresh(dict)
    """The rule chain: what it answers to devices that ask (T5)."""
    profiles: dict[str, ProvisioningProfile] = Fresh(dict)
    """By provisioning key."""
    filters: dict[str, Filters] = Fresh(dict)
    """By device profile: its topics, where it has some of its own (T9)."""
    devices: dict[str, Device] = Fresh(dict)
    sessions: list[Session] = Fresh(list)
    connects: list[Connect] = Fresh(list)
    log: list[str] = Fresh(list)
    """What only the server's own log says (G3, G10)."""
    _pending: dict[tuple[str, int], Deferred[Any]] = Fresh(dict)
    _bad: dict[str, list[float]] = Fresh(dict)

    def buildProtocol(self, addr: Any) -> Session:
        return Session(self, getattr(addr, "host", ""))

    def connect(self, factory: Any) -> Deferred[Any]:
        """An endpoint's ``connect``, in memory."""
        if not self.listening:
            return fail(error.ConnectionRefusedError())
        client, server = factory.buildProtocol(None), self.buildProtocol(None)
        MemoryTransport.join(self.clock, client, server)
        return succeed(client)

    def restart(self) -> None:
        """Every connection breaks, as when the process ends."""
        for session in tuple(self.sessions):
            session.transport.abortConnection()

    @property
    def now(self) -> int:
        """Unix milliseconds."""
        return int(self.wall() * 1000)

    def create(
        self,
        name: str,
        type: str = "default",
        credentials: Credentials | None = None,
        **info: Any,
    ) -> Device:
        """A new device; ``info`` is its additionalInfo, such as ``gateway=True``."""
        assert self.named(name) is None, f"{name} exists"
        id = str(UUID(int=self.random.getrandbits(128), version=4))
        credentials = credentials or Credentials(id=self.token())
        device = Device(id, name, type, credentials, self.now, info=info)
        self.devices[id] = device
        return device

    def token(self) -> str:
        """An access token as the server makes them."""
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
        return "".join(self.random.choices(letters, k=20))

    def named(self, name: str) -> Device | None:
        return next((one for one in self.devices.values() if one.name == name), None)

    def __getitem__(self, name: str) -> Device:
        device = self.named(name)
        assert device is not None, f"no device {name}"
        return device

    def delete(self, device: Device) -> None:
        """C8, G14"""
        del self.devices[device.id]
        if device.link is not None:
            device.link.dismissed()
        if device.gateway is not None:
            self.notify(device.gateway, "gateway_device_deleted", device.name)

    def rename(self, device: Device, name: str) -> None:
        """G14"""
        old, device.name = device.name, name
        device.version += 1
        if device.gateway is not None:
            self.notify(device.gateway, "gateway_device_renamed", {old: name})

    def set_credentials(self, device: Device, credentials: Credentials) -> None:
        """C8"""
        device.credentials = credentials
        if device.link is not None:
            device.link.dismissed()

    def share(self, device: Device, values: Mapping[str, Any]) -> None:
        """Set shared attributes; who carries the device is told (T2, G8)."""
        device.shared.update(values)
        if device.link is not None:
            device.link.shared(values)

    def unshare(self, device: Device, *keys: str) -> None:
        """Remove shared attributes (T2)."""
        for key in keys:
            device.shared.pop(key, None)
        if device.link is not None:
            device.link.shared({"deleted": list(keys)})

    def ask(
        self, device: Device, method: str, params: Any, timeout: float = 10.0, oneway: bool = False
    ) -> Deferred[Any]:
        """RPC to a device: fires with its answer, with None where ``oneway``, or NoAnswer."""
        if device.link is None or not device.link.listens:
            return fail(NoAnswer("the device is away"))
        device.requests += 1
        number = device.requests
        if oneway:
            device.link.ask(number, method, params)
            return succeed(None)
        answer: Deferred[Any] = Deferred()
        self._pending[device.id, number] = answer
        answer.addTimeout(timeout, self.clock, lambda _, __: fail(NoAnswer("no answer in time")))
        answer.addBoth(self._settled, (device.id, number))
        device.link.ask(number, method, params)
        return answer

    def _settled(self, result: Any, key: tuple[str, int]) -> Any:
        self._pending.pop(key, None)
        return result

    def answered(self, device: Device, number: int, data: Any) -> None:
        """A device answered; an answer that nobody waits for is nothing."""
        waiting = self._pending.get((device.id, number))
        if waiting is not None and not waiting.called:
            waiting.callback(data)

    def notify(self, device: Device, method: str, params: Any) -> None:
        """A request that waits a day for a device that is away (G14)."""
        device.waiting.append((self.clock.seconds() + DAY, method, params))
        self.deliver(device)

    def deliver(self, device: Device) -> None:
        """What waited for this device goes to it, if it listens."""
        if device.link is None or not device.link.listens:
            return
        waiting, device.waiting = device.waiting, []
        for until, method, params in waiting:
            if self.clock.seconds() < until:
                device.requests += 1
                device.link.ask(device.requests, method, params)

    def meter(self, kind: str, device: Device) -> Meter:
        return self.limits.meter(kind, device.id, self.clock.seconds)

    def blocked(self, host: str) -> bool:
        """L12"""
        if self.ip_limits:
            recent = [at for at in self._bad.get(host, []) if self.clock.seconds() - at < 60]
            self._bad[host] = recent
            return len(recent) >= 10
        return False

    def bad_credentials(self, host: str) -> None:
        self._bad.setdefault(host, []).append(self.clock.seconds())

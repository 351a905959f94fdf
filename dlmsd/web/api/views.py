"""What REST tells of a meter, in the earlier system's fields and some more."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from dlmsd.config.broker import Broker
from dlmsd.config.values import MeterOptions
from dlmsd.fleet.platform import Platform
from dlmsd.meter.identity import Identity
from dlmsd.model import MeterStatus
from dlmsd.publish.facts import FIRMWARE, SERIAL, told
from dlmsd.store.own import OwnMeter
from dlmsd.web.api.bodies import sink_of
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.operation import Call
from dlmsd.web.problem import RefusedError
from dlmsd.web.status import health
from dlmsd.web.text import clean


@frozen
class MeterView:
    """A meter. Times are ISO 8601 in UTC; no secret is ever in it.

    ``status`` is the operator's word, ``state`` how its conversation stands. ``source`` is
    where it may be changed: ``file`` or ``api``. ``last_error`` is of the last trouble, or
    says why a meter is not read at all. ``serial_number`` is the configured one, else what the
    meter tells under such a name, as ``firmware_version`` is, or when it is asked who it is;
    null where it is not asked. ``clock_drift`` is by how many seconds its clock was ahead when it
    was ``identified``; ``identify`` tells whether it is asked at all.
    """

    id: int
    name: str
    ip_address: str
    port: int
    client_id: int
    server_id: int
    status: str
    last_seen: str | None
    last_error: str | None
    error_count: int
    tb_enabled: bool
    tb_host: str | None
    tb_port: int | None
    tb_token_set: bool
    tb_device_name: str
    model: str
    serial_number: str | None
    clock_drift: float | None
    identified: str | None
    firmware_version: str | None
    created_at: str | None
    updated_at: str | None
    source: str
    profile: str
    transport: str
    framing: str
    logical_device: int
    authentication: str
    interval: float
    identify: bool
    state: str
    health: str
    sinks: tuple[str, ...]


class Views:
    """Makes views. ``forgiven`` is how many failures of a meter are counted no more."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.forgiven: dict[str, int] = {}

    async def some(
        self, after: int, limit: int, status: str | None = None
    ) -> tuple[list[MeterView], bool]:
        """At most ``limit`` meters with an id above ``after``, by id; whether there are more."""
        own, meters = await self._parts.own(), self._parts.meters()
        seen = await self._parts.outbox.last_ts()
        ids = self._parts.registry.ids
        numbers = {
            name: ids.get(name, own[name].id if name in own else 0) for name in {**meters, **own}
        }
        names = [
            name
            for name, number in sorted(numbers.items(), key=lambda one: one[1])
            if number > after and (status is None or _status(meters.get(name)) == status)
        ]
        return [self._view(name, own, meters, seen) for name in names[:limit]], len(names) > limit

    async def one(self, name: str) -> MeterView:
        """One of a name that is known; RefusedError with 404 if it is no more."""
        return (await self.tagged(name))[0]

    async def tagged(self, name: str) -> tuple[MeterView, str]:
        """The same, and the ETag of what can be changed of it."""
        own = await self._parts.own()
        seen = await self._parts.outbox.last_ts()
        meters = self._parts.meters()
        if name not in meters and name not in own:
            raise RefusedError(404, "This meter was removed meanwhile.")
        view = self._view(name, own, meters, seen)
        return view, self.tag(name, own.get(name))

    def tag(self, name: str, own: OwnMeter | None) -> str:
        """Changes with every change of a meter's configuration, and with nothing else."""
        said = repr((self._parts.meters().get(name), own))
        return f'"{hashlib.sha256(said.encode()).hexdigest()[:24]}"'

    def match(self, call: Call, name: str, own: OwnMeter | None) -> None:
        """RefusedError with 412 where a change rests upon what is no more."""
        if call.match is None or call.match.strip() == "*":
            return
        if self.tag(name, own) not in [one.strip() for one in call.match.split(",")]:
            raise RefusedError(412, "This meter has changed meanwhile; read it again.")

    def errors(self, name: str) -> int:
        """Failed cycles since the start, or since they were forgiven."""
        status = self._parts.board.meters.get(name)
        return max(0, (status.failed if status else 0) - self.forgiven.get(name, 0))

    def _view(
        self,
        name: str,
        own: Mapping[str, OwnMeter],
        meters: Mapping[str, MeterOptions],
        seen: Mapping[str, int],
    ) -> MeterView:
        parts, options, added = self._parts, meters.get(name), own.get(name)
        if options is None:
            assert added is not None
            options = _unread(added)
        status = parts.board.meters.get(name)
        identity = parts.board.identities.get(name, Identity(name))
        sink = sink_of(parts.reload.configuration.sinks, options.sinks)
        platform = Platform.of(added) if added else Platform()
        broker = Broker.parse(sink.url) if sink else None
        born = parts.registry.born.get(name, added.created_at if added else None)
        return MeterView(
            id=parts.registry.ids.get(name, added.id if added else 0),
            name=name,
            ip_address=options.host,
            port=options.port,
            client_id=options.client,
            server_id=options.physical_device,
            status=options.status,
            last_seen=iso(seen.get(name)),
            last_error=_trouble(status, self._refused(name)),
            error_count=self.errors(name),
            tb_enabled=sink is not None,
            tb_host=broker.host if broker else platform.host,
            tb_port=broker.port if broker else platform.port,
            tb_token_set=options.token is not None,
            tb_device_name=options.device_name,
            model=options.profile,
            serial_number=options.serial_number or _told(status, SERIAL) or _serial(identity),
            clock_drift=None if identity.ahead is None else round(identity.ahead, 1),
            identified=iso(identity.ts or None),
            firmware_version=_told(status, FIRMWARE),
            created_at=iso(added.created_at if added else born),
            updated_at=iso(added.updated_at if added else born),
            source="api" if added and not parts.desk.file_has(name) else "file",
            profile=options.profile,
            transport=options.transport,
            framing=options.framing,
            logical_device=options.logical_device,
            authentication=options.authentication,
            interval=options.interval,
            identify=options.identify,
            state=status.state.value if status else "unknown",
            health=health(status) if status else "unknown",
            sinks=options.sinks,
        )

    def _refused(self, name: str) -> str:
        told = self._parts.board.reload
        return told.refused.get(name, "") if told else ""


def _told(status: MeterStatus | None, names: Sequence[str]) -> str | None:
    text = None if status is None else told(status, names)
    return None if text is None else clean(text)


def _serial(identity: Identity) -> str | None:
    return clean(identity.serial) or None


def _status(options: MeterOptions | None) -> str:
    return options.status if options else "inactive"


def _trouble(status: MeterStatus | None, refused: str) -> str | None:
    said = refused or (status.error if status else "")
    return clean(said) or None


def _unread(own: OwnMeter) -> MeterOptions:
    """What is known of a meter that cannot be read as it is kept."""
    known = dict(own.options)
    text: dict[str, Any] = {
        key: str(known.get(key) or "") for key in ("host", "profile", "device_name")
    }
    numbers: dict[str, Any] = {
        key: known[key]
        for key in ("port", "client", "physical_device", "logical_device")
        if isinstance(known.get(key), int)
    }
    return MeterOptions(name=own.name, read=(), status="inactive", **text, **numbers)

"""What the operations work with; the composition root gives it to all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from attrs import frozen

from dlmsd.config.credentials import DeviceCredentials
from dlmsd.config.values import Configuration, MeterOptions, SinkOptions, WebOptions
from dlmsd.dlms.association import Witness
from dlmsd.fleet.board import Board
from dlmsd.fleet.desk import Desk
from dlmsd.fleet.reload import Reload
from dlmsd.meter.conversation import Trace
from dlmsd.meter.security import CounterStore
from dlmsd.model import Reading, ReceiverStatus, ReloadStatus
from dlmsd.publish.connection import Connect, Connection
from dlmsd.store.counters import Account
from dlmsd.store.gaps import Gaps
from dlmsd.store.metrics import Figures
from dlmsd.store.own import OwnMeter
from dlmsd.store.registry import Registry
from dlmsd.tokens import Tokens
from dlmsd.watch.finding import Finding
from dlmsd.watch.language import Language
from dlmsd.web.operation import Call
from dlmsd.web.problem import RefusedError
from dlmsd.web.status import StatusDocument

T = TypeVar("T")

LANGUAGE: Final = "Left out: by Accept-Language, else [daemon] language"


class Orders(Protocol):
    """What may be asked of the running daemon; see :class:`dlmsd.orders.Orders`."""

    @property
    def reload(self) -> Callable[[str], Awaitable[ReloadStatus]]: ...
    def read_now(self, meter: str) -> Awaitable[Reading]: ...
    def reconnect(self, meter: str) -> Awaitable[None]: ...
    def accept(self, meter: str, who: str) -> Awaitable[None]: ...
    def aside(self, meter: str, work: Callable[[], Awaitable[T]]) -> Awaitable[T]: ...
    def show(self, meter: str, trace: Trace, witness: Witness) -> Awaitable[None]: ...


class Outbox(Protocol):
    """What the outbox tells and keeps; see :class:`dlmsd.store.outbox.Outbox`."""

    gaps: Gaps

    @property
    def invocation_counters(self) -> CounterStore: ...
    async def accounts(self) -> Mapping[tuple[str, str], Account]: ...
    async def last_ts(self) -> dict[str, int]: ...
    async def sampled(self, meter: str, since: int, until: int, points: int) -> list[Reading]: ...
    async def history(self, meter: str, since: int, until: int, limit: int) -> list[Reading]: ...


class Machine(Protocol):
    """What all of this runs on; see :class:`dlmsd.machine.Machine`."""

    @property
    def reactor(self) -> Any: ...
    @property
    def wall(self) -> Callable[[], float]: ...
    @property
    def draw(self) -> Callable[[int], bytes]: ...
    @property
    def reach(self) -> Callable[[SinkOptions], Connect]: ...


class Watch(Protocol):
    """What it knows; see :class:`dlmsd.watch.watch.Watch`."""

    @property
    def findings(self) -> Sequence[Finding]: ...
    def receivers(self) -> tuple[ReceiverStatus, ...]: ...


class Sinks(Protocol):
    """What they tell of their connections; see :class:`dlmsd.publish.sinks.Sinks`."""

    def device(self, url: str, credentials: DeviceCredentials) -> Connection | None: ...


@frozen
class Parts:
    """``version`` is dlmsd's, ``started`` the configuration with which it was started.

    ``unwritten`` are figures of the minute that has not ended, by meter, and ``begun`` is when it
    began (Unix ms); ``tokens`` open page and REST.
    """

    board: Board
    document: StatusDocument
    registry: Registry
    reload: Reload
    desk: Desk
    orders: Orders
    outbox: Outbox
    sinks: Sinks
    unwritten: Callable[[], Mapping[str, Figures]]
    begun: Callable[[], int]
    watch: Watch
    started: Configuration
    machine: Machine
    version: str
    tokens: Tokens

    @property
    def web(self) -> WebOptions:
        """``[web]``, as at the start."""
        return self.started.web

    @property
    def state_dir(self) -> Path:
        """Where dlmsd keeps what survives it."""
        return self.started.daemon.state_dir

    @property
    def reactor(self) -> Any:
        """Network and timers."""
        return self.machine.reactor

    def findings(self) -> Sequence[Finding]:
        """Those of the watch's last look."""
        return self.watch.findings

    def language(self, call: Call) -> Language:
        """The reader's, by the query, by Accept-Language, else the daemon's."""
        asked = getattr(call.query, "language", None)
        return Language.of(asked or call.language or self.started.daemon.language)

    def wall(self) -> float:
        """Unix seconds."""
        return self.machine.wall()

    def now(self) -> int:
        """Unix ms."""
        return int(self.wall() * 1000)

    def meters(self) -> dict[str, MeterOptions]:
        """All that are in force, by name."""
        return {one.name: one for one in self.reload.configuration.meters}

    async def own(self) -> dict[str, OwnMeter]:
        """Those that were added by API, read or not."""
        return {one.name: one for one in await self.registry.meters()}

    async def name_of(self, number: int) -> str:
        """The meter of an id that is configured or was added; RefusedError with 404."""
        for name, known in self.registry.ids.items():
            if known == number:
                return name
        for one in (await self.own()).values():
            if one.id == number:
                return one.name
        raise RefusedError(404, "There is no such meter.")


def iso(ts: int | None) -> str | None:
    """A time of Unix ms in ISO 8601, UTC, to the millisecond."""
    if ts is None:
        return None
    moment = datetime.fromtimestamp(ts / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""One meter's running: start, stop, begin anew, read now, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from dlmsd.errors import DlmsdError
from dlmsd.model import MeterStatus
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.api.views import Views
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import RefusedError, refusal_of
from dlmsd.web.status import health, percent, plain

_TAG: Final = "meters"


@frozen
class MeterStanding:
    """How a meter stands: ``status`` is the operator's word, ``success_rate`` in percent."""

    meter_id: int
    name: str
    status: str
    state: str
    health: str
    last_seen: str | None
    last_error: str | None
    error_count: int
    success_rate: float | None
    good: int
    failed: int
    next_attempt: str | None


@frozen
class ReadingNow:
    """A reading that has just been taken and stored; ``ts`` is Unix ms."""

    meter_id: int
    meter: str
    ts: int
    timestamp: str
    values: Mapping[str, Any]
    units: Mapping[str, str]


class Control:
    """The operations under /api/meters/{id} that change nothing of its configuration."""

    def __init__(self, parts: Parts, views: Views) -> None:
        self._parts = parts
        self._views = views

    def operations(self) -> list[Operation]:
        standing = Answer("How the meter stands now", MeterStanding)
        order: dict[str, Any] = {"method": "POST", "tag": _TAG, "need": "change"}
        return [
            Operation(
                method="GET",
                path="/api/meters/{id}/status",
                work=self.status,
                summary="How a meter stands",
                tag=_TAG,
                answers={200: standing},
                refuses=(404,),
            ),
            Operation(
                path="/api/meters/{id}/start",
                work=self.start,
                summary="Read a meter from now on (status active)",
                answers={200: standing},
                refuses=(404, 409),
                **order,
            ),
            Operation(
                path="/api/meters/{id}/stop",
                work=self.stop,
                summary="Read a meter no more (status inactive)",
                answers={200: standing},
                refuses=(404, 409),
                **order,
            ),
            Operation(
                path="/api/meters/{id}/restart",
                work=self.restart,
                summary="Close a meter's connection and open it anew",
                answers={200: standing},
                refuses=(404, 409),
                **order,
            ),
            Operation(
                path="/api/meters/{id}/accept",
                work=self.accept,
                summary="Accept another meter, which answers at a meter's address, in its place",
                answers={200: standing},
                refuses=(404, 409),
                **order,
            ),
            Operation(
                path="/api/meters/{id}/read-now",
                work=self.read_now,
                summary="Read a meter at once, and wait for it",
                answers={200: Answer("The reading, stored", ReadingNow)},
                refuses=(404, 409, 424),
                **order,
            ),
        ]

    async def status(self, call: Call) -> Reply:
        return await self._standing(await self._parts.name_of(call.path["id"]))

    async def start(self, call: Call) -> Reply:
        name = await self._parts.name_of(call.path["id"])
        await self._parts.desk.override(name, call.who.name, status="active")
        return await self._standing(name)

    async def stop(self, call: Call) -> Reply:
        name = await self._parts.name_of(call.path["id"])
        await self._parts.desk.override(name, call.who.name, status="inactive")
        return await self._standing(name)

    async def restart(self, call: Call) -> Reply:
        name = await self._active(call)
        await self._parts.orders.reconnect(name)
        await self._parts.registry.audit.add(call.who.name, "meter restarted", name)
        return await self._standing(name)

    async def accept(self, call: Call) -> Reply:
        name = await self._parts.name_of(call.path["id"])
        await self._parts.orders.accept(name, call.who.name)
        return await self._standing(name)

    async def read_now(self, call: Call) -> Reply:
        name = await self._active(call)
        try:
            reading = await self._parts.orders.read_now(name)
        except DlmsdError as error:
            # What ends here is mostly the meter's doing, whoever tells of it.
            refusal = refusal_of(error)
            raise RefusedError(
                424 if refusal.status == 409 else refusal.status, refusal.detail
            ) from None
        await self._parts.registry.audit.add(call.who.name, "meter read", name)
        status = self._parts.board.meters.get(name)
        timestamp = iso(reading.ts) or ""
        values = {key: plain(value) for key, value in reading.values.items()}
        units = dict(status.units) if status else {}
        return Reply(ReadingNow(call.path["id"], name, reading.ts, timestamp, values, units))

    async def _active(self, call: Call) -> str:
        name = await self._parts.name_of(call.path["id"])
        options = self._parts.desk.options(name)
        if options is None or options.status != "active" or options.transport == "push":
            raise RefusedError(409, "This meter is not asked by dlmsd: start it first.")
        return name

    async def _standing(self, name: str) -> Reply:
        view = await self._views.one(name)
        status: MeterStatus | None = self._parts.board.meters.get(name)
        recent = status.recent if status else None
        return Reply(
            MeterStanding(
                view.id,
                name,
                view.status,
                view.state,
                health(status) if status else "unknown",
                view.last_seen,
                view.last_error,
                view.error_count,
                None if recent is None else percent(recent),
                status.good if status else 0,
                status.failed if status else 0,
                iso(status.next_attempt_ts) if status else None,
            )
        )

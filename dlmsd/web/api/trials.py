"""Meters on trial: read once before they are kept, and one cycle frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from attrs import frozen
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredSemaphore

from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError
from dlmsd.meter.cycle import Cycle
from dlmsd.meter.installation import Installation
from dlmsd.meter.security import secured
from dlmsd.meter.visit import Visit
from dlmsd.store.own import OwnMeter
from dlmsd.web import kinds
from dlmsd.web.api.bodies import NewMeter
from dlmsd.web.api.frames import Frames, Passed
from dlmsd.web.api.meters import carried_out
from dlmsd.web.api.parts import Parts
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import RefusedError, refusal_of
from dlmsd.web.shape import object_of
from dlmsd.web.status import plain
from dlmsd.web.text import clean

_TAG: Final = "meters"
# Who looks at a form waits no longer; a meter that needs more tells so by its first frames.
PATIENCE: Final = 30.0
# Each is a connection; a form makes one at a time.
AT_ONCE: Final = 4
_ASKED: Final = ("tcp", "udp")


@frozen
class TrialQuery:
    id: int | None = said(
        kinds.ID, None, says="The meter that it would replace: what is secret is taken from it"
    )


@frozen
class Trial:
    """What a meter answered: ``values`` with ``units``, for what is missing the reason in
    ``absent``; or the ``error`` and the ``advice``. ``also`` are meters at the same address that
    were not read meanwhile: most serve one client."""

    ok: bool
    seconds: float
    values: Mapping[str, Any]
    units: Mapping[str, str]
    absent: Mapping[str, str]
    error: str
    advice: str
    also: tuple[str, ...]
    frames: tuple[Passed, ...]


@frozen
class MeterTrace:
    """One cycle frame by frame, on the connection that stands; then ``error``, if it failed."""

    meter_id: int
    error: str
    frames: tuple[Passed, ...]


class Trials:
    """The operations that read a meter only to see how it answers."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._turns = DeferredSemaphore(AT_ONCE)
        self._running: set[Deferred[Any]] = set()

    def stop(self) -> None:
        """Leave every meter that is on trial."""
        for one in tuple(self._running):
            one.cancel()

    def operations(self) -> list[Operation]:
        order: dict[str, Any] = {"method": "POST", "tag": _TAG, "need": "change"}
        return [
            Operation(
                path="/api/meters/test",
                work=self.test,
                summary="Read a meter once as it would be added, and keep nothing",
                query=TrialQuery,
                body=object_of(NewMeter),
                answers={200: Answer("What it answered, or why it did not", Trial)},
                refuses=(401, 404, 409, 413, 415, 422),
                **order,
            ),
            Operation(
                path="/api/meters/{id}/trace",
                work=self.trace,
                summary="Read a meter once, and show each frame with its meaning",
                answers={200: Answer("The frames", MeterTrace)},
                refuses=(404, 409),
                **order,
            ),
        ]

    async def test(self, call: Call) -> Reply:
        body: NewMeter = call.body
        instead, before = await self._before(call.query.id)
        profile = self._parts.reload.configuration.profiles.get(body.profile_name)
        meter = body.made(tuple(profile.read) if profile else (), before)
        options = await carried_out(
            self._parts.desk.tried(meter, instead, before, trusted=call.who.known)
        )
        if options.transport not in _ASKED:
            raise RefusedError(409, "Only meters that are reached over a network can be tested.")
        await self._parts.registry.audit.add(call.who.name, "meter tested", meter.name)
        await self._turns.acquire()
        try:
            others = self._others(options)
            if not others:
                return Reply(await self._visit(options, ()))
            work = partial(self._visit, options, others)
            return Reply(await self._parts.orders.aside(others[0], work))
        except DlmsdError as error:
            raise RefusedError(409, refusal_of(error).detail) from None
        finally:
            self._turns.release()

    async def trace(self, call: Call) -> Reply:
        number = call.path["id"]
        name = await self._parts.name_of(number)
        frames, error = Frames(self._parts.reactor.seconds), ""
        try:
            await self._parts.orders.show(name, frames.frame, frames.apdu)
        except DlmsdError as failure:
            if not frames.passed:
                raise RefusedError(409, refusal_of(failure).detail) from None
            error = clean(str(failure))
        await self._parts.registry.audit.add(call.who.name, "meter traced", name)
        return Reply(MeterTrace(number, error, tuple(frames.passed)))

    async def _before(self, number: int | None) -> tuple[str, OwnMeter | None]:
        """The name of a meter that is edited, and what was added of it."""
        if number is None:
            return "", None
        name = await self._parts.name_of(number)
        return name, (await self._parts.own()).get(name)

    async def _visit(self, options: MeterOptions, others: tuple[str, ...]) -> Trial:
        reactor = self._parts.reactor
        frames, began = Frames(reactor.seconds), reactor.seconds()
        told: dict[str, Any] = {"values": {}, "units": {}, "absent": {}, "error": "", "advice": ""}
        reading: Deferred[Any] = Deferred.fromCoroutine(self._read(options, frames))
        self._running.add(reading)
        try:
            told |= await reading.addTimeout(PATIENCE, reactor)
        except DlmsdError as error:
            told |= {"error": clean(str(error)), "advice": error.advice}
        except defer.TimeoutError:
            told["error"] = f"not done within {PATIENCE:.0f} s"
        except defer.CancelledError:
            told["error"] = "dlmsd stops"
        finally:
            self._running.discard(reading)
        return Trial(
            ok=bool(told["values"]),
            seconds=round(reactor.seconds() - began, 3),
            also=others[:5],
            frames=tuple(frames.passed),
            **told,
        )

    async def _read(self, options: MeterOptions, frames: Frames) -> dict[str, Any]:
        parts = self._parts
        security = secured(options, parts.outbox.invocation_counters, parts.machine.draw)
        visit = Visit(options, parts.reactor, frames.frame, security, witness=frames.apdu)
        async with visit as session:
            place = Installation.of(options)
            cycle = Cycle(options.read, session, 0.0, lambda key, reason: None, place)
            values = await cycle.run(options.read, parts.reactor.seconds())
        return {
            "values": {key: plain(value) for key, value in values.items()},
            "units": dict(cycle.units),
            "absent": {key: clean(reason) for key, reason in cycle.absent.items()},
        }

    def _others(self, options: MeterOptions) -> tuple[str, ...]:
        """Who is read on the same line."""
        return tuple(
            one.name
            for one in self._parts.meters().values()
            if one.line == options.line and one.status == "active"
        )

"""Keeps each end of a connection, of meters and of sinks, from what is told of them.

What is told costs some additions; the file is written at most once a second. What lasted when
dlmsd ended lasts until the connection stands again in its next life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.errors import DlmsdError
from dlmsd.fleet.board import Board, Status
from dlmsd.model import CloseCause, Gone, Link, MeterState, MeterStatus
from dlmsd.standing import Breaker
from dlmsd.store.disconnects import Disconnect
from dlmsd.store.registry import Registry

WRITE_SECONDS: Final = 1.0
# While the file cannot be written; then the oldest go.
MOST: Final = 10_000

Key = tuple[str, str]
"""A sink, "" for none, and a meter, "" for all."""


@define
class _Away:
    """One that has ended; ``row`` has no meter's id yet."""

    key: Key
    row: Disconnect


class Logbook:
    """From ``start`` to ``stop``. ``wall`` gives Unix seconds."""

    _log = Logger()

    def __init__(
        self, board: Board, registry: Registry, *, clock: IReactorTime, wall: Callable[[], float]
    ) -> None:
        self._board = board
        self._registry = registry
        self._clock = clock
        self._wall = wall
        self._since: dict[Key, float] = {}
        self._away: dict[Key, _Away] = {}
        self._unwritten: dict[tuple[Key, int], _Away] = {}
        self._timer: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None
        self._failing = False
        self._forget: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Listen to the board; what lasts still is known from the file."""
        names = {number: name for name, number in self._registry.ids.items()}
        for row in await self._registry.disconnects.standing():
            key = row.sink, names.get(row.meter, "")
            if row.sink or key[1]:
                self._away[key] = _Away(key, row)
        self._forget = self._board.subscribe(self._posted)

    async def stop(self) -> None:
        """Write what is not written yet."""
        self._forget()
        self._forget = lambda: None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        await self._write()

    def linked(self, link: Link) -> None:
        """What has become of a connection of a sink."""
        key = link.sink, link.meter
        if not link.up:
            self._ended(key, link.cause, link.error, link.evidence)
            return
        known = self._away.get(key)
        if known is not None and link.cause != CloseCause.UNKNOWN.value:
            # That it came back, and how, tells more of why it had ended.
            known.row = evolve(known.row, cause=link.cause, evidence=link.evidence)
        self._stands(key)

    def _posted(self, status: Status) -> None:
        if isinstance(status, Gone):
            wanted = {"meter": 1, "sink": 0}.get(status.kind)
            if wanted is not None:
                for key in {*self._away, *self._since}:
                    if key[wanted] == status.name:
                        self._left(key)
        elif isinstance(status, MeterStatus):
            key = "", status.name
            if status.state is MeterState.READING:
                self._stands(key)
            elif status.state is MeterState.INACTIVE:
                self._left(key)
            elif status.state is MeterState.CONNECTING and status.error:
                self._ended(key, status.cause, status.error, tuple(_evidence(status)))

    def _ended(self, key: Key, cause: str, error: str, evidence: tuple[str, ...]) -> None:
        known = self._away.get(key)
        if known is not None:
            row = evolve(known.row, attempts=known.row.attempts + 1)
            if cause != CloseCause.UNKNOWN.value or row.cause == cause:
                row = evolve(row, cause=cause, evidence=evidence)
            told = row.cause == known.row.cause
            known.row = row
            if not told:  # how many attempts there were can wait for the end
                self._note(known)
            return
        since = self._since.pop(key, None)
        stood = None if since is None else int((self._clock.seconds() - since) * 1000)
        row = Disconnect(key[0], 0, self._now(), cause, error, evidence, stood)
        self._away[key] = _Away(key, row)
        self._note(self._away[key])

    def _stands(self, key: Key) -> None:
        if key not in self._since:
            self._since[key] = self._clock.seconds()
        self._over(key, back=True)

    def _left(self, key: Key) -> None:
        """Nobody wants it any more."""
        self._since.pop(key, None)
        self._over(key, back=False)

    def _over(self, key: Key, *, back: bool) -> None:
        known = self._away.pop(key, None)
        if known is not None:
            # A wall clock that was set back must not make it end before it began.
            known.row = evolve(known.row, over_at=max(self._now(), known.row.at), back=back)
            self._note(known)

    def _now(self) -> int:
        return int(self._wall() * 1000)

    def _note(self, away: _Away) -> None:
        self._unwritten[away.key, away.row.at] = away
        while len(self._unwritten) > MOST:
            del self._unwritten[next(iter(self._unwritten))]
        if self._timer is None:
            self._timer = self._clock.callLater(WRITE_SECONDS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._writing is None:
            writing = self._writing = Deferred.fromCoroutine(self._write())
            writing.addErrback(lambda failure: self._log.failure("The logbook failed", failure))
            writing.addBoth(self._written)

    def _written(self, _: object) -> None:
        self._writing = None
        if self._unwritten and self._timer is None:
            self._timer = self._clock.callLater(WRITE_SECONDS, self._tick)

    async def _write(self) -> None:
        found, self._unwritten = self._unwritten, {}
        if not found:
            return
        try:
            names = {key[1] for key, _ in found} - {""}
            if names - self._registry.ids.keys():
                await self._registry.configured({*self._registry.ids, *names})
            ids = self._registry.ids
            rows = [evolve(one.row, meter=ids.get(one.key[1], 0)) for one in found.values()]
            await self._registry.disconnects.write(rows)
            self._failing = False
        except DlmsdError as error:
            self._unwritten = {**found, **self._unwritten}
            if not self._failing:
                self._failing = True
                self._log.warn(
                    "Ends of connections are not kept: {reason} {advice}",
                    reason=str(error),
                    advice=error.advice,
                )


def _evidence(status: MeterStatus) -> Iterator[str]:
    """What was known of the meter when its connection ended, as sentences."""
    standing = status.standing
    if standing.errors > 1:
        yield f"{standing.errors} failures since the last good reading"
    if standing.losses:
        yield f"{standing.losses} associations lost within an hour"
    if standing.breaker is not Breaker.CLOSED:
        yield f"the circuit breaker is {standing.breaker.value}"
    if status.latency is not None:
        yield f"an answer took {status.latency:.2f} s before"

"""Who is installed under each meter's name: what another one measures is not filed under it.

Whoever answers first is the incumbent. When another serial number answers at its address,
nothing is read there until an operator accepts it, or the incumbent is back: counters of two
meters in one series would be worse than a gap, which the new meter's own load profile fills as
far back as it has been seen there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError, ReplacedError, StoreError
from dlmsd.fleet.board import Board, Status
from dlmsd.meter.identity import Identity, Serial, essence, measured
from dlmsd.model import Gone
from dlmsd.store.serials import Incumbent, Serials

# What a meter tells of itself is no longer than this, or no name.
_LONGEST: Final = 256


class NobodyError(DlmsdError):
    """No other meter answers at this one's address; there is none to accept."""

    culprit = "operator"


class Incumbents:
    """Of meters that may be asked (``identify``). ``wall`` gives Unix seconds."""

    _log = Logger()

    def __init__(self, board: Board, serials: Serials, wall: Callable[[], float]) -> None:
        self._board = board
        self._serials = serials
        self._wall = wall
        self._judged: Mapping[str, str] = {}
        self._known: dict[str, Incumbent] = {}
        self._recalled = True
        self._kept: dict[str, Incumbent] = {}
        board.subscribe(self._posted)

    async def know(self, meters: Iterable[MeterOptions]) -> None:
        """These are judged from now on, the others not; what an earlier life knew is told."""
        self._judged = {one.name: _object(one) for one in meters if one.identify}
        await self._recall()

    def knows(self, name: str) -> bool:
        """Whether there is a serial number to compare with."""
        return name in self._known and name in self._judged

    def since(self, name: str) -> int:
        """From when on a meter's memory is that of the one whose readings we have (Unix ms)."""
        return self._known[name].since if name in self._known else 0

    def obstacle(self, name: str) -> ReplacedError | None:
        """Why nothing is read under this name."""
        one = self._known.get(name)
        if one is None or not one.other or name not in self._judged:
            return None
        return ReplacedError(f"serial number {one.other} answers instead of {one.serial}")

    def meet(self, name: str, told: Serial) -> None:
        """A meter told who it is, if it did. Raises ReplacedError for another one."""
        serial, known = told.text[:_LONGEST], self._known.get(name)
        if essence(serial) and name in self._judged:
            self._met(name, Serial(serial, told.by), known)
        error = self.obstacle(name)
        if error is not None:
            raise error

    def inquired(self, identity: Identity) -> None:
        """It was asked beside its cycles; the board is told of it."""
        name = identity.name
        with suppress(ReplacedError):
            self.meet(name, Serial(identity.serial, identity.told_by))
        if self.obstacle(name) is not None:
            one = self._known[name]
            identity = evolve(identity, serial=identity.serial or one.other, instead=one.serial)
        self._board.post(identity)
        if not self._recalled:
            self._save()

    def replaced(self, name: str) -> Incumbent:
        """The one that another one answers instead of; NobodyError where none does."""
        one = self._known.get(name)
        if one is None or not one.other:
            raise NobodyError(f"no other meter answers instead of {name}")
        return one

    def accept(self, name: str) -> tuple[str, str]:
        """The one that answers is the meter from now on: serial numbers of the old, the new.

        NobodyError where no other one answers.
        """
        one = self.replaced(name)
        self._know(name, Incumbent(one.other, one.told_by, one.other_since))
        self._tell(name, one.other)
        return one.serial, one.other

    def _met(self, name: str, told: Serial, known: Incumbent | None) -> None:
        if known is None:
            self._know(name, Incumbent(told.text, told.by))
        elif known.told_by != told.by:
            # Two names of one meter are not compared; what its readings tell counts. Of one that
            # was kept before it was known which of them it is, either may be.
            if not known.other and (not known.told_by or self._judged[name] == told.by):
                self._know(name, Incumbent(told.text, told.by, known.since))
                self._tell(name, told.text)
        elif essence(told.text) == essence(known.serial):
            if known.other:
                self._know(name, evolve(known, other="", other_since=0))
                self._tell(name, known.serial)
        elif essence(told.text) != essence(known.other):
            now = int(self._wall() * 1000)
            other = evolve(known, told_by=told.by, other=told.text, other_since=now)
            self._know(name, other)
            self._tell(name, told.text)

    def _tell(self, name: str, serial: str) -> None:
        known = self._known[name]
        before = self._board.identities.get(name, Identity(name))
        instead = known.serial if known.other else ""
        now = evolve(before, serial=serial, told_by=known.told_by, instead=instead)
        if now != before:
            self._board.post(now)

    def _know(self, name: str, one: Incumbent) -> None:
        self._known[name] = one
        self._save()

    def _save(self) -> None:
        Deferred.fromCoroutine(self._keep()).addErrback(
            lambda failure: self._log.failure("A serial number was not kept", failure)
        )

    async def _recall(self) -> None:
        """What was kept of those who are judged, also where somebody was met before it could be
        read."""
        try:
            kept = await self._serials.all()
        except StoreError as error:
            self._recalled = False
            self._log.warn("{reason} {advice}", reason=str(error), advice=error.advice)
            return
        self._recalled = True
        for name in kept.keys() & self._judged.keys() - self._kept.keys():
            met = self._known.get(name)
            one = self._known[name] = self._kept[name] = kept[name]
            if one.other:
                self._tell(name, one.other)
            if met is not None:
                self._met(name, Serial(met.serial, met.told_by), one)

    async def _keep(self) -> None:
        """Also what could not be kept before."""
        if not self._recalled:
            await self._recall()
            if not self._recalled:
                return
        news = {name: one for name, one in self._known.items() if self._kept.get(name) != one}
        try:
            await self._serials.put(news)
        except StoreError as error:
            self._log.warn("{reason} {advice}", reason=str(error), advice=error.advice)
        else:
            self._kept.update(news)

    def _posted(self, status: Status) -> None:
        if isinstance(status, Gone) and status.kind == "meter":
            self._known.pop(status.name, None)
            self._kept.pop(status.name, None)


def _object(meter: MeterOptions) -> str:
    """The one of its readings that tells who it is, "" if none does."""
    found = measured(meter)
    return "" if found is None else str(found.attribute.obis)

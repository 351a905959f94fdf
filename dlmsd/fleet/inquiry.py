"""When each meter is asked who it is: seldom, and never in a cycle's time if that can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError
from dlmsd.fleet.board import Board, Status
from dlmsd.fleet.incumbents import Incumbents
from dlmsd.meter.identity import Identity, inquire
from dlmsd.meter.turns import Work
from dlmsd.model import Gone, MeterState, MeterStatus

_DAY: Final = 86_400.0
# After a new connection, which may lead to another meter; one that connects for each cycle is
# not asked in each. A clock that is wrong may be set soon, so it is looked at as often.
_HOUR: Final = 3600.0
# While another meter answers, which may be put right any time.
_STRANGE_SECONDS: Final = 60.0
# A meter that was just reached has readings to give first.
_SETTLE_SECONDS: Final = 60.0


@define
class _Case:
    """One meter: ``since`` is when its connection, the ``connects``-th, first gave a reading;
    ``asked`` when it was last asked, and over which connection. So many seconds it has ``rest``,
    and at ``least``.
    """

    connects: int
    since: float
    asked: float | None = None
    asked_over: int = 0
    rest: float = _DAY
    least: float = _HOUR

    def due(self, status: MeterStatus, now: float) -> bool:
        if status.connects != self.connects:
            self.connects, self.since = status.connects, now
        if now - self.since < _SETTLE_SECONDS > status.interval:
            return False
        if self.asked is None:
            return True
        other = status.connects != self.asked_over
        return now - self.asked >= (self.least if other else self.rest)

    def strange(self, now: float) -> bool:
        """The same, of one that answers instead of the meter."""
        return self.asked is None or now - self.asked >= _STRANGE_SECONDS


class Inquiry:
    """Tells ``incumbents`` of the Identity of each meter that it knows and that is read.

    ``ask`` is the fleet's. Asked once a connection and once a day, between two cycles; a meter
    that does not take it well is left alone for a day, over whatever connection.
    """

    _log = Logger()

    def __init__(
        self,
        board: Board,
        ask: Callable[[str, Work], Deferred[Any]],
        incumbents: Incumbents,
        *,
        wall: Callable[[], float],
        clock: IReactorTime,
    ) -> None:
        self._ask = ask
        self._incumbents = incumbents
        self._wall = wall
        self._clock = clock
        self._options: dict[str, MeterOptions] = {}
        self._cases: dict[str, _Case] = {}
        board.subscribe(self._posted)

    def know(self, meters: Iterable[MeterOptions]) -> None:
        """These are to be asked, unless they are to be left alone."""
        self._options = {one.name: one for one in meters if one.identify}

    def _posted(self, status: Status) -> None:
        if isinstance(status, Gone) and status.kind == "meter":
            self._cases.pop(status.name, None)
        if not isinstance(status, MeterStatus):
            return
        strange = self._incumbents.obstacle(status.name) is not None
        if status.state is not MeterState.READING and not strange:
            return
        options, now = self._options.get(status.name), self._clock.seconds()
        if options is None:
            return
        case = self._cases.get(status.name)
        if case is None:
            case = self._cases[status.name] = _Case(status.connects, now)
        if not (case.strange(now) if strange else case.due(status, now)):
            return
        work = partial(inquire, options, wall=self._wall, clock=self._clock)
        try:
            asked = self._ask(status.name, work)
        except LookupError:
            return  # it is just being left
        case.asked, case.asked_over = now, status.connects
        asked.addCallback(self._told, case)
        asked.addErrback(self._failed, status.name, case)

    def _told(self, identity: Identity, case: _Case) -> None:
        nothing = not identity.serial and identity.ahead is None
        case.least, case.rest = (_DAY if nothing else _HOUR), (_HOUR if identity.wrong else _DAY)
        self._incumbents.inquired(identity)

    def _failed(self, failure: Failure, name: str, case: _Case) -> None:
        case.least = case.rest = _DAY
        if failure.check(DlmsdError) is None:
            self._log.failure("A meter's identity was lost", failure, meter=name)
            return
        self._log.info(
            "{meter}: it was not asked who it is: {reason}",
            meter=name,
            reason=failure.getErrorMessage(),
        )

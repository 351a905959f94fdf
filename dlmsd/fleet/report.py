"""One log line on the whole system, every report interval."""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from dlmsd.fleet.board import Board, Status
from dlmsd.model import MeterState, MeterStatus, SinkState

# More names than this make a line that nobody reads; the page has them all.
_MAX_NAMED = 5


class Report:
    """Says how many cycles were read and delivered, what waits and who is in trouble.

    With ``values`` each reading has a line of its own too, at debug.
    """

    _log = Logger()

    def __init__(
        self, board: Board, clock: IReactorTime, interval: float, *, values: bool = False
    ) -> None:
        self._board = board
        self._tell_values = values
        self._interval = interval
        self._loop = LoopingCall(self._tell)
        self._loop.clock = clock
        self._before = Counter[str]()
        self._forget = lambda: None

    def start(self) -> None:
        """The first line comes after one interval."""
        self._loop.start(self._interval, now=False)
        if self._tell_values:
            self._forget = self._board.subscribe(self._values)

    def stop(self) -> None:
        """No more lines."""
        self._forget()
        if self._loop.running:
            self._loop.stop()

    def _values(self, status: Status) -> None:
        if isinstance(status, MeterStatus) and status.state is MeterState.READING:
            self._log.debug(
                "{meter}: {values}",
                meter=status.name,
                values=status.reading and dict(status.reading.values),
            )

    def _tell(self) -> None:
        try:
            self._line()
        except Exception:  # noqa: BLE001 - the line of the next minute must still come
            self._log.failure("The report line could not be made")

    def _line(self) -> None:
        board = self._board
        totals = Counter(
            good=sum(meter.good for meter in board.meters.values()),
            failed=sum(meter.failed for meter in board.meters.values()),
            delivered=sum(sink.delivered for sink in board.sinks.values()),
        )
        new = {key: totals[key] - self._before[key] for key in totals}
        self._before = totals
        self._log.info(
            "meters: {meters}; cycles: {cycles}, {good} good, {delivered} delivered, "
            "{queued} queued, {quarantined} in quarantine; {alarms}{troubles}",
            meters=len(board.meters),
            cycles=new["good"] + new["failed"],
            good=new["good"],
            delivered=new["delivered"],
            queued=sum(board.outbox.queued.values()),
            quarantined=board.outbox.quarantined,
            alarms=_alarms(board.alarms.count),
            troubles=_troubles(board),
        )


def _alarms(count: int) -> str:
    """How many stand, or nothing."""
    if not count:
        return ""
    return "1 alarm stands; " if count == 1 else f"{count} alarms stand; "


def _troubles(board: Board) -> str:
    down = [name for name, meter in board.meters.items() if meter.error]
    down += [name for name, sink in board.sinks.items() if sink.state is not SinkState.CONNECTED]
    down += [name for name, listener in board.listeners.items() if listener.error]
    if board.outbox.error or board.outbox.alarm:
        down.append("outbox")
    if not down:
        return "no trouble"
    more = len(down) - _MAX_NAMED
    named = ", ".join(down[:_MAX_NAMED])
    return f"trouble: {named}" + (f" and {more} more" if more > 0 else "")

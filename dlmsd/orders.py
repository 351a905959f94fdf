"""What may be asked of the running daemon from outside, through whichever door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from dlmsd.errors import DlmsdError
from dlmsd.fleet.board import Board, Status
from dlmsd.fleet.service import LastTs
from dlmsd.model import MeterStatus, Reading, ReloadStatus
from dlmsd.web.status import StatusDocument, health

# A cycle that waits for a slow line may take as long; who asked has given up by then.
PATIENCE: Final = 60.0


class OrderError(DlmsdError):
    """What was asked cannot be done, for the reason above."""

    culprit = "operator"


class UnknownMeterError(OrderError):
    """No such meter is configured; names are as in the configuration."""


class UnreadError(OrderError):
    """This meter is not asked by dlmsd; only active ones that do not push are."""


class FailedError(OrderError):
    """The meter could not be read now; its row on the page says more."""


class Fleet(Protocol):
    """Who reads the meters; LookupError for one that is not read."""

    def read_now(self, meter: str) -> None:
        """Begin a cycle that reads everything."""

    def reconnect(self, meter: str, last_ts: LastTs) -> Awaitable[None]:
        """Leave the meter's line, and open it anew."""


class Orders:
    """Every method raises OrderError. ``reload`` reads the configuration anew; ``last_ts``
    gives the newest stored timestamp of each meter.
    """

    def __init__(
        self,
        board: Board,
        fleet: Fleet,
        document: StatusDocument,
        reload: Callable[[str], Awaitable[ReloadStatus]],
        last_ts: LastTs,
        clock: IReactorTime,
    ) -> None:
        self._board = board
        self._fleet = fleet
        self._document = document
        self.reload = reload
        self._last_ts = last_ts
        self._clock = clock
        self._waiting: set[Deferred[Reading]] = set()
        self._stopped = False

    def stop(self) -> None:
        """Whoever waits is told, and nobody waits any more."""
        self._stopped = True
        for one in tuple(self._waiting):
            one.errback(FailedError("dlmsd stops"))

    async def read_now(self, meter: str) -> Reading:
        """The reading of a cycle that ends from now on, committed."""
        before = self._known(meter)
        if self._stopped:
            raise FailedError("dlmsd stops")
        ended: Deferred[Reading] = Deferred()

        def look(status: Status) -> None:
            if not isinstance(status, MeterStatus) or status.name != meter or ended.called:
                return
            if status.reading is not None and status.reading is not before.reading:
                ended.callback(status.reading)
            elif status.error and status.error_ts != before.error_ts:
                ended.errback(FailedError(status.error))

        leave = self._board.subscribe(look)
        self._waiting.add(ended)
        try:
            self._fleet.read_now(meter)
            return await ended.addTimeout(PATIENCE, self._clock)
        except LookupError:
            raise UnreadError(f"{meter} is not read") from None
        except defer.TimeoutError:
            raise FailedError(f"no cycle of {meter} ended within {PATIENCE:.0f} s") from None
        finally:
            self._waiting.discard(ended)
            leave()

    async def reconnect(self, meter: str) -> None:
        """When the old connection is closed and the new one is begun."""
        self._known(meter)
        try:
            await self._fleet.reconnect(meter, self._last_ts)
        except LookupError:
            raise UnreadError(f"{meter} is not read") from None

    def status(self, meter: str | None = None) -> msgspec.Raw:
        """As /api/status has it: one meter, or everything but the meters, which are counted."""
        board = self._board
        if meter is not None:
            self._known(meter)
            return msgspec.Raw(self._document.batch([meter], [], outbox=False))
        document = msgspec.json.decode(
            self._document.batch([], board.sinks, board.listeners, outbox=True),
            type=dict[str, msgspec.Raw],
        )
        found = Counter(health(one) for one in board.meters.values())
        document["meters"] = msgspec.Raw(msgspec.json.encode(dict(found)))
        return msgspec.Raw(msgspec.json.encode(document))

    def _known(self, meter: str) -> MeterStatus:
        status = self._board.meters.get(meter)
        if status is None:
            raise UnknownMeterError("no such meter")
        return status

"""What sinks lost of meters that nobody polls is owed to them again, from the outbox.

A meter that is polled has its own keeper of gaps (:mod:`dlmsd.meter.gaps`), which may ask it, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from dlmsd.config.values import MeterOptions
from dlmsd.errors import StoreError
from dlmsd.model import Gap, GapCause

# A look is one query, and what was lost has waited for longer.
LOOK_SECONDS: Final = 60.0


class Book(Protocol):
    """See :class:`dlmsd.store.gaps.Gaps`."""

    async def since(self, ts: int, meter: str | None = None) -> list[Gap]: ...
    def pressed(self) -> bool: ...

    @property
    def restore(self) -> Callable[[int], Awaitable[bool | None]]: ...


class Creditor:
    """From ``start`` to ``stop``; ``meters`` are those of the configuration that is in force."""

    _log = Logger()

    def __init__(
        self, book: Book, meters: Callable[[], Sequence[MeterOptions]], clock: IReactorTime
    ) -> None:
        self._book = book
        self._meters = meters
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def start(self) -> None:
        """The first look comes after a minute, when sinks may have taken something."""
        self._loop.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """No more looks; what is under way ends with the outbox."""
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> Deferred[None]:
        looked = Deferred.fromCoroutine(self._restore())
        return looked.addErrback(lambda failure: self._log.failure("A look failed", failure))

    async def _restore(self) -> None:
        owed = {
            (meter.name, sink)
            for meter in self._meters()
            if meter.transport == "push" or meter.status == "inactive"
            for sink in meter.sinks
        }
        if not owed or self._book.pressed():
            return
        try:
            for gap in await self._book.since(0):
                lost = gap.cause is GapCause.OUTBOX_FULL and gap.filled_at is None
                if lost and (gap.meter, gap.sink) in owed:
                    await self._book.restore(gap.id)
        except StoreError as error:  # of which the outbox's own status tells
            self._log.warn("Nothing is owed again yet: {reason}", reason=str(error))

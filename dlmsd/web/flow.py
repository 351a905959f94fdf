"""Sends a long body no faster than its reader takes it, so that it never lies in memory.

A reader that takes nothing for ``STALLED`` seconds is dropped: connections are counted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as StalledError
from twisted.internet.interfaces import IPushProducer, IReactorTime
from zope.interface import implementer

STALLED: Final = 60.0


@implementer(IPushProducer)
class _Gate:
    """Open while the transport takes more."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._open = True
        self._gone = False
        self._waiting: Deferred[None] | None = None

    async def passage(self) -> bool:
        """When more may be written; False when nobody reads any more. StalledError."""
        if not self._open and not self._gone:
            self._waiting = waiting = Deferred[None]()
            await waiting.addTimeout(STALLED, self._clock)
        return not self._gone

    def pauseProducing(self) -> None:
        self._open = False

    def resumeProducing(self) -> None:
        self._open = True
        self._go_on()

    def stopProducing(self) -> None:
        self._gone = True
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            if not waiting.called:
                waiting.callback(None)


async def flow(request: Any, pieces: AsyncIterator[bytes], clock: IReactorTime) -> None:
    """Write them all, then end the response; ends early with the connection."""
    gate = _Gate(clock)
    request.registerProducer(gate, True)
    try:
        async for piece in pieces:
            if not await gate.passage():
                return
            request.write(piece)
    except StalledError:
        request.transport.abortConnection()
        return
    finally:
        if not request._disconnected:
            request.unregisterProducer()
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
    request.finish()

"""A clock for many timers: the reactor's timer interface, on a heap."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer


@implementer(IReactorTime)
class HeapClock:
    """Time passes only in :meth:`run` and :meth:`advance`; calls of one time keep their order.

    Twisted's own Clock sorts all of its calls at every change, which at a thousand meters is
    most of what a test does.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._number = 0
        self._heap: list[tuple[float, int, DelayedCall]] = []

    def seconds(self) -> float:
        """What reactor.seconds gives."""
        return self._now

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """As IReactorTime has it."""
        assert delay >= 0, f"{delay} seconds from now is in the past"
        call = DelayedCall(
            self._now + delay, callable, args, kw, _cancelled, self._push, self.seconds
        )
        self._push(call)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """Those that are still to be called."""
        return [call for _, _, call in sorted(self._heap)[:] if call.active()]

    def run(self, seconds: float) -> None:
        """Let so much time pass, call by call, so that nothing happens late."""
        end = self._now + seconds
        heap = self._heap
        while heap and heap[0][0] <= end:
            when, _, call = heapq.heappop(heap)
            if not call.active():
                continue
            due = call.getTime()
            if due > when:
                # It was delayed since; nobody has told the heap.
                call.activate_delay()
                self._push(call)
                continue
            self._now = max(self._now, due)
            call.called = 1
            function, args, kw = call.func, call.args, call.kw
            function(*args, **kw)
        self._now = end

    advance = run

    def _push(self, call: Any) -> None:
        self._number += 1
        heapq.heappush(self._heap, (call.getTime(), self._number, call))


def _cancelled(call: object) -> None:
    """It is found out when its time comes."""

"""An outbox on a thread of its own, in a process that runs until it is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from dlmsd.config.values import OutboxOptions
from dlmsd.store.outbox import Outbox
from dlmsd.store.writer import WriterThread


def run_forever(work: Callable[[Outbox], Awaitable[None]]) -> None:
    """Run ``work`` on the outbox of the file that the command line names; not started yet."""
    writer = WriterThread(reactor)
    writer.start()
    outbox = Outbox(
        Path(sys.argv[1]),
        OutboxOptions(),
        writer=writer,
        clock=reactor,
        wall=time.time,
        post=lambda status: None,
    )
    Deferred.fromCoroutine(work(outbox)).addErrback(lambda failure: failure.printTraceback())
    reactor.run()

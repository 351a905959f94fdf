"""An earlier run of the daemon: what it would have kept, written by its own stores."""

from __future__ import annotations

import os
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dlmsd.store.registry import Registry
from tests.store.immediate import ImmediateWriter


class Earlier:
    """The registry of a state folder, by a wall clock that is set: ``at`` is Unix seconds."""

    def __init__(self, state_dir: Path) -> None:
        self.at = time.time()
        writer = ImmediateWriter()
        writer.start()
        self.registry = Registry(
            state_dir / "registry.db", writer=writer, wall=lambda: self.at, draw=os.urandom
        )

    def do(self, *works: Coroutine[Any, Any, Any]) -> None:
        """One after the other, to its end."""
        for work in works:
            ended: list[Any] = []
            Deferred.fromCoroutine(work).addBoth(ended.append)
            (found,) = ended
            if isinstance(found, Failure):
                found.raiseException()


@contextmanager
def earlier(state_dir: Path) -> Iterator[Earlier]:
    """While it is open; a daemon may run on the same folder."""
    one = Earlier(state_dir)
    one.do(one.registry.start())
    try:
        yield one
    finally:
        one.do(one.registry.stop())

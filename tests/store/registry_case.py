"""What the registry's tests share: a file in a fresh folder, and a wall clock."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.secret import Secret
from dlmsd.store.registry import Registry
from tests.store.case import NOW, look
from tests.store.immediate import ImmediateWriter

DAY = 86_400.0


class RegistryCase(SynchronousTestCase):
    """``self.registry`` is open; ``self.now`` is its wall clock, in Unix seconds."""

    key: Secret | None = None

    def setUp(self) -> None:
        self.now = NOW
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "registry.db"
        self.draw = Random(3).randbytes
        self.addCleanup(lambda: self.close())
        self.open()

    def open(self) -> None:
        self.writer = ImmediateWriter()
        self.writer.start()
        self.registry = Registry(
            self.path, writer=self.writer, wall=lambda: self.now, draw=self.draw, key=self.key
        )
        self.done(self.registry.start())
        # Years are written here; that a commit is on disk is shown in test_database.
        hasty = self.registry._file.read(lambda database: database.execute("PRAGMA synchronous=0"))
        self.done(hasty)

    def close(self) -> None:
        self.done(self.registry.stop())
        self.done(self.writer.stop())

    def again(self) -> None:
        """The daemon starts anew."""
        self.close()
        self.open()

    def done(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def refused(self, coroutine: Any, kind: type[Exception]) -> str:
        return str(self.failureResultOf(Deferred.fromCoroutine(coroutine), kind).value)

    def look(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return look(self.path, sql, *arguments)

"""A reload over a real file and registry, whose parts only note what they are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.load import load
from dlmsd.config.origin import Origin
from dlmsd.config.values import Configuration
from dlmsd.fleet.board import Board
from dlmsd.fleet.reload import Reload
from dlmsd.secret import Secret
from dlmsd.store.own import OwnMeter
from dlmsd.store.registry import Registry
from tests.store.immediate import ImmediateWriter

FILE = """
[[sinks]]
name = "local"
kind = "mqtt"
url = "mqtt://localhost"
[[meters]]
name = "a"
host = "10.0.0.1"
profile = "microstar"
[[meters]]
name = "b"
host = "10.0.0.2"
profile = "microstar"
"""
OWN = OwnMeter("c", {"host": "10.0.0.3", "profile": "microstar"}, {"password": Secret("canary")})


class ReloadCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "dlmsd.toml"
        self.path.write_text(FILE)
        self.board = Board()
        self.writer = ImmediateWriter()
        self.writer.start()
        self.registry = Registry(
            self.folder / "registry.db",
            writer=self.writer,
            wall=lambda: 1_800_000_000.0,
            draw=Random(1).randbytes,
        )
        self.clock = Clock()
        self.addCleanup(lambda: self.done(self.registry.stop()))
        self.applied: list[tuple[str, Configuration]] = []
        self.refusals: dict[str, Exception] = {}
        self.reload = Reload(
            load(self.path, environ={}),
            Origin(self.path, {}),
            self.registry,
            (self.part("first"), self.part("second"), self.part("third")),
            writer=self.writer,
            clock=self.clock,
            wall=lambda: 1_800_000_000.0,
            post=self.board.post,
        )

    def done(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def part(self, name: str) -> Callable[[Configuration], Any]:
        async def change(configuration: Configuration) -> None:
            self.applied.append((name, configuration))
            if name in self.refusals:
                raise self.refusals[name]

        return change

    def start(self) -> Configuration:
        found: Configuration = self.done(self.reload.start())
        return found

    def again(self, text: str = FILE) -> Any:
        self.path.write_text(text)
        status = self.done(self.reload.reload("test"))
        self.assertIs(self.board.reload, status)
        return status

    def meters(self) -> dict[str, Any]:
        return {one.name: one for one in self.applied[-1][1].meters}

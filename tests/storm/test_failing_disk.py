"""An outbox that cannot be opened: the daemon stays and says so, and reads once it can be."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import ClientFactory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.store.outbox_file import MOST_PAUSE
from tests.powercut.vfs import MemoryVfs
from tests.storm.run import _wrong
from tests.storm.weather import IO_ERRORS
from tests.storm.world import Size, World, room


class _Visit(Protocol):
    transport: Any

    def __init__(self, path: str, token: str) -> None:
        self._asked = (
            f"GET {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        self.answer = b""

    def connectionMade(self) -> None:
        self.transport.write(self._asked.encode())

    def dataReceived(self, octets: bytes) -> None:
        self.answer += octets


class FailingDiskTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder, remove = room(1)
        self.addCleanup(remove)
        self.token = folder / "state" / "web.token"
        vfs = MemoryVfs()
        vfs.__enter__()
        self.addCleanup(vfs.__exit__)
        self.failing = ""
        self.world = World(1, Size(meters=2, interval=10.0), vfs, folder)
        vfs.refuse = self.refuse
        self.world.build()

    def refuse(self, operation: str, file: str) -> int:
        return IO_ERRORS[operation] if operation == self.failing and "outbox.db" in file else 0

    def ask(self, path: str) -> str:
        factory = ClientFactory()
        factory.noisy = False
        visit = _Visit(path, self.token.read_text().strip())
        factory.buildProtocol = lambda address: visit  # type: ignore[method-assign]
        self.world.network.connectTCP("localhost", 8425, factory)
        self.world.network.run(1.0)
        return visit.answer.decode()

    def ended(self) -> None:
        self.world.leave()
        self.world.end()
        self.assertEqual(self.world.judge.figures.violations, [])

    def test_page_probe_and_alarm_tell_of_it_until_it_opens(self) -> None:
        for failing in IO_ERRORS:
            self.failing = failing
            self.world.start()
            daemon, life = self.world.daemon, self.world.life
            assert daemon is not None and life is not None
            self.world.network.run(30.0)
            self.assertIn("the disk reports an error", daemon.board.outbox.error)
            self.assertIn("the disk reports an error", self.ask("/api/status"))
            self.assertIn("not ready: readings cannot be stored", self.ask("/readyz"))
            self.assertIn("starting or stopping", self.ask("/api/meters"))
            self.assertEqual(daemon.board.alarms.standing, {"critical": 1})
            self.assertIn("outbox-failing", [one.rule for one in daemon.watch.findings])
            self.assertEqual(daemon.board.meters, {})
            self.failing = ""
            self.world.network.run(MOST_PAUSE + 30.0)
            self.assertEqual(_wrong(self.world), [])
            self.assertIn("200 OK", self.ask("/readyz"))
            self.assertFalse(life.gave_up)
            self.world.network.run(200.0)
            self.assertEqual(daemon.board.alarms.standing, {})
            self.world.leave()
        self.world.end()
        self.assertEqual(self.world.judge.figures.violations, [])

    def test_it_stops_meanwhile(self) -> None:
        self.failing = "read"
        self.world.start()
        self.world.network.run(20.0)
        self.ended()

    def test_during_work_it_ends_and_waits_in_its_next_life(self) -> None:
        self.world.start()
        self.world.network.run(60.0)
        assert self.world.life is not None
        self.failing = "sync"
        self.world.network.run(30.0)
        self.assertTrue(self.world.life.gave_up)
        for _ in range(5):  # never again while the disk fails
            self.world.kill()
            self.world.start()
            self.world.network.run(100.0)
            self.assertFalse(self.world.life.gave_up)
        self.failing = ""
        self.world.network.run(MOST_PAUSE + 30.0)
        self.assertEqual(_wrong(self.world), [])
        self.ended()

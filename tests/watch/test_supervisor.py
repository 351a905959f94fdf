"""What is stuck although its own recovery should have acted is started anew; what only waits
is not. And systemd hears that the reactor turns."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.meter.poller import Poller
from dlmsd.publish.courier import Courier
from dlmsd.watch.systemd import SignOfLife, Systemd
from tests.watch.town import TownCase


class SupervisorTests(TownCase):
    def rebuilt(self) -> dict[tuple[str, str], int]:
        known = self.town.watch.history.host.rebuilt
        return {key: times for key, (_, times) in known.items()}

    def hang(self, meter: str) -> None:
        """Its next cycle waits for what never comes."""
        slot = Poller._slot
        hung: list[Poller] = []

        async def wait(poller: Any) -> bool:
            if poller._options.name == meter and poller in (hung or [poller]):
                hung.append(poller)
                await Deferred()
            return await slot(poller)

        self.patch(Poller, "_slot", wait)

    def test_a_meter_that_hangs(self) -> None:
        town = self.town
        assert town.daemon is not None
        self.hang(town.meter)
        board = town.daemon.board
        before = board.meters[town.meter].good
        town.run(590)
        self.assertEqual(self.rebuilt(), {})
        town.run(60)
        self.assertEqual(self.rebuilt(), {("meter", town.meter): 1})
        self.assertIn("meter-rebuilt", town.alarms())
        status = board.meters[town.meter]
        self.assertGreater(status.good, 2)
        town.run(1200)
        self.assertEqual(self.rebuilt(), {("meter", town.meter): 1})
        self.assertGreater(board.meters[town.meter].good, before)
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_a_sink_that_hangs(self) -> None:
        town = self.town
        stuck: list[Courier] = []
        offer = Courier.offer

        def deaf(courier: Any, delivery: Any) -> None:
            if courier in (stuck or [courier]):
                stuck.append(courier)
            else:
                offer(courier, delivery)

        self.patch(Courier, "offer", deaf)
        town.run(660)
        self.assertEqual(self.rebuilt(), {("sink", "broker"): 1})
        assert town.daemon is not None
        self.assertLess(sum(town.daemon.board.outbox.queued.values()), 10)
        town.run(700)
        self.assertEqual(self.rebuilt(), {("sink", "broker"): 1})

    def test_who_only_waits_is_left_alone(self) -> None:
        town = self.town
        town.network.silent.add(town.port())
        town.broker.listening = False
        town.broker.drop()
        for pipe in list(town.network.connections):
            if pipe.open:
                pipe.abortConnection()
        town.run(7200)
        self.assertEqual(self.rebuilt(), {})
        town.network.silent.clear()
        town.broker.listening = True
        town.run(120)


class SystemdTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = str(Path(self.mktemp()).absolute())[:80]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        found = []
        try:
            while True:
                found.append(self.socket.recv(100).decode())
        except BlockingIOError:
            return found

    def check(self, address: str) -> None:
        clock = Clock()
        environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "7"}
        life = SignOfLife(Systemd.of(environ, 7), clock)
        life.start()
        life.ready()
        clock.pump([5] * 5)
        life.stopping()
        life.stop()
        clock.advance(100)
        self.assertEqual(
            self.heard(), ["WATCHDOG=1", "READY=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]
        )

    def test_signs_of_life(self) -> None:
        self.socket.bind("\0dlmsd-test-" + self.path[-20:])
        self.check("@dlmsd-test-" + self.path[-20:])

    def test_a_path(self) -> None:
        self.path = f"/tmp/{Path(self.path).parent.parent.name}-{id(self)}"
        self.socket.bind(self.path)
        self.addCleanup(Path(self.path).unlink)
        self.check(self.path)

    def test_nobody_listens_and_nobody_asked(self) -> None:
        clock = Clock()
        other = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "8"}
        nowhere = {"NOTIFY_SOCKET": "/nowhere"}
        for environ in ({}, nowhere, {"WATCHDOG_USEC": "1000"}, other):
            life = SignOfLife(Systemd.of(environ, 7), clock)
            life.start()
            life.ready()
            self.assertEqual(clock.getDelayedCalls(), [])
            life.stop()

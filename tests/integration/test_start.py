"""A start with a full outbox, and what the registry knows after a stop."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.start import fill, measure, newest
from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.processes import DaemonProcess, Meters, wait_until

SINK = """
[[sinks]]
name = "tb"
kind = "mqtt"
url = "mqtt://127.0.0.1:{port}"
"""


class StartTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.meters = Meters(self.folder, 2)
        self.addCleanup(self.meters.stop)

    def daemon(self, broker: int) -> DaemonProcess:
        text = SINK.format(port=broker) + self.meters.configuration(0.5)
        daemon = DaemonProcess(self.folder / "daemon", text, port=free_port())
        self.addCleanup(daemon.kill)
        return daemon

    def test_it_reads_while_much_waits(self) -> None:
        daemon = self.daemon(free_port())
        path = daemon.folder / "state" / "outbox.db"
        path.parent.mkdir()
        fill(path, 50_000)
        self.assertEqual(newest(path), 50_000)
        seconds, busy = measure(daemon.config, path)
        print(f"50,000 wait: {seconds:.2f} s to the first reading, {busy:.2f} s of CPU")
        self.assertLess(busy, 5)

    def test_metrics_of_real_meters(self) -> None:
        broker = Mosquitto(self.folder / "broker")
        broker.start()
        self.addCleanup(broker.stop)
        daemon = self.daemon(broker.port)
        daemon.start()
        wait_until(lambda: all(one["good"] > 3 for one in daemon.status()["meters"]), "readings")
        wait_until(lambda: daemon.status()["outbox"]["delivered"] > 4, "deliveries")
        daemon.stop()
        with closing(sqlite3.connect(daemon.folder / "state" / "registry.db")) as registry:
            rows = registry.execute(
                "SELECT name, sum(good), sum(delivered), sum(dlms_requests), sum(dlms_octets_in), "
                "sum(mqtt_messages), sum(mqtt_octets), min(least_ms), sum(connects) FROM metrics "
                "JOIN meters ON meters.id = meter WHERE span = 60000 GROUP BY name"
            ).fetchall()
        self.assertEqual([row[0] for row in rows], ["virtual-001", "virtual-002"])
        for _, good, delivered, requests, octets, messages, published, least, connects in rows:
            self.assertGreater(good, 3)
            self.assertGreaterEqual(requests, good)
            self.assertGreater(octets, 50 * good)
            self.assertGreaterEqual(messages, delivered)
            self.assertGreater(published, 100 * messages)
            self.assertGreater(least, 0)
            self.assertEqual(connects, 1)

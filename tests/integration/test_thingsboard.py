"""The whole way to ThingsBoard: virtual meters, ``twistd dlmsd``, and the stand-in."""

from __future__ import annotations

import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import free_port
from tests.integration.processes import DaemonProcess, Meters, wait_until
from tests.integration.subscriber import Subscriber
from tests.integration.thingsboard import ThingsBoardProcess

SINK = """
[[sinks]]
name = "{name}"
kind = "{kind}"
url = "mqtt://127.0.0.1:{port}"
"""
TOKEN = 'token = "{}"\n'


class WholeWayCase(SynchronousTestCase):
    """Three meters, and the sinks of a test."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def begin(self, *options: str) -> None:
        """The server with ``options``, and the meters."""
        self.server = ThingsBoardProcess(*options)
        self.addCleanup(self.server.stop)
        self.meters = Meters(self.folder, 3)
        self.addCleanup(self.meters.stop)
        self.names = [one["name"] for one in self.meters.endpoints]

    def sink(self, kind: str, token: str = "") -> str:
        name = token or "tb"
        text = SINK.format(name=name, kind=kind, port=self.server.port)
        return text + (TOKEN.format(token) if token else "")

    def read(self, configuration: str) -> None:
        """Start the daemon."""
        self.daemon = DaemonProcess(self.folder / "daemon", configuration, port=free_port())
        self.addCleanup(self.daemon.kill)
        self.daemon.start()

    def arrived(self, name: str) -> list[dict[str, Decimal]]:
        """The values of one device, record by record, in order."""
        records: dict[int, dict[str, Decimal]] = defaultdict(dict)
        for key, series in self.server.series(name).items():
            for ts, value in series.items():
                records[ts][key] = Decimal(str(value))
        return [records[ts] for ts in sorted(records)]

    def compare(self) -> None:
        """Every cycle is there exactly that a meter answered until now."""
        cycles = self.meters.cycles(time.time())
        self.assertEqual(set(cycles), set(self.names))
        for name, answered in cycles.items():
            expected = [values for _, values in answered]
            wait_until(lambda n=name, e=expected: len(self.arrived(n)) >= len(e), name)
            self.assertEqual(self.arrived(name)[: len(expected)], expected)

    def error(self, sink: str = "tb") -> str:
        """What is wrong with a sink."""
        return str(self.told(sink)["error"])

    def told(self, sink: str) -> dict[str, Any]:
        """What the page has of a sink."""
        sinks: dict[str, Any] = {one["name"]: one for one in self.daemon.status()["sinks"]}
        return dict(sinks[sink])


class WholeWay(WholeWayCase):
    def whole_way(self, sink: str, token: str) -> None:
        """Exact values, then another client with this token."""
        wait_until(lambda: all(self.arrived(name) for name in self.names), "all meters arrive")
        time.sleep(2)
        self.compare()
        other = Subscriber(self.server.port, "v1/devices/me/attributes", username=token)
        self.addCleanup(other.close)
        wait_until(lambda: "session taken over" in self.error(sink), "the takeover is seen")

    def test_a_gateway(self) -> None:
        self.begin()
        self.read(self.sink("thingsboard-gateway", "gw") + self.meters.configuration(1.0))
        self.whole_way("gw", "gw")
        device = self.server.device(self.names[0])
        assert device is not None
        self.assertEqual(device["type"], "microstar")

    def test_a_device_for_each_meter(self) -> None:
        self.begin()
        meters = self.meters.configuration(1.0)
        for name in self.names:
            path = f"/api/device?accessToken=token-{name}"
            self.server.call(path, {"name": name, "type": "DLMS meter"})
            line = f'name = "{name}"\n'
            meters = meters.replace(line, line + TOKEN.format(f"token-{name}"))
        self.read(self.sink("thingsboard") + meters)
        self.whole_way("tb", f"token-{self.names[0]}")

    def test_a_rate_limit(self) -> None:
        """The server tells its limit, and gets no more than that."""
        self.begin("--telemetry-rate=5:60")
        self.read(self.sink("thingsboard-gateway", "gw") + self.meters.configuration(1.0))
        wait_until(lambda: "limit of 5 " in self.told("gw")["held"], "the limit is told")
        status = self.daemon.status()
        self.assertLessEqual(sum(len(self.arrived(name)) for name in self.names), 5)
        self.assertTrue(status["outbox"]["queued"]["gw"], status["outbox"])
        self.assertEqual(self.error("gw"), "")

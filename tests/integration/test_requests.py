"""Requests over a real broker to the daemon, and its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.processes import DaemonProcess, Meters, wait_until
from tests.integration.subscriber import Subscriber

SINK = '[[sinks]]\nname = "s"\nkind = "mqtt"\nurl = "mqtt://127.0.0.1:{port}"\n'


class RequestTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.broker = Mosquitto(folder / "broker")
        self.broker.start()
        self.addCleanup(self.broker.stop)
        meters = Meters(folder, 2)
        self.addCleanup(meters.stop)
        self.name = meters.endpoints[0]["name"]
        text = SINK.format(port=self.broker.port) + meters.configuration(600)
        self.heard = Subscriber(self.broker.port, "dlmsd/#")
        self.addCleanup(self.heard.close)
        self.daemon = DaemonProcess(folder / "daemon", text, port=free_port())
        self.daemon.start()
        self.addCleanup(self.daemon.kill)
        wait_until(lambda: self.heard.payloads(f"dlmsd/{self.name}"), "the first reading")

    def ask(self, name: str, body: bytes) -> dict[str, Any]:
        topic = f"dlmsd/bridge/response/{name}"
        before = len(self.heard.payloads(topic))
        self.heard.publish(f"dlmsd/bridge/request/{name}", body)
        wait_until(lambda: len(self.heard.payloads(topic)) > before, f"an answer to {name}")
        answer: dict[str, Any] = json.loads(self.heard.payloads(topic)[-1])
        return answer

    def test_each_of_them(self) -> None:
        body = json.dumps({"meter": self.name, "transaction": 5}).encode()
        answer = self.ask("read_now", body)
        self.assertEqual((answer["status"], answer["transaction"]), ("ok", 5), answer)
        self.assertEqual(len(answer["data"]["values"]), 10)
        read = lambda: [json.loads(one) for one in self.heard.payloads(f"dlmsd/{self.name}")]  # noqa: E731
        wait_until(lambda: len(read()) == 2, "it was delivered, too")
        self.assertEqual(read()[1]["ts"], answer["data"]["ts"])

        self.assertEqual(self.ask("get_status", b"")["data"]["meters"], {"healthy": 2})
        self.assertEqual(self.ask("read_now", b"{nonsense")["status"], "error")
        self.assertEqual(self.ask("reconnect", body)["status"], "ok")
        wait_until(lambda: len(read()) == 3, "it was read over a new connection")

        self.daemon.config.write_text(self.daemon.config.read_text().replace("600", "700"))
        answer = self.ask("reload", b"")
        self.assertEqual(len(answer["data"]["changed"]), 2)
        self.assertEqual(self.daemon.status()["meters"][0]["interval"], 700)

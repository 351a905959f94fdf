"""Home Assistant's discovery at a real broker, from real meters."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.processes import DaemonProcess, Meters, wait_until
from tests.integration.subscriber import Subscriber, retained
from tests.publish.discovery_schema import check


class HomeAssistantTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.broker = Mosquitto(self.folder / "broker")
        self.broker.start()
        self.addCleanup(self.broker.stop)
        self.meters = Meters(self.folder, 2)
        self.addCleanup(self.meters.stop)
        self.port = free_port()

    def daemon(self, endpoints: int, read: str = "", announced: str = "true") -> DaemonProcess:
        """``read`` is what the last meter reads otherwise than its profile says."""
        sink = (
            f'[[sinks]]\nname = "s"\nkind = "mqtt"\nhome_assistant = {announced}\n'
            f'url = "mqtt://127.0.0.1:{self.broker.port}"\n'
        )
        self.meters.endpoints = self.meters.endpoints[:endpoints]
        text = sink + self.meters.configuration(0.2) + read
        daemon = DaemonProcess(self.folder / "daemon", text, port=self.port)
        daemon.start()
        self.addCleanup(daemon.kill)
        return daemon

    def subscriber(self, topic: str) -> Subscriber:
        subscriber = Subscriber(self.broker.port, topic)
        self.addCleanup(subscriber.close)
        return subscriber

    def test_announced_updated_born_again_and_removed(self) -> None:
        seen, given = self.subscriber("homeassistant/#"), self.subscriber("dlmsd/+")
        daemon = self.daemon(2)
        wait_until(lambda: len(seen.messages) >= 2, "a document for each meter")
        wait_until(lambda: len(retained(self.broker.port, "homeassistant/#")) == 2, "both retained")
        for topic, payload, _ in seen.messages:
            document = check(topic, payload)
            self.assertEqual(len(document["cmps"]), 10)
            state = document["stat_t"]
            wait_until(lambda each=state: len(given.payloads(each)) >= 3, "the values are updated")
            values = [json.loads(one)["values"] for one in given.payloads(state)]
            self.assertEqual({key for one in values for key in one}, set(document["cmps"]))
            for one in document["avty"]:
                online = {one["t"]: b"online"}
                wait_until(
                    lambda each=online: retained(self.broker.port, *each) == each, "it is there"
                )

        count = len(seen.messages)
        given.publish("homeassistant/status", b"online")
        wait_until(lambda: len(seen.messages) == count + 3, "told again at the birth")

        daemon.stop()
        self.daemon(1)
        wait_until(
            lambda: len(retained(self.broker.port, "homeassistant/#")) == 1, "one is removed"
        )
        (topic,) = retained(self.broker.port, "homeassistant/#")
        self.assertIn(self.meters.endpoints[0]["name"], topic)

    def test_taken_back_with_a_measurement_and_with_the_option(self) -> None:
        def components() -> dict[str, Any]:
            (document,) = retained(self.broker.port, "homeassistant/#").items()
            found: dict[str, Any] = check(*document)["cmps"]
            return found

        daemon = self.daemon(1)
        wait_until(lambda: retained(self.broker.port, "homeassistant/#"), "announced")
        self.assertEqual(len(components()), 10)
        daemon.stop()
        daemon = self.daemon(1, read="[meters.read]\nvoltage_l1 = false\nfrequency = false\n")
        gone = {"voltage_l1": {"p": "sensor"}, "frequency": {"p": "sensor"}}
        wait_until(lambda: gone.items() <= components().items(), "two are taken back")
        self.assertEqual(len(components()), 10)
        wait_until(
            lambda: len(retained(self.broker.port, "dlmsd/bridge/discovery/#")) == 1, "noted"
        )

        text = daemon.config.read_text()
        daemon.config.write_text(text.replace("home_assistant = true", "home_assistant = false"))
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not retained(self.broker.port, "homeassistant/#"), "all is taken back")
        wait_until(
            lambda: not retained(self.broker.port, "dlmsd/bridge/discovery/#"), "and its note"
        )
        self.assertEqual(retained(self.broker.port, "dlmsd/status"), {"dlmsd/status": b"online"})

        daemon.config.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: retained(self.broker.port, "homeassistant/#"), "announced again")
        self.assertEqual(len(components()), 8)
        daemon.kill()
        self.daemon(1, announced="false")
        wait_until(
            lambda: not retained(self.broker.port, "homeassistant/#"),
            "taken back after a kill, too",
        )

"""``dlmsd doctor``: each way of failing is told at its step, over real TCP."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.simulated import SimulatorProcess
from tests.integration.test_errands import ErrandCase, errand

SINK = """
[daemon]
state_dir = "{folder}/state"
[[sinks]]
name = "tb"
kind = "mqtt"
url = "mqtt://{host}:{port}"
"""


class MeterTests(ErrandCase):
    def walk(self, *arguments: str, fault: str = "") -> tuple[int, Any]:
        with SimulatorProcess(*([f"--fault={fault}"] if fault else [])) as simulator:
            port = simulator.endpoints[0]["port"]
            ended = errand("doctor", "meter", "127.0.0.1", f"--port={port}",
                           "--profile=microstar", "--json", *arguments)  # fmt: skip
        (walk,) = json.loads(ended.stdout)
        return ended.returncode, walk

    def places(self, walk: Any) -> list[str]:
        return [one["step"] for one in walk["steps"]]

    def test_a_meter_that_is_well(self) -> None:
        code, walk = self.walk()
        self.assertEqual((code, walk["good"]), (0, True), walk)
        self.assertEqual(self.places(walk), ["name", "connection", "link", "association", "read"])
        self.assertRegex(walk["steps"][-1]["detail"], r"^voltage_l1 = \d+\.\d V$")

    def test_one_that_refuses_us(self) -> None:
        code, walk = self.walk(fault="refuse=1.0")
        self.assertEqual(code, 1)
        self.assertEqual(self.places(walk), ["name", "connection", "link", "association"])
        self.assertIn("password", walk["steps"][-1]["detail"] + walk["steps"][-1]["advice"])

    def test_one_that_is_mute(self) -> None:
        _, walk = self.walk("--timeout=1", fault="silence=1.0")
        self.assertEqual(self.places(walk), ["name", "connection", "link"])
        self.assertIn("SNRM", walk["steps"][-1]["detail"])

    def test_nobody_there(self) -> None:
        ended = errand("doctor", "meter", "127.0.0.1", f"--port={free_port()}",
                       "--profile=microstar", "--language=es")  # fmt: skip
        self.assertEqual(ended.returncode, 1)
        self.assertRegex(ended.stdout, r"conexión +falla +\d\.\d{3} +conexión rechazada")

    def test_a_name_without_an_address(self) -> None:
        ended = errand("doctor", "meter", "no.such.invalid", "--profile=microstar", "--json")
        (walk,) = json.loads(ended.stdout)
        self.assertEqual((ended.returncode, self.places(walk)), (1, ["name"]))


class BrokerTests(ErrandCase):
    def walk(self, port: int, more: str = "", host: str = "127.0.0.1") -> tuple[int, Any]:
        file = self.folder / "dlmsd.toml"
        file.write_text(SINK.format(folder=self.folder, port=port, host=host) + more)
        ended = errand("doctor", "mqtt", "tb", "-c", str(file), "--json")
        self.assertEqual(ended.stderr, "")
        (walk,) = json.loads(ended.stdout)
        return ended.returncode, walk

    def broker(self, *settings: str, anonymous: bool = True) -> int:
        broker = Mosquitto(self.folder / "mosquitto", *settings, anonymous=anonymous)
        broker.start()
        self.addCleanup(broker.kill)
        return broker.port

    def test_a_broker_that_is_well(self) -> None:
        code, walk = self.walk(self.broker())
        self.assertEqual((code, walk["good"]), (0, True), walk)
        self.assertEqual(walk["steps"][-1]["detail"], "MQTT 5")

    def test_one_that_refuses_us(self) -> None:
        code, walk = self.walk(self.broker(anonymous=False))
        self.assertEqual((code, walk["steps"][-1]["step"]), (1, "login"))
        self.assertIn("not authorised", walk["steps"][-1]["detail"])

    def test_none_there(self) -> None:
        _, walk = self.walk(free_port())
        self.assertEqual([one["step"] for one in walk["steps"]], ["name", "connection"])

    def test_a_name_without_an_address(self) -> None:
        _, walk = self.walk(1883, host="no.such.invalid")
        self.assertEqual([one["step"] for one in walk["steps"]], ["name"])

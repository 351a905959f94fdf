"""REST of the running daemon: history, figures, alarms, ThingsBoard, searches."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from dlmsd.store.diagnostics import Severity
from dlmsd.watch.finding import Finding
from tests.integration.earlier import earlier
from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.processes import wait_until
from tests.integration.rest import SINK, MoreCase

LOW = "Little disk is left: 7 MiB"
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "critical", "error")
TELLING = """
[profiles.telling]
password = "22222222"
authentication = "low"
[profiles.telling.read]
voltage_l1 = "1-1:32.7.0"
firmware_version = { class = 1, obis = "1-0:0.2.0" }
serial = { class = 1, obis = "0-0:96.1.0" }
"""
METRICS = frozenset(
    ("meter_id", "avg_read_time", "success_rate", "messages_sent", "cache_hit_rate")
)
NETWORK = frozenset(
    (
        *("dlms_requests_sent", "dlms_responses_recv", "dlms_bytes_sent", "dlms_bytes_recv"),
        *("mqtt_messages_sent", "mqtt_bytes_sent", "bandwidth_tx_bps", "bandwidth_rx_bps"),
    )
)


class IdentityTests(MoreCase):
    def test_what_a_meter_says_of_itself(self) -> None:
        self.begin(text=SINK + TELLING)
        body = {key: value for key, value in self.documented().items() if key != "measurements"}
        number = self.good("POST", "/api/meters", body | {"profile": "telling"})["id"]
        path = f"/api/meters/{number}"
        wait_until(lambda: self.good("GET", f"{path}/status")["good"], "it is read")
        values = self.daemon.status()["meters"][0]["values"]
        found = self.good("GET", path)
        self.assertEqual(found["firmware_version"], values["firmware_version"])
        self.assertEqual(found["serial_number"], str(values["serial"]))
        self.assertTrue(found["firmware_version"] and found["serial_number"], found)
        self.end()


class DisconnectTests(MoreCase):
    def test_a_broker_and_a_meter_that_go_away(self) -> None:
        folder = Path(self.mktemp())
        broker = Mosquitto(folder.absolute())
        broker.start()
        self.addCleanup(broker.stop)
        self.begin(text=SINK.replace("127.0.0.1:1", f"127.0.0.1:{broker.port}"))
        number = self.add(1, interval=0.2)

        def ends(state: str, query: str = "?of=sinks") -> list[Any]:
            found = self.good("GET", f"/api/disconnects{query}")
            return [one for one in found if one["state"] == state]

        connected = lambda: self.daemon.status()["sinks"][0]["state"] == "connected"  # noqa: E731
        wait_until(connected, "it is connected")
        self.assertEqual(self.good("GET", "/api/disconnects?of=sinks"), [])
        broker.stop()
        wait_until(lambda: ends("away"), "it is away")
        broker.start()
        wait_until(lambda: ends("back"), "it is back")
        (end,) = ends("back")
        self.assertEqual((end["sink"], end["meter_id"]), ("plain", None))
        self.assertGreater(end["stood_seconds"], 0)
        self.assertGreater(end["away_seconds"], 0)
        self.assertTrue(end["message"])
        counts = {one["name"]: one["reconnections"] for one in self.good("GET", "/api/sinks")}
        self.assertEqual(counts, {"plain": 1, "thingsboard": 0})
        self.assertEqual(self.good("GET", f"/api/metrics/{number}")["mqtt_reconnections"], 1)

        def reconnections() -> int:
            rows = self.good("GET", f"/api/meters/{number}/metrics")
            return sum(row["mqtt_reconnections"] for row in rows)

        # A minute may end just now, and its row is being written.
        wait_until(lambda: reconnections() == 1, "its minute is told")
        self.meters.stop()
        wait_until(lambda: ends("away", "?of=meters&limit=1"), "the meter is away")
        found = self.good("GET", f"/api/meters/{number}/disconnects")
        self.assertEqual({one["sink"] for one in found}, {None, "thingsboard"})
        own = next(one for one in found if one["sink"] is None)
        self.assertEqual((own["meter_id"], own["state"]), (number, "away"))
        self.assertEqual(own["meter"], "medidor_planta_A")
        self.assertEqual(self.ask("GET", "/api/disconnects?of=cats").status, 422)
        self.assertEqual(self.ask("GET", "/api/meters/99/disconnects").status, 404)
        self.end()


class TokenTests(MoreCase):
    def test_made_used_and_revoked(self) -> None:
        self.begin()
        (first,) = self.good("GET", "/api/tokens")
        self.assertEqual((first["name"], first["created"]), ("web", None))
        self.assertEqual((first["role"], first["removable"]), ("admin", False))
        self.assertIsNotNone(first["last_used"])
        body = {"name": "grafana", "role": "admin"}
        heard = self.ask("POST", "/api/tokens", body)
        self.assertEqual((heard.status, heard.headers["cache-control"]), (201, "no-store"))
        made = heard.json["token"]
        self.assertEqual(self.ask("POST", "/api/tokens", body).status, 409)
        self.assertEqual(self.ask("POST", "/api/tokens", {"name": "web"}).status, 409)
        self.assertEqual(self.ask("POST", "/api/tokens", {"name": "x", "role": "y"}).status, 422)
        listed = self.ask("GET", "/api/tokens", Authorization=f"Bearer {made}")
        self.assertEqual([one["name"] for one in listed.json], ["web", "grafana"])
        self.assertIsNotNone(listed.json[1]["last_used"])
        self.assertNotIn(made.encode(), listed.body)
        reader = self.good("POST", "/api/tokens", {"name": "wall"})
        self.assertEqual(reader["role"], "read")
        for token, status in ((reader["token"], 403), ("", 401)):
            for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/grafana")):
                sent = {"name": "z"} if method == "POST" else None
                with_it = {"Authorization": f"Bearer {token}"}
                heard = self.ask(method, f"/api/tokens{path}", sent, **with_it)
                self.assertEqual(heard.status, status, (method, path))
        self.good("POST", "/api/tokens", {"name": "a b"})
        self.assertEqual(self.ask("DELETE", "/api/tokens/a%20b").status, 204)
        self.assertEqual(self.ask("DELETE", "/api/tokens/%ff").status, 404)
        self.assertEqual(self.ask("DELETE", "/api/tokens/grafana").status, 204)
        self.assertEqual(self.ask("DELETE", "/api/tokens/grafana").status, 404)
        self.assertEqual(self.ask("DELETE", "/api/tokens/web").status, 409)
        gone = self.ask("GET", "/api/tokens", Authorization=f"Bearer {made}")
        self.assertEqual(gone.status, 401)
        told = [(one["action"], one["subject"]) for one in self.good("GET", "/api/audit")]
        self.assertEqual(
            told,
            [
                ("token removed", "grafana"),
                ("token removed", "a b"),
                ("token added", "a b"),
                ("token added", "wall"),
                ("token added", "grafana"),
            ],
        )
        self.assertNotIn(made, self.daemon.log.read_text())
        self.assertNotIn(made.encode(), self.ask("GET", "/api/audit").body)
        self.end()


class FigureTests(MoreCase):
    def test_documented_figures(self) -> None:
        self.begin()
        number = self.add(interval=0.2)
        found = self.good("GET", f"/api/metrics/{number}")
        self.assertLessEqual(METRICS, set(found))
        self.assertEqual((found["meter_id"], found["success_rate"]), (number, 100))
        self.assertGreater(found["avg_read_time"], 0)
        self.assertGreater(found["cache_hit_rate"], 50)
        self.assertEqual(found["cache_misses"], 3)
        (row,) = self.good("GET", f"/api/meters/{number}/metrics?limit=100")
        self.assertGreaterEqual(row["successful_reads"], 3)
        (one,) = self.good("GET", "/api/metrics/summary")
        self.assertEqual(one["name"], "medidor_planta_A")
        for path in ("network/metrics", "network_stats", f"meters/{number}/network_stats"):
            network = self.good("GET", f"/api/{path}")
            self.assertLessEqual(NETWORK, set(network))
            self.assertGreater(network["dlms_bytes_recv"], network["dlms_responses_recv"])
            for rate in ("bandwidth_tx_bps", "bandwidth_rx_bps"):
                peak = max(one[rate] for one in network["history"])
                self.assertLessEqual(network[rate], peak * Decimal("1.01"), "no more than the peak")
        old = self.good("GET", "/api/network/metrics?from=2020-01-01&to=2020-01-02T00:00:00Z")
        self.assertEqual((old["dlms_requests_sent"], old["history"]), (0, []))
        self.assertEqual(self.ask("GET", f"/api/metrics/{number}?from=9&to=8").status, 422)
        self.assertEqual(self.ask("GET", f"/api/metrics/{number + 1}").status, 404)
        self.end()

    def test_readings_in_both_forms_are_what_was_stored(self) -> None:
        self.begin()
        number = self.add(5, interval=0.2)
        self.good("POST", f"/api/meters/{number}/stop")
        path = f"/api/meters/{number}/readings"
        stored = self.stored()
        told = self.good("GET", path)
        self.assertEqual([(one["ts"], one["values"]) for one in told], stored)
        table = list(csv.reader(io.StringIO(self.ask("GET", f"{path}?format=csv").body.decode())))
        self.assertEqual(
            table[0], ["time", "ts", "voltage_l1", "current_l1", "active_power", "others"]
        )
        self.assertEqual(
            [(int(ts), v, c, p) for _, ts, v, c, p, _ in table[1:]],
            [(ts, *(str(values[key]) for key in table[0][2:5])) for ts, values in stored],
        )
        middle = stored[2][0]
        cut = self.good("GET", f"{path}?from={middle}&to={middle + 1}")
        self.assertEqual([one["ts"] for one in cut], [middle])
        first, last = stored[0][0], stored[-1][0]
        few = self.good("GET", f"{path}?from={first}&to={last + 1}&points=2")
        self.assertEqual(len(few), 2)
        self.assertEqual(few[0]["ts"], first)
        self.end()

    def stored(self) -> list[tuple[int, Any]]:
        with closing(sqlite3.connect(self.folder / "daemon/state/outbox.db")) as database:
            rows = database.execute("SELECT ts, values_json FROM readings ORDER BY ts").fetchall()
        return [(ts, json.loads(text, parse_float=Decimal)) for ts, text in rows]


class AlarmTests(MoreCase):
    def read_in_spanish(self) -> None:
        """One that dlmsd has words for, in each reader's language; its keys are in none."""
        for language, message, evidence in (
            ("", LOW, "7 MiB are free, 3 % of the disk."),
            ("es-CO,es;q=0.9,en;q=0.5", "Queda poco disco: 7 MiB", "7 MiB"),
        ):
            answer = self.ask("GET", "/api/alarms", Accept_Language=language)
            (told,) = [one for one in answer.json if one["rule"] == "disk-low"]
            self.assertEqual(told["message"], message)
            self.assertIn(evidence, told["evidence"][0])
            self.assertEqual((told["category"], told["details"]["numbers"]["free"]), ("c0", 7))
        asked = self.good("GET", "/api/alarms?language=es")
        self.assertEqual(asked[-1]["message"], "Queda poco disco: 7 MiB")

    def test_the_websocket_of_before_names_what_there_is(self) -> None:
        self.begin()
        answer = self.ask("GET", "/ws/metrics", Upgrade="websocket", Connection="Upgrade")
        link = '</api/live>; rel="alternate"'
        self.assertEqual((answer.status, answer.headers["link"]), (410, link))
        self.assertIn("/api/live", answer.json["detail"])

    def test_alarms(self) -> None:
        self.begin()
        with earlier(self.folder / "daemon/state") as before:
            now, alarms = before.at, before.registry.alarms
            # One that dlmsd has words for, in each reader's language; of the others it has none.
            disk = Finding("disk-low", "disk", "info", 0.9, {"free": 7, "percent": 3})
            for index, severity in enumerate(SEVERITIES):
                before.at = now - index * 3600
                rule = f"r{index}" if index else disk.rule
                of = {"category": f"c{index % 2}", "meter": index + 1}
                details = "" if index else disk.encode()
                before.do(alarms.raise_(rule, "s", severity, f"m{index}", details=details, **of))
        found = self.good("GET", "/api/alarms")
        self.assertEqual([one["message"] for one in found], ["m4", "m3", "m2", "m1", LOW])
        self.assertLessEqual(
            {"id", "meter_id", "severity", "category", "message", "acknowledged", "timestamp"},
            set(found[0]),
        )
        self.read_in_spanish()
        number = found[0]["id"]
        seen = self.good("POST", f"/api/alarms/{number}/ack")
        self.assertEqual((seen["acknowledged"], seen["acknowledged_by"]), (True, "web"))
        self.good("POST", f"/api/alarms/{number}/acknowledge")
        for query, messages in (
            ("acknowledged=true", ["m4"]),
            ("acknowledged=false&severity=error", ["m2"]),
            ("meter_id=4", ["m3"]),
            ("limit=2", ["m4", "m3"]),
            ("category=c1", ["m3", "m1"]),
        ):
            got = self.good("GET", f"/api/alarms?{query}")
            self.assertEqual([one["message"] for one in got], messages, query)
        link = self.ask("GET", "/api/alarms?limit=2&acknowledged=false").headers["link"]
        following = self.good("GET", link.partition(">")[0][1:])
        self.assertEqual([one["message"] for one in following], ["m1", LOW])
        self.assertEqual(self.ask("DELETE", f"/api/alarms/{number}").status, 204)
        self.assertEqual(self.ask("DELETE", f"/api/alarms/{number}").status, 404)
        self.assertEqual(self.ask("DELETE", "/api/alarms").status, 400)
        for query, gone in (
            ("older_than_hours=3", 1),
            ("category=c1", 1),
            ("meter_id=1", 1),
            ("delete_all=true", 1),
        ):
            answer = self.good("DELETE", f"/api/alarms?{query}")
            self.assertEqual(answer["deleted"], gone, query)
        self.end()


class DiagnosisTests(MoreCase):
    def test_a_meter_that_is_away_and_what_to_do(self) -> None:
        self.begin()
        self.good("POST", "/api/meters", self.documented() | {"port": free_port(), "interval": 1})

        def found() -> list[Any]:
            told: list[Any] = self.good("GET", "/api/diagnosis?language=en")["findings"]
            return [one for one in told if "medidor_planta_A" in (one["subject"], *one["meters"])]

        wait_until(found, "the watch has looked", 40)
        finding = found()[0]
        self.assertTrue(finding["cause"] and finding["evidence"])
        plan = self.good("GET", "/api/diagnosis/plan?meter_id=1")
        self.assertTrue(plan["immediate"][0]["text"])
        self.assertIn(finding["rule"], [one["rule"] for one in plan["findings"]])
        words = self.ask("GET", "/api/diagnosis/plan?format=markdown&language=es")
        self.assertIn("text/markdown", words.headers["content-type"])
        self.assertIn("#", words.body.decode())
        self.assertEqual(self.ask("GET", "/api/diagnosis/plan?meter_id=9").status, 404)
        self.assertEqual(self.good("GET", "/api/diagnosis/checks"), [])
        self.end()


class PlaceTests(MoreCase):
    def test_thingsboard(self) -> None:
        self.begin()
        broker = Mosquitto(self.folder)
        broker.start()
        self.addCleanup(broker.stop)
        number = self.add(1)
        path = f"/api/meters/{number}/thingsboard"
        self.assertFalse(self.good("GET", f"{path}/test")["success"])
        body = {"tb_host": "127.0.0.1", "tb_port": broker.port, "tb_token": "canary-token"}
        told = self.good("PUT", path, body)
        self.assertEqual((told["tb_enabled"], told["tb_port"]), (True, broker.port))
        self.assertNotIn("canary", str(told))
        self.assertTrue(self.good("GET", f"{path}/test")["success"])
        wait_until(
            lambda: any(
                one["url"].endswith(str(broker.port)) and one["delivered"]
                for one in self.daemon.status()["sinks"]
            ),
            "readings at the new broker",
        )
        self.assertFalse(self.good("PUT", path, {"tb_enabled": False})["tb_enabled"])
        self.assertNotIn("canary", self.daemon.log.read_text())
        self.end()

    def test_searches(self) -> None:
        self.begin(web='scan_networks = ["127.0.0.0/30"]\n')
        port = self.meters.endpoints[0]["port"]
        body = {"start_ip": "127.0.0.1", "end_ip": "127.0.0.1", "ports": [port]}
        begun = self.ask("POST", "/api/scan/network", body)
        self.assertEqual(begun.status, 202)
        place = begun.headers["location"]
        wait_until(lambda: self.good("GET", place)["status"] == "done", "the search", 30)
        (found,) = self.good("GET", place)["found"]
        self.assertEqual((found["ip"], found["port"]), ("127.0.0.1", port))
        for path, status in (
            ("/api/scan/subnet/10.0.0.0/24", 403),
            ("/api/scan/subnet?subnet=10.0.0.0/24", 403),
            ("/api/scan/subnet/10.0.0.0%2F24", 403),
            ("/api/scan/subnet/127.0.0.1%2F64", 404),
            ("/api/scan/subnet/127.0.0.1/8", 403),
            ("/api/scan/subnet/127.0.0.1/64", 404),
            ("/api/scan/subnet/127.0.0.1/30", 202),
            ("/api/scan/subnet?subnet=127.0.0.0/30", 202),
            ("/api/scan/subnet?subnet=127.0.0.0/31", 409),
        ):
            self.assertEqual(self.ask("GET", path).status, status, path)
        running = self.good("GET", "/api/scan/jobs")[-1]
        gone = self.good("DELETE", f"/api/scan/jobs/{running['id']}")
        self.assertEqual(gone["status"], "cancelled")
        self.assertEqual(
            self.ask("POST", "/api/scan/network", body | {"end_ip": "1.1.1.1"}).status, 422
        )
        self.assertEqual(
            self.ask("POST", "/api/scan/network", body | {"start_ip": "126.0.0.1"}).status, 403
        )
        self.end()

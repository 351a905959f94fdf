"""``dlmsd meters`` beside a daemon that runs."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from typing import Any

from tests.integration.processes import wait_until
from tests.integration.rest import RestCase
from tests.integration.test_errands import errand


class MetersCase(RestCase):
    def setUp(self) -> None:
        self.begin()
        self.place = self.meters.endpoints[0]

    def run_it(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return errand("meters", arguments[0], f"-c{self.daemon.config}", *arguments[1:], **more)

    def listed(self) -> dict[str, Any]:
        return {one["name"]: one for one in json.loads(self.run_it("list", "--json").stdout)}

    def add(self, name: str, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
        way = (f"--host={self.place['host']}", f"--port={self.place['port']}")
        return self.run_it("add", name, *way, *options, **more)


class AddTests(MetersCase):
    def test_added_read_listed_removed(self) -> None:
        wanted = ("--measurement=voltage_l1", "--measurement=current_l1", "--interval=1")
        ended = self.add("Plant A", *wanted)
        self.assertEqual((ended.returncode, ended.stdout), (0, "Plant A is added\n"), ended.stderr)
        wait_until(lambda: self.listed()["Plant A"]["last_reading"], "it is read")
        found = self.listed()["Plant A"]
        address = f"{self.place['host']}:{self.place['port']}"
        told = [found[key] for key in ("origin", "status", "profile", "address", "reason")]
        self.assertEqual(told, ["registry", "active", "microstar", address, ""])
        self.assertRegex(self.run_it("list").stdout, r"\nPlant A +registry +active +microstar ")
        number = self.good("GET", "/api/meters")[0]["id"]
        read = [one for one in self.good("GET", f"/api/meters/{number}/config") if one["enabled"]]
        names = {one["measurement_name"] for one in read}
        self.assertEqual(names, {"voltage_l1", "current_l1"})
        ended = self.run_it("remove", "Plant A")
        self.assertEqual((ended.returncode, len(self.listed())), (1, 1), "nobody said yes")
        ended = self.run_it("remove", "Plant A", "--yes")
        self.assertEqual((ended.returncode, self.listed()), (0, {}), ended.stderr)
        self.assertEqual(self.run_it("remove", "Plant A", "--yes").returncode, 64)
        self.end()

    def test_what_is_wrong_is_told_by_its_key(self) -> None:
        ended = self.add("A", "--port=70000", "--profile=nothing")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("port: ", ended.stderr)
        self.assertNotIn("70000", ended.stderr)
        ended = self.add("A", "--profile=nothing")
        self.assertIn("profile: ", ended.stderr)
        self.add("A", "--inactive")
        ended = self.add("A")
        self.assertIn("there is a meter A", ended.stderr)
        self.assertEqual(self.listed()["A"]["status"], "inactive")

    def test_secrets_come_from_files_and_the_environment(self) -> None:
        file = self.folder / "password"
        file.write_text("canary-of-a-file\n")
        ended = self.add("A", f"--password-file={file}", environment={"DLMSD_TOKEN": "canary-env"})
        self.assertEqual(ended.returncode, 0, ended.stderr)
        kept = (self.folder / "daemon/state/registry.db-wal").read_bytes()
        self.assertIn(b"canary-of-a-file", kept)
        self.assertIn(b"canary-env", kept)
        ended = self.add("B", f"--password-file={file}.gone")
        self.assertEqual(ended.returncode, 64)
        self.assertIn("password: ", ended.stderr)

    def test_without_a_daemon(self) -> None:
        self.add("A", "--inactive")
        self.daemon.stop()
        ended = self.add("B")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("are the running daemon's to add and remove; start it", ended.stderr)
        self.assertEqual(list(self.listed()), ["A"])


class ExchangeTests(MetersCase):
    def imported(self, text: str, *options: str, name: str = "meters.csv") -> Any:
        """The exit code and the answer, as JSON."""
        file = self.folder / name
        file.write_text(text)
        ended = self.run_it("import", str(file), "--json", *options)
        return ended.returncode, json.loads(ended.stdout)

    def csv(self, count: int) -> str:
        host, port = self.place["host"], self.place["port"]
        rows = [
            f"meter {one},{host},{port},{one + 1},inactive,canary-{one},voltage_l1;current_l1"
            for one in range(count)
        ]
        head = "name,host,port,physical_device,status,password,measurements"
        return "\n".join([head, *rows, ""])

    def test_twenty_meters_there_and_back(self) -> None:
        text = self.csv(20)
        code, told = self.imported(text, "--dry-run")
        self.assertEqual((code, len(told["added"]), self.listed()), (0, 20, {}))
        code, told = self.imported(text)
        self.assertEqual((code, len(told["added"]), told["errors"]), (0, 20, []))
        self.assertEqual(len(self.listed()), 20)
        self.nothing_changes(text)
        number = self.good("GET", "/api/meters")[3]["id"]
        row = {"measurement_name": "mine", "obis_code": "1-0:32.7.0", "tb_key": "volts"}
        self.good("POST", f"/api/meters/{number}/config", row)
        self.good("PATCH", f"/api/meters/{number}", {"interval": 7})
        for form in ("csv", "json"):
            with self.subTest(form=form):
                self.there_and_back(form)
        self.end()

    def nothing_changes(self, text: str) -> None:
        before = self.good("GET", "/api/audit")
        code, told = self.imported(text)
        self.assertEqual((code, told["added"], told["changed"], len(told["same"])), (0, [], [], 20))
        self.assertEqual(self.good("GET", "/api/audit"), before)

    def there_and_back(self, form: str) -> None:
        bare = self.run_it("export", f"--format={form}")
        self.assertNotIn("canary-", bare.stdout)
        self.assertIn("secrets of 20 meters are left out", bare.stderr)
        self.nothing_changes(bare.stdout)
        file = self.folder / f"all.{form}"
        self.assertEqual(self.run_it("export", "--secrets", f"-o{file}").returncode, 0)
        whole = file.read_text()
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(whole.count("canary-"), 20)
        self.nothing_changes(whole)
        path = f"/api/config/{self.listed_id('meter 3')}"
        read = self.good("GET", path)
        self.assertIn("volts", {one["tb_key"] for one in read})
        for name in ("meter 3", "meter 4"):
            self.assertEqual(self.run_it("remove", name, "--yes").returncode, 0)
        code, told = self.imported(whole)
        self.assertEqual((code, told["added"], len(told["same"])), (0, ["meter 3", "meter 4"], 18))
        again = self.run_it("export", "--secrets", f"--format={form}").stdout
        self.assertEqual(again, whole)
        self.assertEqual(self.good("GET", path), read)

    def listed_id(self, name: str) -> int:
        return next(one["id"] for one in self.good("GET", "/api/meters") if one["name"] == name)

    def test_nothing_is_taken_unless_all_is_right(self) -> None:
        text = self.csv(3).replace("127.0.0.1", "no host", 1)
        code, told = self.imported(text)
        self.assertEqual((code, told["added"], self.listed()), (1, [], {}))
        places = [(one["line"], one["column"], one["key"]) for one in told["errors"]]
        self.assertEqual(places, [(2, 2, "host")])
        code, told = self.imported(text, "--partial")
        self.assertEqual((code, told["added"]), (1, ["meter 1", "meter 2"]))
        self.assertEqual(list(self.listed()), ["meter 1", "meter 2"])

    def test_by_rest_in_one_change(self) -> None:
        wrong = self.csv(3).replace("127.0.0.1", "no host", 1)
        for more in ({}, {"dry_run": True}):
            heard = self.ask("POST", "/api/meters/import", {"document": wrong} | more)
            self.assertEqual(heard.status, 200 if more else 422)
            (told,) = heard.json["errors"]
            place = [told["line"], told["column"], told["key"]] if more else told["field"]
            self.assertEqual(place, [2, 2, "host"] if more else "2:2:host")
            self.assertNotIn(b"canary-", heard.body)
        headless = wrong.partition("\n")[2]
        heard = self.ask("POST", "/api/meters/import", {"document": headless})
        self.assertEqual(heard.status, 422)
        self.assertNotIn(b"canary-", heard.body)
        self.assertEqual(self.listed(), {})
        large = self.csv(1000)
        self.assertGreater(len(large), 1 << 16)
        told = self.good("POST", "/api/meters/import", {"document": large})
        self.assertEqual((len(told["added"]), told["errors"], told["dry_run"]), (1000, [], False))
        self.assertEqual(len(self.listed()), 1000)
        audit = [one["action"] for one in self.good("GET", "/api/audit?limit=1000")]
        self.assertEqual((audit.count("reload"), audit.count("meter added")), (1, 999))
        self.assertLess(self.good("GET", "/api/meters?limit=1")[0]["id"], 3)
        for token in ("", "wrong"):
            heard = self.ask(
                "POST", "/api/meters/import", {"document": large}, Authorization=f"Bearer {token}"
            )
            self.assertEqual(heard.status, 401)
        heard = self.ask("POST", "/api/meters", {"name": "A", "ip_address": "1" * (1 << 17)})
        self.assertEqual(heard.status, 413)
        self.assertIn("65536", heard.json["detail"])
        self.end()
        self.assertNotIn("canary-", self.daemon.log.read_text())

    def test_what_an_operator_stopped_stays_so(self) -> None:
        host, port = self.place["host"], self.place["port"]
        text = json.dumps([{"name": "A", "host": host, "port": port}])
        self.assertEqual(self.imported(text)[0], 0)
        number = self.good("GET", "/api/meters")[0]["id"]
        self.good("POST", f"/api/meters/{number}/stop")
        self.good("PATCH", f"/api/meters/{number}", {"interval": 7.5})
        self.assertEqual(self.imported(text)[1]["same"], ["A"])
        self.assertEqual(self.imported(text.replace(str(port), "4059"))[1]["changed"], ["A"])
        self.assertEqual(self.listed()["A"]["status"], "inactive")
        self.assertEqual(self.good("GET", f"/api/meters/{number}")["interval"], Decimal("7.5"))

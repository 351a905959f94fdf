"""``dlmsd health`` and ``dlmsd plan`` on a state folder, with its daemon and without."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import time
from collections import namedtuple
from decimal import Decimal
from pathlib import Path
from typing import Any

from click import UsageError
from click.testing import CliRunner, Result
from twisted.internet.task import Clock

from dlmsd.cli.health import health
from dlmsd.cli.plan import plan
from dlmsd.config.values import OutboxOptions
from dlmsd.model import GapCause
from dlmsd.secret import Secret
from dlmsd.store.lock import Lock
from dlmsd.store.metrics import Figures
from dlmsd.store.outbox import Outbox
from dlmsd.store.own import Override, OwnMeter
from dlmsd.watch.alarms import AlarmKeeper
from dlmsd.watch.finding import Finding
from dlmsd.watch.language import Language
from tests.store.immediate import ImmediateWriter
from tests.store.registry_case import RegistryCase

CONFIG = """
[daemon]
state_dir = "{folder}"
[[meters]]
name = "a"
host = "h"
profile = "microstar"
password = "22222222"
[[meters]]
name = "b"
host = "h2"
profile = "microstar"
password = "22222222"
"""
LISTENER = """
[[push]]
name = "han"
listen = "tcp:4059"
"""
REACH = {"address": "h:1", "seconds": 30, "failures": 3, "attempts": 2}
Usage = namedtuple("Usage", "total used free")
GIB = 1 << 30
BUSY = Finding("meter-busy", "a", "error", 0.8, REACH, ("closed",), ("a",))


class HealthCommandTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = time.time() // 60 * 60 + 30.0
        self.patch(time, "time", lambda: self.now)
        folder = self.path.parent.absolute()
        self.config = folder / "dlmsd.toml"
        self.config.write_text(CONFIG.format(folder=folder))
        for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
            self.patch(os, "environ", {**os.environ, name: "C"})
        writer = ImmediateWriter()
        writer.start()
        self.outbox = Outbox(
            folder / "outbox.db", OutboxOptions(), writer=writer, clock=Clock(),
            wall=lambda: self.now, post=lambda status: None,
        )  # fmt: skip
        self.done(self.outbox.start())
        self.addCleanup(lambda: self.done(self.outbox.stop()))
        self.lock = Lock(folder / "dlmsd.lock")
        self.lock.take()
        self.addCleanup(self.lock.release)
        self.begun(3600)
        self.disk(free=30 * GIB)
        self.done(self.registry.configured(["a", "b"]))
        self.fared(a=(60, 0), b=(60, 0))
        sent = (self.registry.ids["a"], Figures(delivered=1))
        self.done(self.registry.metrics.write(int(self.now * 1000) - 60_000, [sent]))

    def disk(self, free: int) -> None:
        """So many bytes of the state folder's are free."""
        self.patch(shutil, "disk_usage", lambda _: Usage(100 * GIB, 100 * GIB - free, free))

    def begun(self, seconds: float) -> None:
        """So long ago the daemon was started."""
        os.utime(self.path.parent / "dlmsd.lock", (0, self.now - seconds))

    def fared(self, ago: float = 600.0, **meters: tuple[int, int]) -> None:
        rows = [
            (self.registry.ids[name], Figures(good=good, failed=failed))
            for name, (good, failed) in meters.items()
        ]
        self.done(self.registry.metrics.write(int((self.now - ago) * 1000), rows))

    def raise_(self, *findings: Finding) -> None:
        self.keeper = AlarmKeeper(self.registry.alarms, lambda: {}, Language.of("en"))
        self.done(self.keeper.keep(findings, 0.0))

    def invoke(self, command: Any, *arguments: str) -> Result:
        return CliRunner().invoke(
            command, ["-c", str(self.config), *arguments],
            standalone_mode=False, catch_exceptions=False,
        )  # fmt: skip

    def told(self, *arguments: str) -> tuple[int, Any]:
        result = self.invoke(health, "--json", *arguments)
        return result.return_value, json.loads(result.stdout)

    def test_good(self) -> None:
        status, document = self.told()
        self.assertEqual((status, document["status"], document["findings"]), (0, 0, []))
        self.assertEqual(document["classes"]["healthy"], 2)
        self.assertIn("All is well.", self.invoke(health).output)

    def test_without_its_daemon(self) -> None:
        self.lock.release()
        status, document = self.told()
        self.assertEqual(status, 2)
        self.assertEqual([one["rule"] for one in document["findings"]], ["daemon-stopped"])
        document = json.loads(self.invoke(plan, "--json").output)
        first = document["immediate"][0]
        self.assertEqual((first["priority"], first["commands"]), (1, ["systemctl start dlmsd"]))
        self.lock.take()  # nobody was kept out

    def rules(self) -> tuple[int, list[str]]:
        status, document = self.told()
        return status, [one["rule"] for one in document["findings"]]

    def test_a_disk_that_is_full(self) -> None:
        """The daemon cannot write that down, so the command looks itself."""
        self.disk(free=400 << 20)
        self.assertEqual(self.rules(), (1, ["disk-low"]))
        self.disk(free=4096)
        self.assertEqual(self.rules(), (2, ["disk-full"]))
        self.assertIn("df -h", self.invoke(plan).output)
        full = {"bytes": 1, "queued": 2, "limit": 3}
        self.raise_(Finding("disk-full", "outbox", "critical", 0.95, full))
        self.assertEqual(self.rules(), (2, ["disk-full"]), "once, though its alarm stands too")

    def test_a_daemon_that_writes_nothing(self) -> None:
        self.fared(60.0, a=(12, 0), b=(12, 0))
        self.now += 90
        self.assertEqual(self.rules(), (0, []))
        self.now += 150
        self.assertEqual(self.rules(), (1, ["figures-old"]))
        self.assertIn("the last ones are 5 min old", self.invoke(health).output)
        self.begun(60)
        self.assertEqual(self.rules()[1], [], "it has had no time yet")
        self.begun(3600)
        self.fared(0.0, a=(0, 1), b=(0, 1))
        self.now += 600
        self.assertEqual(self.rules()[1], [], "who gives nothing is tried now and then")
        self.now += 600
        self.assertIn("figures-old", self.rules()[1])

    def test_nobody_is_to_be_read(self) -> None:
        for name in "ab":
            self.done(self.registry.override(name, Override(status="inactive"), "op"))
        self.now += 1800
        self.assertEqual(self.rules()[1], [])
        self.assertIn("All is well.", self.invoke(health, "--minutes", "5").output)

    def test_causes_of_gaps_are_words(self) -> None:
        at = int(self.now * 1000)
        self.done(self.outbox.gaps.open("a", GapCause.DISK_FULL, at - 9000, at - 1000))
        for command in (health, plan):
            output = self.invoke(command).output
            self.assertIn("Readings are missing for good: the disk was full", output)
            self.assertNotIn("disk_full", output)
        told = self.invoke(plan, "--language", "es").output
        self.assertIn("   Para: el disco estaba lleno\n", told)

    def test_what_was_written_down_has_its_time(self) -> None:
        """The daemon renews the numbers of an alarm now and then, and so they are told."""
        self.raise_(BUSY)
        (alarm,) = self.done(self.registry.alarms.list())
        day = f"{datetime.datetime.fromtimestamp(alarm.updated_at / 1000):%F}"
        self.now = alarm.updated_at / 1000 + 1
        for command in (health, plan):
            output = self.invoke(command).output
            self.assertRegex(output, r"no good reading for 30 s\. \(as of \d\d:\d\d:\d\d\)\n")
        self.now += 2 * 86400
        self.assertIn(f"30 s. (as of {day} ", self.invoke(health).output)
        self.now -= 2 * 86400
        self.done(self.keeper.keep((), 40.0))
        output = self.invoke(health).output
        self.assertRegex(output, r"Not seen any more since \d\d:\d\d:\d\d; it ends by itself\.\n")
        (found,) = self.told()[1]["findings"]
        self.assertEqual((found["rule"], found["gone"]), ("meter-busy", True))
        self.assertIn("Nothing to do", self.invoke(plan).output)

    def test_alarms_shares_gaps_and_quarantine(self) -> None:
        self.raise_(BUSY)
        self.fared(b=(0, 40))
        at = int(self.now * 1000)
        self.done(self.outbox.gaps.open("a", GapCause.LOST_IN_METER, at - 9000, at - 1000))
        status, document = self.told()
        self.assertEqual(status, 1)
        rules = [one["rule"] for one in document["findings"]]
        self.assertEqual(rules, ["meter-busy", "gaps-lost", "success-degraded"])
        self.assertIn("60 of 100 cycles in 60 minutes", document["findings"][2]["evidence"][0])

    def test_a_minute_ago_is_not_an_hour_ago(self) -> None:
        self.fared(b=(0, 400))
        self.assertEqual(self.told()[0], 2)
        _, document = self.told("--minutes", "5")
        self.assertEqual(document["meters"]["b"]["good"], 0)
        self.assertEqual(document["classes"]["down"], 2, "who gave nothing at all is down")
        output = self.invoke(health, "--minutes", "5").output
        self.assertIn("  b: down, \N{EN DASH} % (0/0)", output)

    def test_a_daemon_that_has_only_begun(self) -> None:
        self.begun(45)
        status, document = self.told("--minutes", "5")
        self.assertEqual((status, document["meters"]), (0, {}))
        output = self.invoke(health, "--minutes", "5").output
        self.assertIn("5 minutes:\nNo figures yet; the first come within a minute", output)
        self.assertIn("Cycles: 0, \N{EN DASH} % good", output)
        self.assertNotIn("well", output)
        self.lock.release()
        self.assertIn("Something is badly wrong.", self.invoke(health, "--minutes", "5").output)

    def test_an_operators_decision_is_nobodys_trouble(self) -> None:
        self.done(self.registry.override("b", Override(status="inactive"), "op"))
        self.done(self.registry.metrics.write(int(self.now * 1000), []))
        _, document = self.told("--minutes", "5")
        self.assertEqual(list(document["meters"]), ["a"])

    def test_an_added_meter_is_looked_at_as_often_as_it_is_read(self) -> None:
        """By its own interval, or what an operator wants of it; a push of any kind likewise."""
        options = {"host": "h3", "profile": "microstar", "interval": Decimal(1200)}
        self.done(self.registry.add(OwnMeter("c", options), "op"))
        pushes = {"transport": "push", "push": "han", "expect_every": Decimal(86400)}
        self.done(self.registry.add(OwnMeter("d", pushes), "op"))
        self.config.write_text(self.config.read_text() + LISTENER)
        fared = [(self.registry.ids["a"], Figures(good=9))]
        for name, number in self.done(self.registry.configured("abcd")).items():
            fared += [(number, Figures(delivered=3))] if name == "d" else []
        self.done(self.registry.metrics.write(int(self.now * 1000) - 60_000, fared))
        _, document = self.told("--minutes", "30")
        self.assertEqual(
            list(document["meters"]), ["a", "b"], "whose turn has not come is not down"
        )
        _, document = self.told("--minutes", "60")
        self.assertEqual(list(document["meters"]), ["a", "b", "c"])
        self.done(self.registry.override("c", Override(interval=3600.0), "op"))
        _, document = self.told("--minutes", "60")
        self.assertEqual(list(document["meters"]), ["a", "b"])

    def test_what_was_added_is_changed_on_the_page(self) -> None:
        secrets = {"password": Secret("22222222")}
        options = {"host": "h3", "profile": "microstar"}
        self.done(self.registry.add(OwnMeter("c", options, secrets), "op"))
        for name in ("a", "c"):
            self.raise_(Finding("meter-refuses-us", name, "error", 0.9, REACH, (), (name,)))
            document = json.loads(self.invoke(plan, "--json").output)
            (found,) = [one for one in document["immediate"] if one["id"] == "correct-password"]
            ways = found["commands"], found["views"]
            file = ([f"dlmsd check --config {self.config} && systemctl reload dlmsd"], [])
            self.assertEqual(ways, file if name == "a" else (file[0], ["#/edit/c"]))
        self.assertIn("   http://127.0.0.1:8425/#/edit/c", self.invoke(plan).output)

    def test_spanish_and_saved(self) -> None:
        self.raise_(BUSY)
        before = Path.cwd()
        os.chdir(self.path.parent)
        self.addCleanup(os.chdir, before)
        result = self.invoke(health, "--language", "es", "--save")
        self.assertIn("otro cliente lo ocupa", result.output)
        (file,) = Path().glob("health-*.json")
        self.assertEqual(json.loads(file.read_text())["status"], 1)
        self.patch(os, "environ", {**os.environ, "LC_ALL": "es_CO.UTF-8"})
        self.assertIn("Plan de acción", self.invoke(plan).output)

    def test_plan(self) -> None:
        self.raise_(BUSY)
        self.assertIn("1. Find the other program that reads the meter", self.invoke(plan).output)
        document = json.loads(self.invoke(plan, "--json").output)
        self.assertEqual(
            document["immediate"][1]["commands"], [f"dlmsd doctor meter a --config {self.config}"]
        )
        file = self.path.with_name("plan.md")
        result = self.invoke(plan, "--save", str(file))
        self.assertEqual(result.return_value, 0)
        self.assertTrue(file.read_text().startswith("# Action plan"))
        self.assertRaises(UsageError, self.invoke, plan, "--json", "--markdown")

    def test_no_files(self) -> None:
        self.config.write_text(CONFIG.format(folder=self.path.parent.absolute() / "none"))
        self.assertEqual(self.invoke(health).return_value, 2)
        self.assertEqual(self.invoke(plan).return_value, 1)

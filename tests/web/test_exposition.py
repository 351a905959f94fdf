"""/metrics as Prometheus reads it: every sample, in its naming rules, whatever names say."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from attrs import evolve
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.board import Board
from dlmsd.model import ListenerState, ListenerStatus, MeterState
from dlmsd.store.counters import Account
from dlmsd.web.exposition import exposition
from tests.web.visitor import METER, OUTBOX, SINK

HOSTILE = 'a"b\\c\nd{x="y"} 5 # é \ud800'


class ExpositionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.board = Board()
        values = METER.values | {"ok": True, "text": "12", "nan": Decimal("NaN")}
        self.board.post(evolve(METER, values=values))
        self.board.post(evolve(METER, name=HOSTILE, state=MeterState.DOWN, reading=None))
        self.board.post(SINK)
        self.board.post(OUTBOX)
        self.board.post(ListenerStatus("han", "tcp:4059", ListenerState.LISTENING, messages=3))
        self.accounts = {
            ("planta-a", "tb"): Account(197, 190, 2, 1, 4),
            (HOSTILE, "tb"): Account(10, 10),
        }
        told = exposition(self.board, self.accounts, {("sink-takeover", "critical"): 2}, "1.2.3")
        self.text = b"".join(told).decode()
        self.families = {one.name: one for one in text_string_to_metric_families(self.text)}

    def sample(self, name: str, **labels: str) -> float:
        (found,) = [
            one.value
            for family in self.families.values()
            for one in family.samples
            if one.name == name and one.labels == labels
        ]
        return float(found)

    def test_names_types_and_help(self) -> None:
        for family in self.families.values():
            self.assertRegex(family.name, r"^dlmsd_[a-z0-9_]*[a-z0-9]$")
            self.assertTrue(family.documentation.endswith("."), family.name)
            self.assertIn(family.type, ("counter", "gauge"))
            for one in family.samples:
                self.assertEqual(one.name.endswith("_total"), family.type == "counter", one.name)
            self.assertNotRegex(family.name, r"_(ms|milliseconds|percent|kilobytes|minutes)(_|$)")
        self.assertEqual(
            self.text.count("# TYPE "), len(set(re.findall(r"# TYPE (\S+)", self.text)))
        )

    def test_no_sample_twice(self) -> None:
        seen: list[Any] = [
            (one.name, tuple(sorted(one.labels.items())))
            for family in self.families.values()
            for one in family.samples
        ]
        self.assertEqual(len(seen), len(set(seen)))

    def test_a_meter(self) -> None:
        meter = {"meter": "planta-a"}
        self.assertEqual(self.sample("dlmsd_meter_up", **meter), 1)
        self.assertEqual(self.sample("dlmsd_meter_state", **meter, state="reading"), 1)
        self.assertEqual(self.sample("dlmsd_meter_state", **meter, state="down"), 0)
        self.assertEqual(self.sample("dlmsd_meter_cycles_total", **meter, result="failed"), 3)
        self.assertEqual(self.sample("dlmsd_meter_success_ratio", **meter), 0.985)
        volts = {"measurement": "voltage_l1", "unit": "V"}
        self.assertEqual(self.sample("dlmsd_meter_value", **meter, **volts), 230)
        self.assertIn(" 12345678901234567890\n", self.text)
        self.assertNotIn('measurement="text"', self.text)

    def test_the_conservation_equation(self) -> None:
        for meter, sink in (("planta-a", "tb"), (HOSTILE.replace("\ud800", "?"), "tb")):
            labels = {"meter": meter, "sink": sink}
            committed = self.sample("dlmsd_deliveries_committed_total", **labels)
            parts = [
                self.sample(f"dlmsd_deliveries_{fate}", **labels)
                for fate in ("delivered_total", "queued", "quarantined", "dropped_total")
            ]
            self.assertEqual(committed, sum(parts))

    def test_hostile_names_are_labels(self) -> None:
        meter = HOSTILE.replace("\ud800", "?")
        self.assertEqual(self.sample("dlmsd_meter_up", meter=meter), 0)

    def test_the_whole(self) -> None:
        self.assertEqual(self.sample("dlmsd_build_info", version="1.2.3"), 1)
        taken = {"rule": "sink-takeover", "severity": "critical"}
        self.assertEqual(self.sample("dlmsd_alarms", **taken), 2)
        self.assertEqual(self.sample("dlmsd_outbox_bytes"), 4096)
        self.assertEqual(self.sample("dlmsd_sink_up", sink="tb", kind="thingsboard"), 1)
        self.assertEqual(self.sample("dlmsd_listener_messages_total", listener="han"), 3)

"""What Prometheus and Grafana are given to ask for is what /metrics tells, by name and label."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import evolve, field, frozen
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.board import Board
from dlmsd.meter.identity import Identity
from dlmsd.model import ListenerState, ListenerStatus
from dlmsd.store.counters import Account
from dlmsd.store.diagnostics import RANKS
from dlmsd.watch.finding import Finding
from dlmsd.watch.remedies import TREATMENTS
from dlmsd.web.exposition import exposition
from tests.web.visitor import METER, NOW, OUTBOX, SINK

ETC: Final = Path(__file__).parents[2] / "etc"
RULES: Final = ETC / "prometheus/dlmsd.rules.yml"
SCRAPE: Final = ETC / "prometheus/prometheus.yml"
DASHBOARD: Final = ETC / "grafana/dlmsd.json"

# What Prometheus itself knows of each target.
OF_TARGETS: Final = frozenset({"job", "instance"})
WORDS: Final = frozenset({"or", "and", "unless"})
GROUPS: Final = r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)"
OF_COUNTERS: Final = frozenset({"rate", "irate", "increase", "resets"})
OF_GAUGES: Final = frozenset({"delta", "idelta", "deriv", "predict_linear"})
CORE: Final = frozenset({"row", "stat", "timeseries", "table"})


@frozen
class Metric:
    """Its type, and of each label the values that were seen."""

    kind: str
    labels: dict[str, set[str]] = field(factory=dict)


def scraped() -> dict[str, Metric]:
    """By name, all that /metrics tells of a fleet that has one of everything."""
    board = Board()
    board.post(evolve(METER, latency=0.2))
    board.post(Identity("planta-a", ahead=1.5))
    board.post(evolve(SINK, last_delivery_ts=int(NOW)))
    board.post(evolve(OUTBOX, oldest_queued_ts=int(NOW)))
    board.post(ListenerStatus("han", "tcp:4059", ListenerState.LISTENING))
    rules = {Finding(rule, "", "info", 1.0).key[0] for rule in TREATMENTS}
    alarms = {(rule, severity): 1 for rule in rules for severity in RANKS}
    accounts = {("planta-a", "tb"): Account(197, 190, 2, 1, 4)}
    text = b"".join(exposition(board, accounts, alarms, "1.2.3")).decode()
    found = {"up": Metric("gauge")}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            metric = found.setdefault(sample.name, Metric(family.type))
            for label, value in sample.labels.items():
                metric.labels.setdefault(label, set()).add(value)
    return found


METRICS: Final = scraped()


def faults(query: str) -> Iterator[str]:
    """What of a PromQL expression /metrics does not have, or has of another type."""
    told = re.findall(r"([a-zA-Z_]\w*)\s*\{([^}]*)\}", query)
    bare = re.sub(r"\{[^}]*\}", "", query)
    plain = re.sub(GROUPS, "", re.sub(r"\[[^]]*\]", "", bare))
    names = set(re.findall(r"\b[a-zA-Z_]\w*\b(?!\s*\()", plain)) - WORDS
    for name in names - set(METRICS):
        yield f"{name} is no metric"
    for name, matchers in told:
        yield from _unmatched(name, matchers)
    for name in {label.strip() for group in re.findall(GROUPS, bare) for label in group.split(",")}:
        if name not in known(query):
            yield f"{name} is no label"
    ranged = re.findall(r"(\w+)\(\s*(\w+)\s*\[", bare)
    for function, name in ranged:
        kind = METRICS[name].kind if name in METRICS else ""
        if (function in OF_COUNTERS and kind == "gauge") or (
            function in OF_GAUGES and kind == "counter"
        ):
            yield f"{function}() of {name}, a {kind}"
    for name in names & set(METRICS) - {name for _, name in ranged}:
        if METRICS[name].kind == "counter":
            yield f"{name} is a counter, its height says nothing"


def _unmatched(name: str, matchers: str) -> Iterator[str]:
    labels = METRICS[name].labels if name in METRICS else {}
    for label, operator, wanted in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', matchers):
        if label in OF_TARGETS:
            continue
        if label not in labels:
            yield f"{name} has no label {label}"
        elif "$" not in wanted:
            for each in wanted.split("|") if operator.endswith("~") else [re.escape(wanted)]:
                if not any(re.fullmatch(each, value) for value in labels[label]):
                    yield f"{label} of {name} is never {each}"


def known(query: str) -> set[str]:
    """The labels that its metrics have."""
    names = set(re.findall(r"\w+", query)) & set(METRICS)
    return {label for name in names for label in METRICS[name].labels} | OF_TARGETS


def left(query: str) -> set[str]:
    """The labels that its result has."""
    groups = re.findall(r"\bby\s*\(([^)]*)\)", query)
    if groups:
        return {label.strip() for group in groups for label in group.split(",")}
    return known(query)


class PromQLTests(SynchronousTestCase):
    def test_what_is_wrong_is_found(self) -> None:
        for query, fault in (
            ("dlmsd_meter_upp == 0", "dlmsd_meter_upp is no metric"),
            ('dlmsd_meter_state{stat="down"}', "dlmsd_meter_state has no label stat"),
            ('dlmsd_meter_state{state="dwn"}', "state of dlmsd_meter_state is never dwn"),
            ('dlmsd_alarms{rule=~"quarantine|disc-.*"}', "rule of dlmsd_alarms is never disc-.*"),
            ("sum by (snk) (dlmsd_deliveries_queued)", "snk is no label"),
            ("rate(dlmsd_outbox_bytes[5m])", "rate() of dlmsd_outbox_bytes, a gauge"),
            (
                "delta(dlmsd_wrong_tokens_total[5m])",
                "delta() of dlmsd_wrong_tokens_total, a counter",
            ),
            (
                "dlmsd_wrong_tokens_total > 9",
                "dlmsd_wrong_tokens_total is a counter, its height says nothing",
            ),
        ):
            self.assertEqual(list(faults(query)), [fault])


class PrometheusTests(SynchronousTestCase):
    def setUp(self) -> None:
        groups = yaml.safe_load(RULES.read_text())["groups"]
        self.rules: list[dict[str, Any]] = [rule for group in groups for rule in group["rules"]]

    def test_the_scrape_finds_the_rules_and_has_the_name_that_they_go_by(self) -> None:
        told = yaml.safe_load(SCRAPE.read_text())
        self.assertEqual(told["rule_files"], [RULES.name])
        (job,) = told["scrape_configs"]
        self.assertIn(f'up{{job="{job["job_name"]}"}}', self.rules[0]["expr"])

    def test_each_rule_asks_for_what_there_is(self) -> None:
        for rule in self.rules:
            self.assertEqual(list(faults(rule["expr"])), [], rule["alert"])

    def test_each_rule_says_how_bad_it_is_and_what_to_do(self) -> None:
        names = [rule["alert"] for rule in self.rules]
        self.assertEqual(len(names), len(set(names)))
        for rule in self.rules:
            self.assertIn(rule["labels"]["severity"], ("warning", "critical"), rule["alert"])
            self.assertRegex(rule["for"], r"^\d+[mh]$")
            self.assertEqual(set(rule["annotations"]), {"summary", "description"}, rule["alert"])
            self.assertTrue(all(rule["annotations"].values()), rule["alert"])

    def test_each_text_names_labels_that_are_left(self) -> None:
        for rule in self.rules:
            named = re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))
            self.assertLessEqual(set(named), left(rule["expr"]), rule["alert"])


class GrafanaTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.board: dict[str, Any] = json.loads(DASHBOARD.read_text())
        self.panels = [one for one in self.board["panels"] if one["type"] != "row"]

    def test_each_panel_asks_for_what_there_is(self) -> None:
        for panel in self.panels:
            for target in panel["targets"]:
                query = target["expr"]
                self.assertEqual(list(faults(query)), [], panel["title"])
                named = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
                self.assertLessEqual(set(named), left(query), panel["title"])

    def test_each_variable_lists_a_label_that_there_is(self) -> None:
        source, *others = self.board["templating"]["list"]
        self.assertEqual((source["type"], source["query"]), ("datasource", "prometheus"))
        for one in others:
            told = re.fullmatch(r"label_values\((.*), (\w+)\)", one["query"]["query"])
            assert told is not None
            self.assertEqual(list(faults(told[1])), [])
            self.assertIn(told[2], known(told[1]))
        names = {one["name"] for one in self.board["templating"]["list"]}
        used = set(re.findall(r"\$\{?([a-z]+)", DASHBOARD.read_text()))
        self.assertEqual(used, names)

    def test_anybody_can_import_it(self) -> None:
        self.assertGreaterEqual(self.board["schemaVersion"], 38)  # Grafana 10
        self.assertLessEqual({one["type"] for one in self.board["panels"]}, CORE)
        sources = {one["datasource"]["uid"] for one in self.panels}
        self.assertEqual(sources, {"${datasource}"})
        numbers = [one["id"] for one in self.board["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))

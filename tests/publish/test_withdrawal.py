from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.topics import Topics
from dlmsd.config.values import Measurement, MeterOptions
from dlmsd.publish.homeassistant import Discovery
from dlmsd.publish.message import Message
from dlmsd.publish.withdrawal import Note, Withdrawal
from tests.publish.bench import Bench, meter
from tests.publish.discovery_schema import check, removed
from tests.publish.test_homeassistant import measurement, status

POWER = Decimal(6453)
_HOUSE = "homeassistant/"
_NOTES = "dlmsd/bridge/discovery/"


def reads(name: str, *keys: str, **options: Any) -> MeterOptions:
    wanted: tuple[Measurement, ...] = tuple(measurement(key) for key in keys)
    return meter(name, read=wanted, **options)


class WithdrawalTests(SynchronousTestCase):
    """Runs of the daemon, one after the other, at a broker that keeps what is retained."""

    def setUp(self) -> None:
        self.retained: dict[str, bytes] = {}

    def run_with(
        self, *meters: MeterOptions, kill: bool = False, read: dict[str, Any], **options: Any
    ) -> Bench:
        """A run in which each meter gave its values, to its end."""
        bench = Bench(*meters, **{"home_assistant": True, **options})
        bench.broker.retained = self.retained
        bench.start()
        for name, values in read.items():
            bench.sink.meter_state(name, True)
            bench.sink.meter_status(status(name, **values))
        bench.run(1)
        if not kill:
            stopping = bench.stop()
            bench.run(1)
            self.successResultOf(stopping)
        return bench

    def of(self, start: str) -> dict[str, bytes]:
        return {topic: one for topic, one in self.retained.items() if topic.startswith(start)}

    def document(self, name: str) -> dict[str, Any]:
        ((topic, payload),) = self.of(f"{_HOUSE}device/dlmsd_{name}_").items()
        return check(topic, payload)

    def keys(self, name: str) -> list[str]:
        document = self.document(name)
        gone = removed(document)
        return [key for key in document["cmps"] if key not in gone]

    def noted(self, name: str) -> list[list[str]]:
        found = [json.loads(one) for one in self.of(f"{_NOTES}{name}/").values()]
        return [list(one["components"]) for one in found]

    def test_each_document_has_its_note(self) -> None:
        bench = self.run_with(
            reads("a", "active_power", "voltage_l1"), read={"a": {"active_power": POWER}}
        )
        self.assertEqual(
            (self.keys("a"), self.noted("a")), (["active_power"],) * 1 + ([["active_power"]],)
        )
        topics = [one.topic for one in bench.broker.published]
        note, document = (
            next(index for index, one in enumerate(topics) if one.startswith(start))
            for start in (_NOTES, _HOUSE)
        )
        self.assertLess(note, document)

    def test_a_growing_document_leaves_one_note(self) -> None:
        bench = Bench(reads("a", "active_power", "voltage_l1"), home_assistant=True)
        bench.broker.retained = self.retained
        bench.start()
        for values in ({"active_power": POWER}, {"active_power": POWER, "voltage_l1": POWER}):
            bench.sink.meter_status(status("a", **values))
            bench.run(0.5)
        self.assertEqual(self.noted("a"), [["active_power", "voltage_l1"]])

    def test_switched_off_all_is_taken_back(self) -> None:
        both = reads("a", "active_power"), reads("b", "active_power")
        given = {name: {"active_power": POWER} for name in "ab"}
        self.run_with(*both, read=given)
        self.assertEqual((len(self.of(_HOUSE)), len(self.of(_NOTES))), (2, 2))
        # Also of a meter that went at the same time, and without requests.
        bench = self.run_with(both[0], read=given, home_assistant=False, requests=False)
        self.assertEqual((self.of(_HOUSE), self.of(_NOTES)), ({}, {}))
        empty = [one.topic for one in bench.broker.published if not one.payload]
        self.assertEqual([one.split("/")[0] for one in empty], ["homeassistant", "dlmsd"] * 2)
        bench = self.run_with(both[0], read=given, home_assistant=False)
        self.assertEqual([one for one in bench.broker.published if not one.payload], [])

    def test_a_measurement_that_is_no_longer_read_is_taken_back(self) -> None:
        for version in (5, 311):
            self.retained.clear()
            self.run_with(
                reads("a", "active_power", "voltage_l1"),
                read={"a": {"active_power": POWER, "voltage_l1": True}},
                protocol=version,
            )
            less = reads("a", "active_power")
            bench = self.run_with(less, read={"a": {"active_power": POWER}}, protocol=version)
            document = self.document("a")
            self.assertEqual(document["cmps"]["voltage_l1"], {"p": "binary_sensor"})
            self.assertEqual(
                (self.keys("a"), self.noted("a")), (["active_power"], [["active_power"]])
            )
            self.assertEqual(len(self.of(_HOUSE)), 1)
            # Home Assistant has removed it: it need not be said for ever.
            self.run_with(less, read={"a": {"active_power": POWER}}, protocol=version)
            self.assertEqual(removed(self.document("a")), [])
            del bench

    def test_nothing_is_taken_back_before_the_meter_is_read(self) -> None:
        self.run_with(
            reads("a", "active_power", "voltage_l1"),
            read={"a": {"active_power": POWER, "voltage_l1": POWER}},
        )
        before = self.of("")
        self.run_with(reads("a", "active_power"), read={}, kill=True)
        after = self.of("")
        self.assertEqual(
            {
                topic: one
                for topic, one in after.items()
                if topic in before and "status" not in topic
            },
            {topic: one for topic, one in before.items() if "status" not in topic},
        )

    def test_what_is_wanted_and_not_yet_read_stays(self) -> None:
        wanted = reads("a", "active_power", "voltage_l1")
        self.run_with(wanted, read={"a": {"active_power": POWER, "voltage_l1": POWER}})
        self.run_with(wanted, read={"a": {"active_power": POWER}})
        self.assertEqual(removed(self.document("a")), [])
        # It is remembered, though: a run that no longer wants it takes it back.
        self.run_with(reads("a", "active_power"), read={"a": {"active_power": POWER}})
        self.assertEqual(removed(self.document("a")), ["voltage_l1"])

    def test_what_a_push_left_out_stays(self) -> None:
        pushes = meter("a", transport="push")
        self.run_with(pushes, read={"a": {"active_power": POWER, "voltage_l1": POWER}})
        self.run_with(pushes, read={"a": {"active_power": POWER}})
        self.assertEqual(removed(self.document("a")), [])

    def test_what_is_read_again_is_announced_again(self) -> None:
        both = {"active_power": POWER, "voltage_l1": POWER}
        for keys in (
            ("active_power", "voltage_l1"),
            ("active_power",),
            ("active_power", "voltage_l1"),
        ):
            self.run_with(reads("a", *keys), read={"a": {key: both[key] for key in keys}})
            self.assertEqual((self.keys("a"), self.noted("a")), (list(keys), [list(keys)]))

    def test_a_meter_that_is_gone_is_removed(self) -> None:
        both = reads("a", "active_power"), reads("b", "active_power")
        self.run_with(*both, read={name: {"active_power": POWER} for name in "ab"})
        announced = set(self.of(_HOUSE))
        self.run_with(both[0], read={})
        left = set(self.of(_HOUSE))
        self.assertEqual((len(left), left < announced, self.noted("b")), (1, True, []))
        self.assertNotIn("dlmsd/b/availability", self.retained)
        self.assertIn("dlmsd/a/availability", self.retained)

    def test_another_template_takes_the_old_device_back(self) -> None:
        read = {"a": {"active_power": POWER}}
        self.run_with(reads("a", "active_power"), read=read)
        self.run_with(reads("a", "active_power"), read=read, topic="dlmsd/{meter}/state")
        self.assertEqual(self.document("a")["stat_t"], "dlmsd/a/state")
        self.assertEqual(len(self.noted("a")), 1)

    def test_a_connection_that_ends_in_between_loses_nothing(self) -> None:
        """Of what the last run says, the broker takes the first messages only."""
        for taken in range(8):
            self.retained.clear()
            self.run_with(
                reads("a", "active_power", "voltage_l1"),
                read={"a": {"active_power": POWER, "voltage_l1": POWER}},
            )
            bench = Bench(reads("a", "active_power"), home_assistant=True)
            bench.broker.retained = kept = dict(self.retained)
            bench.start()
            bench.sink.meter_status(status("a", active_power=POWER))
            bench.run(1)
            said = bench.broker.published[:taken]
            self.retained.update({one.topic: one.payload for one in said if one.retain})
            self.retained = {topic: one for topic, one in self.retained.items() if one}
            self.assertNotEqual(kept, {})
            self.run_with(reads("a", "active_power"), read={"a": {"active_power": POWER}})
            told = "voltage_l1" in json.dumps([one.payload.decode() for one in said])
            self.assertTrue(told or removed(self.document("a")) == ["voltage_l1"], taken)
            self.assertEqual(self.noted("a"), [["active_power"]])


class NoteTests(SynchronousTestCase):
    def test_only_documents_of_ours_are_touched(self) -> None:
        topics = Topics("dlmsd/{meter}")
        for text in (
            b"",
            b"[]",
            b"{",
            b'{"topic":"homeassistant/device/other/config","components":{}}',
            b'{"topic":"zigbee2mqtt/lamp/set","components":{}}',
            b'{"topic":"homeassistant/device/dlmsd_a_01234567/config","components":{"x":"light"}}',
        ):
            message = Message("dlmsd/bridge/discovery/b/0", text, retain=True)
            for one in (Withdrawal(topics), Discovery(topics, [meter("a")])):
                self.assertEqual(list(one.told(message) or ()), [], text)

    def test_no_note_removes_the_document_of_another_meter(self) -> None:
        discovery = Discovery(Topics("dlmsd/{meter}"), [reads("a", "active_power")])
        (_, note), (topic, _) = discovery.learn(status("a", active_power=POWER))
        (said,) = (
            discovery.told(Message("dlmsd/bridge/discovery/b/0", note.payload, retain=True)) or ()
        )
        self.assertEqual(said[0], "dlmsd/bridge/discovery/b/0")
        self.assertEqual(Note.decode(note.payload), Note(topic, {"active_power": "sensor"}))

    def test_topics(self) -> None:
        topics = Topics("x/{meter}")
        self.assertEqual(topics.meter_of_note(topics.note("a b", "1f")), "a b")
        for topic in (
            "x/bridge/discovery/a",
            "x/bridge/discovery/a/1/2",
            "x/bridge/discovery//1",
            "y",
        ):
            self.assertIsNone(topics.meter_of_note(topic), topic)

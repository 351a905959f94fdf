"""The record: what it holds, and that it is on disk at once."""

from __future__ import annotations

import json
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import LocalError
from dlmsd.simulator.personality import SMALL
from dlmsd.simulator.record import Entry, RecordFile
from tests.simulator.client import NOON, World, register


class RecordTests(SynchronousTestCase):
    def test_entries(self) -> None:
        world = World().start()
        client = world.client().open()
        value, _, _ = client.get(
            register("1-1:32.7.0"), register("1-1:32.7.0", 3), register("1-1:99.9.9")
        )
        (entry,) = world.entries
        self.assertEqual(entry.meter, "virtual-001")
        self.assertEqual(
            entry.results,
            (
                ("1-1:32.7.0", 2, str(value.value)),
                ("1-1:32.7.0", 3, "[-1, 35]"),
                ("1-1:99.9.9", 2, None),
            ),
        )
        self.assertEqual(entry.t, NOON + world.reactor.seconds())

    def test_octets_in_hex(self) -> None:
        world = World().start()
        world.client().open().get(register("0-0:96.1.0", 2, 1))
        self.assertEqual(world.entries[0].results, (("0-0:96.1.0", 2, b"00000001".hex()),))

    def test_segments_and_blocks_are_one_answer(self) -> None:
        world = World(personality=SMALL).start()
        client = world.client().open()
        client.get(*(register(f"1-1:{c}.7.0", 3) for c in (32, 52, 72, 31, 51, 71, 14, 1, 2)))
        self.assertEqual([len(entry.results) for entry in world.entries], [9])

    def test_an_answer_in_segments_is_recorded_at_its_end(self) -> None:
        world = World(personality=evolve(SMALL, max_response=0, max_pdu=0)).start()
        client = world.client().open()
        before = len(client.frames)
        client.get(*(register(f"1-1:{c}.7.0", 3) for c in (32, 52, 72, 31, 51, 71, 14, 1, 2)))
        self.assertGreater(sum(bool(one.information) for one in client.frames[before:]), 2)
        self.assertEqual([len(entry.results) for entry in world.entries], [9])

    def test_what_is_sent_again_is_recorded_again(self) -> None:
        world = World().start()
        client = world.client().open()
        client.get(register("1-1:32.7.0"))
        client.transport.protocol.dataReceived(client.sent[-1])
        world.reactor.advance(1)
        first, second = world.entries
        self.assertEqual(first.results, second.results)
        self.assertGreater(second.t, first.t)

    def test_writes_and_actions(self) -> None:
        """Whatever became of them, and once."""
        world = World().start()
        client = world.client().open()
        attribute, value = register("0-0:96.1.0", 2, 1), Data(Tag.OCTET_STRING, b"\xab")
        method = MethodDescriptor(15, Obis.parse("0-0:40.0.0"), 99)
        client.set(attribute, value)
        client.action(method, value)
        wrote, invoked = world.entries
        self.assertEqual(wrote.writes, (("0-0:96.1.0", 2, "ab", "read-write-denied"),))
        self.assertEqual((wrote.results, wrote.actions), ((), ()))
        self.assertEqual(invoked.actions, (("0-0:40.0.0", 99, "ab", "read-write-denied"),))
        self.assertTrue(NOON < wrote.t < invoked.t)

    def test_associations_are_no_entries(self) -> None:
        world = World().start()
        world.client().open().release()
        self.assertEqual(world.entries, [])

    def test_file(self) -> None:
        path = Path(self.mktemp())
        record = RecordFile(path)
        entry = Entry(12.5, "virtual-001", (("1-1:32.7.0", 2, "2301"), ("1-1:9.9.9", 2, None)))
        self.assertRaises(LocalError, record, entry)
        record.open()
        record(entry)
        line = {
            "t": 12.5,
            "meter": "virtual-001",
            "results": [["1-1:32.7.0", 2, "2301"], ["1-1:9.9.9", 2, None]],
        }
        self.assertEqual(json.loads(path.read_text()), line)
        record.close()
        record.open()
        record(entry)
        record.close()
        self.assertEqual(len(path.read_text().splitlines()), 2)

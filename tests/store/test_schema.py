"""A file of an earlier version keeps all that it holds, or stays as it was."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.model import Gap, GapCause
from dlmsd.store.counters import Account
from dlmsd.store.database import open_database, schema_steps
from dlmsd.store.outbox import Outbox
from tests.store.case import NOW, look
from tests.store.immediate import ImmediateWriter

OLD = """
    INSERT INTO readings VALUES (1, 'a', 5, '{"u":230.10}', 1), (2, 'a', 6, '{"u":230.20}', 2);
    INSERT INTO deliveries VALUES (3, 1, 'a', 'tb', 7), (4, 2, 'a', 'tb', NULL),
                                  (5, 2, 'a', 'mq', NULL);
    INSERT INTO counters VALUES ('a', 'tb', 9, 3, 5), ('a', 'mq', 1, 0, 0);
    INSERT INTO gaps VALUES (1, 'a', 'tb', 1, 4, 5, 'outbox full', 3);
    INSERT INTO meters VALUES ('a', 7, 6);
    INSERT INTO transmit_counters VALUES ('c/k', 1000);
"""


class UpgradeTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "outbox.db"
        self.steps = schema_steps("outbox")
        with closing(open_database(self.path, self.steps[:2])) as old:
            old.executescript(OLD)

    def test_from_the_second_version(self) -> None:
        writer = ImmediateWriter()
        writer.start()
        outbox = Outbox(
            self.path, OutboxOptions(history_days=36_600), writer=writer, clock=Clock(),
            wall=lambda: NOW, post=lambda status: None,
        )  # fmt: skip

        def done(coroutine: object) -> object:
            return self.successResultOf(Deferred.fromCoroutine(coroutine))

        done(outbox.start())
        self.assertEqual([one.id for one in done(outbox.pending("tb", 0, 9))], [4])
        self.assertEqual(
            done(outbox.accounts()),
            {("a", "tb"): Account(9, 3, 1, 0, 5), ("a", "mq"): Account(1, 0, 1, 0, 0)},
        )
        self.assertEqual(done(outbox.audit()), [])
        gap = Gap(1, "a", "tb", GapCause.OUTBOX_FULL, 1, 4, 5)
        self.assertEqual(done(outbox.gaps.since(0)), [gap])
        self.assertEqual(
            self.successResultOf(outbox.invocation_counters.reserve_counters("c/k", 0, 1)),
            (1000, 1001),
        )
        done(outbox.stop())

    def test_whole_or_not_at_all(self) -> None:
        before = look(self.path, "SELECT sql FROM sqlite_master ORDER BY name")
        statements = self.steps[2].split(";")
        for number in range(1, len(statements)):
            broken = ";".join([*statements[:number], "\nINSERT INTO nowhere VALUES (1);"])
            steps = (*self.steps[:2], broken)
            self.assertRaises(StoreError, open_database, self.path, steps)
            self.assertEqual(look(self.path, "PRAGMA user_version"), [(2,)])
        self.assertEqual(look(self.path, "SELECT sql FROM sqlite_master ORDER BY name"), before)

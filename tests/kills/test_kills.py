"""Fifty kills lose nothing, and each thing that the judge looks at is seen when it is wrong."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import Reading
from dlmsd.store.batch import Batch, Entry, Waiting
from dlmsd.store.ledger import Ledger
from dlmsd.store.values import encode_values
from tests.kills.episode import BACKLOG, Episode
from tests.kills.judge import Figures, Judge
from tests.kills.run import run


class KillTests(SynchronousTestCase):
    def test_fifty_kills_lose_nothing(self) -> None:
        figures = run(52, jobs=4, each=13)
        print(figures, end=" ")
        self.assertEqual(figures.violations, [])
        self.assertEqual(figures.killed, 52)
        # Nothing is shown by kills that met nobody.
        self.assertEqual(set(figures.kills), {"start", "reading", "shutdown", "drain"})
        self.assertGreater(figures.starts["program"], 0)
        self.assertGreater(figures.read, 52)
        self.assertGreater(figures.duplicates, 0)
        self.assertGreater(figures.counters, 50)
        self.assertGreater(figures.told, 0)
        self.assertGreater(figures.readings, BACKLOG)


class LastLifeTests(SynchronousTestCase):
    def test_a_meter_that_is_not_read(self) -> None:
        episode = Episode(1, 1, cast(Any, None), cast(Any, None))
        self.addCleanup(episode._folder.rmdir)
        subscriber = cast(Any, SimpleNamespace(messages=[("t/m", b'{"ts":1,"values":{}}', False)]))
        self.patch(Judge, "waiting", lambda self, path: 0)
        episode._wait(subscriber, {"m": 1}, 0.0)
        failed = self.assertRaises(AssertionError, episode._wait, subscriber, {"m": 2}, 0.0)
        self.assertIn("hardly read: ['m']", str(failed))


class JudgeTests(SynchronousTestCase):
    """Two readings of one meter, both of which have arrived; and one thing wrong."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.counters = Path(self.mktemp())
        self.answers = [
            {"t": 0.05, "meter": "m", "results": [["1-1:32.7.0", 3, "[-1, 35]"]]},
            self.answer(0.12, "2301"),
            self.answer(0.29, "2302"),
        ]
        readings = [
            Reading("m", ts, {"u": Decimal(raw)}) for ts, raw in ((100, "230.1"), (300, "230.2"))
        ]
        ledger = Ledger(self.path, threading.Event())
        entries = [Entry(each, ("local",), encode_values(each.values)) for each in readings]
        waiting = [Waiting(each, Deferred()) for each in entries]
        ids = [each.id for each in ledger.commit(Batch(waiting), 0).deliveries]
        ledger.commit(Batch(marks=ids), 1)
        ledger.close()
        self.messages = [self.message(100, "230.1"), self.message(300, "230.2")]
        self.numbers = [0, 1, 2]
        self.judge = Judge(Figures(), 20, {"1-1:32.7.0": "u"}, frozenset())

    def answer(self, t: float, raw: str) -> dict[str, Any]:
        return {"t": t, "meter": "m", "results": [["1-1:32.7.0", 2, raw]]}

    def message(self, ts: int, value: str) -> tuple[str, bytes, bool]:
        return "t/m", b'{"ts":%d,"values":{"u":%s}}' % (ts, value.encode()), False

    def sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute(statement)

    def verdict(self, **status: Any) -> str:
        lines = (json.dumps(["apdu", "title/key", number]) for number in self.numbers)
        self.counters.write_text("\n".join(lines))
        self.judge.examine(self.path)
        if status:
            self.judge.told(status)
        self.judge.arrived(self.messages)
        self.judge.finish(self.path, self.answers, self.counters)
        return "; ".join(self.judge.figures.violations)

    def test_all_is_well(self) -> None:
        told = {"meters": [{"name": "m", "ts": 300}], "outbox": {"committed": 2}}
        self.assertEqual(self.verdict(**told), "")

    def test_lost(self) -> None:
        del self.messages[1]
        self.assertEqual(self.verdict(), "m: 300 was committed and never arrived")
        self.assertEqual(self.judge.figures.lost, 1)

    def test_what_waits_in_the_file_is_not_lost(self) -> None:
        del self.messages[1]
        self.sql("UPDATE deliveries SET delivered_at = NULL WHERE reading = 2")
        self.sql("UPDATE counters SET delivered = 1, queued = 1")
        self.assertEqual(self.verdict(), "")

    def test_altered(self) -> None:
        self.messages[1] = self.message(300, "230.20000000000001")
        self.assertEqual(self.verdict(), "m: 300 arrived with other values")

    def test_another_order(self) -> None:
        self.messages.reverse()
        self.assertEqual(self.verdict(), "m: 100 came for the first time behind a later one")

    def test_a_duplicate_that_is_none(self) -> None:
        self.messages.append(self.message(300, "230.3"))
        self.assertEqual(self.verdict(), "m: 300 came again and is not the same")

    def test_too_many_duplicates(self) -> None:
        self.messages += [self.message(300, "230.2")] * 21
        self.assertEqual(self.verdict(), "21 duplicates after one kill")

    def test_published_and_not_committed(self) -> None:
        self.messages.append(self.message(400, "230.3"))
        self.assertEqual(self.verdict(), "m: 400 arrived and was never committed")

    def test_told_and_not_committed(self) -> None:
        told = {"meters": [{"name": "m", "ts": 400}], "outbox": {"committed": 3}}
        self.assertEqual(
            self.verdict(**told),
            "m: the page told 400, and it is not in the file; the page told 3 committed readings",
        )

    def test_never_answered(self) -> None:
        self.answers[2] = self.answer(0.29, "2303")
        self.assertEqual(self.verdict(), "m: 300 is not what the meter answered then")

    def test_the_answer_of_the_cycle_before(self) -> None:
        self.answers[1:] = [self.answer(t, raw) for t, raw in ((0.02, "2301"), (0.12, "2302"))]
        self.answers.append(self.answer(0.29, "2303"))
        wrong = "m: 100 is not what the meter answered then; m: 300 is not what the meter answered"
        self.assertEqual(self.verdict(), wrong + " then")

    def test_an_answer_long_ago(self) -> None:
        for answer, t in zip(self.answers, (-9.3, -9.2, -9.1), strict=True):
            answer["t"] = t
        self.assertIn("m: 300 is not what the meter answered then", self.verdict())

    def test_one_answer_kept_twice(self) -> None:
        self.messages[1] = self.message(300, "230.1")
        self.sql("UPDATE readings SET values_json = '{\"u\":230.1}' WHERE ts = 300")
        del self.answers[2]
        self.assertEqual(self.verdict(), "m: 300 is an answer that had been kept before")

    def test_an_answer_that_was_not_kept(self) -> None:
        self.answers.insert(2, self.answer(0.15, "2305"))
        wrong = "m: what the meter answered at 0.150 was not kept, a later answer was"
        self.assertEqual(self.verdict(), wrong)

    def test_an_answer_that_was_asked_for_again(self) -> None:
        self.answers.insert(2, self.answer(0.15, "2301"))
        self.assertEqual(self.verdict(), "")

    def test_counted_wrongly(self) -> None:
        self.sql("UPDATE counters SET delivered = 1")
        self.assertEqual(
            self.verdict(), "m: the accounts are [2, 1, 0, 0, 0], the rows [2, 2, 0, 0, 0]"
        )

    def test_gone_from_the_file(self) -> None:
        self.judge.examine(self.path)
        self.sql("DELETE FROM readings WHERE ts = 100")
        self.assertIn("2 readings were committed, 1 are there", self.verdict())

    def test_a_counter_twice(self) -> None:
        self.numbers.append(1)
        self.assertEqual(self.verdict(), "title/key: counter 1 served 2 times")

    def test_too_many_counters_burnt(self) -> None:
        self.numbers.append(3000)
        self.assertEqual(self.verdict(), "title/key: 2997 counters burnt in 1 starts")

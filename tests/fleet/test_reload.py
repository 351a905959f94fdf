"""A configuration that is read again: what changes, what does not, and what is told of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import ConfigurationError, LinkError, Problem
from dlmsd.fleet.filewatch import FileWatch
from dlmsd.model import Gone, MeterState, MeterStatus
from dlmsd.store.own import Override, OwnMeasurement
from tests.fleet.reload_case import FILE, OWN, ReloadCase


class ReloadTests(ReloadCase):
    def test_what_changed_is_told_and_applied_in_order(self) -> None:
        self.start()
        self.board.post(MeterStatus("b", "x", "y", 5.0, MeterState.READING))
        gone: list[object] = []
        self.board.subscribe(gone.append)
        status = self.again(FILE.replace('name = "b"', 'name = "n"').replace(".0.1", ".0.7"))
        self.assertEqual([name for name, _ in self.applied], ["first", "second", "third"])
        self.assertEqual((status.added, status.removed, status.changed), (("n",), ("b",), ("a",)))
        self.assertEqual(status.problems, ())
        self.assertEqual(self.meters()["a"].host, "10.0.0.7")
        self.assertIn(Gone("meter", "b"), gone)
        self.assertEqual(self.board.meters, {})
        (note, *_) = self.done(self.registry.audit.list())
        self.assertEqual((note.who, note.detail[:13]), ("test", "1 meter added"))

    def test_a_bad_file_changes_nothing_and_says_why(self) -> None:
        self.start()
        for text in (FILE[: len(FILE) // 2 + 3], FILE.replace("host", "hots"), "\0", "[[meters]]"):
            status = self.again(text)
            self.assertNotEqual(status.problems, ())
            self.assertIn("dlmsd.toml", status.problems[0])
            self.assertEqual(self.applied, [])
        self.path.unlink()
        self.assertIn("cannot be read", self.done(self.reload.reload("x")).problems[0])
        self.assertEqual(self.again().problems, ())
        self.assertEqual([one.name for one in self.reload.configuration.meters], ["a", "b"])

    def test_what_is_wrong_in_the_file_is_told_until_it_was_read(self) -> None:
        self.start()
        wrong = self.again("[[meters]]").problems
        self.assertEqual(self.done(self.reload.refresh("op")).problems, ())
        assert self.board.reload is not None
        self.assertEqual(self.board.reload.problems, wrong)
        self.again()
        self.done(self.reload.refresh("op"))
        self.assertEqual(self.board.reload.problems, ())

    def test_the_first_part_may_refuse_it_all(self) -> None:
        self.start()
        self.refusals["first"] = ConfigurationError((Problem("ca.pem", 0, "", "no certificate"),))
        status = self.again(FILE.replace('"b"', '"n"'))
        self.assertEqual(status.problems, ("ca.pem: no certificate",))
        self.assertEqual([name for name, _ in self.applied], ["first"])
        self.assertEqual([one.name for one in self.reload.configuration.meters], ["a", "b"])

    def test_another_part_that_fails_keeps_none_from_its_own(self) -> None:
        self.start()
        self.refusals["second"] = LinkError("the port is taken")
        status = self.again()
        self.assertIn("the port is taken", status.problems[0])
        self.assertEqual([name for name, _ in self.applied], ["first", "second", "third"])

    def test_what_needs_a_restart_is_told_until_there_is_one(self) -> None:
        self.start()
        text = '[daemon]\nlog_level = "debug"\n' + FILE
        self.assertEqual(self.again(text).restart, ("daemon.log_level",))
        self.assertEqual(self.again(text).restart, ("daemon.log_level",))
        self.assertEqual(self.again().restart, ())

    def test_meters_of_the_registry_are_read_beside_the_files(self) -> None:
        self.done(self.registry.start())
        self.done(self.registry.add(OWN, "api"))
        self.assertEqual([one.name for one in self.start().meters], ["a", "b", "c"])
        one = evolve(OWN, measurements=(OwnMeasurement("frequency", enabled=False),))
        self.done(self.registry.replace(one, "api"))
        self.path.write_text("broken [")
        status = self.done(self.reload.refresh("api"))
        self.assertEqual((status.changed, status.problems), (("c",), ()))
        self.assertNotIn("frequency", [one.name for one in self.meters()["c"].read])
        self.assertEqual(sorted(self.registry.ids), ["a", "b", "c"])

    def test_one_that_does_not_fit_is_left_out_and_told_of(self) -> None:
        self.start()
        self.done(self.registry.add(evolve(OWN, name="a"), "api"))
        status = self.done(self.reload.refresh("api"))
        self.assertEqual(status.problems, ())
        self.assertIn("another meter has this name", status.refused["a"])
        self.assertEqual([one.name for one in self.applied[-1][1].meters], ["a", "b"])

    def test_overrides(self) -> None:
        self.start()
        self.done(self.registry.add(OWN, "api"))
        self.done(self.reload.refresh("api"))
        self.done(self.registry.override("a", Override("inactive"), "api"))
        self.done(self.registry.override("c", Override(None, 9.0), "api"))
        self.assertEqual(self.done(self.reload.refresh("api")).changed, ("a", "c"))
        self.assertEqual(self.meters()["a"].status, "inactive")
        self.assertEqual(self.meters()["c"].interval, 9.0)
        self.assertEqual(self.again().changed, ())
        self.done(self.registry.override("a", Override(), "api"))
        self.assertEqual(self.done(self.reload.refresh("api")).changed, ("a",))
        self.assertEqual(self.meters()["a"].status, "active")

    def test_without_the_registry_the_files_meters_are_read(self) -> None:
        path = self.folder / "registry.db"
        with closing(sqlite3.connect(path)) as newer:
            newer.execute("PRAGMA user_version = 99")
        self.assertEqual([one.name for one in self.start().meters], ["a", "b"])
        assert self.board.reload is not None
        self.assertIn("newer dlmsd", self.board.reload.problems[0])
        self.clock.advance(30)
        self.assertEqual(self.again().problems[0], self.board.reload.problems[0])
        self.assertEqual(self.applied, [])
        path.unlink()
        self.clock.advance(30)
        self.assertEqual(self.board.reload.problems, ())
        self.assertEqual(len(self.registry.ids), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_damaged_registry_is_replaced_and_told_of(self) -> None:
        path = self.folder / "registry.db"
        path.write_bytes(b"these are the voyages " * 500)
        self.assertEqual([one.name for one in self.start().meters], ["a", "b"])
        assert self.board.reload is not None
        self.assertIn("set aside as registry.db.corrupt-", self.board.reload.problems[0])
        self.assertEqual(len(self.registry.ids), 2)
        self.assertEqual(self.again().problems, ())

    def test_one_after_the_other_and_none_after_the_stop(self) -> None:
        self.start()
        self.writer.hold()
        first = Deferred.fromCoroutine(self.reload.reload("one"))
        second = Deferred.fromCoroutine(self.reload.reload("two"))
        stopped = Deferred.fromCoroutine(self.reload.stop())
        self.assertNoResult(stopped)
        self.writer.release()
        self.successResultOf(stopped)
        self.assertEqual(self.successResultOf(first).trigger, "one")
        self.assertEqual(self.successResultOf(second).problems, ("dlmsd stops",))
        self.reload.soon("three")
        self.assertEqual(len(self.applied), 3)


class FileWatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.stamp: Any = 0
        self.changes = 0
        self.watch = FileWatch(lambda: self.look(), self.changed, self.clock)

    def look(self) -> Any:
        if isinstance(self.stamp, Exception):
            raise self.stamp
        return self.stamp

    def changed(self) -> None:
        self.changes += 1

    def save(self, stamp: Any, seconds: float = 1.0) -> None:
        self.stamp = stamp
        self.clock.pump([0.5] * int(seconds * 2))

    def test_when_it_stays_so(self) -> None:
        self.watch.watch(True)
        self.save(0, 5)
        for stamp in range(1, 6):
            self.save(stamp)
        self.assertEqual(self.changes, 0)
        self.save(5, 5)
        self.assertEqual(self.changes, 1)
        self.watch.watch(True)
        self.save(6, 5)
        self.assertEqual(self.changes, 2)

    def test_not_when_nobody_wants_it(self) -> None:
        self.watch.watch(False)
        self.save(1, 5)
        self.watch.watch(True)
        self.save(1, 5)
        self.watch.watch(False)
        self.save(2, 5)
        self.assertEqual((self.changes, self.clock.getDelayedCalls()), (0, []))

    def test_goes_on_after_an_error(self) -> None:
        self.watch.watch(True)
        self.save(OSError("x"), 2)
        self.assertNotEqual(self.flushLoggedErrors(OSError), [])
        self.save(3, 3)
        self.assertEqual(self.changes, 1)
        self.watch.watch(False)

"""A backup holds what there was at one instant; restoring it repeats no invocation counter."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
import threading
from contextlib import closing
from pathlib import Path
from random import Random

from dlmsd.errors import StoreError
from dlmsd.store import archive
from dlmsd.store.archive import ArchiveError
from dlmsd.store.own import OwnMeter
from dlmsd.store.registry import Registry
from tests.owners import Owners
from tests.store.case import NOW, NOW_MS, OutboxCase, look, reading


class ArchiveCase(OutboxCase):
    """``self.state`` is a state folder in use; ``self.target`` where its backup goes."""

    def setUp(self) -> None:
        super().setUp()
        self.state = self.path.parent
        self.target = Path(self.mktemp()).absolute()
        self.target.parent.mkdir(exist_ok=True, parents=True)
        self.registry = Registry(
            self.state / "registry.db",
            writer=self.writer,
            wall=lambda: NOW,
            draw=Random(1).randbytes,
        )
        self.done(self.registry.start())
        self.addCleanup(lambda: self.done(self.registry.stop()))
        (self.state / "instance-id").write_text("0a1b2c3d\n")
        (self.state / "web.token").write_text("canary\n")

    def leave(self) -> None:
        """The daemon ends."""
        self.done(self.registry.stop())
        self.close()

    def reserve(self, count: int = 1000) -> tuple[int, int]:
        found: tuple[int, int] = self.successResultOf(
            self.outbox.invocation_counters.reserve_counters("title/key", 0, count)
        )
        return found

    def names(self, folder: Path | None = None) -> set[str]:
        return {one.name for one in (folder or self.state).iterdir()}


class BackupTests(ArchiveCase):
    def test_everything_while_it_is_written(self) -> None:
        self.store(*(reading(ts=NOW_MS + n) for n in range(50)))
        self.done(self.registry.add(OwnMeter("c", {"host": "h"}), "api"))
        contents = archive.write(self.state, self.target, NOW)
        self.store(reading(ts=NOW_MS + 99))
        self.assertEqual(
            set(contents.sizes), {"outbox.db", "registry.db", "instance-id", "web.token"}
        )
        self.assertEqual(self.target.stat().st_mode & 0o777, 0o600)
        self.assertEqual([n for n in self.names(self.target.parent) if n.startswith(".d")], [])
        fresh = Path(self.mktemp()).absolute()
        fresh.mkdir()
        done = archive.restore(fresh, self.target, NOW)
        self.assertEqual(done.aside, ())
        self.assertEqual(self.names(fresh), set(contents.sizes))
        self.assertEqual(look(fresh / "outbox.db", "SELECT count(*) FROM readings"), [(50,)])
        self.assertEqual(look(fresh / "registry.db", "SELECT name FROM meters"), [("c",)])
        self.assertEqual((fresh / "web.token").read_text(), "canary\n")
        for file in fresh.iterdir():
            self.assertEqual(file.stat().st_mode & 0o777, 0o600, file)

    def test_of_one_instant_under_a_writer_without_pause(self) -> None:
        """Two rows of one transaction are both there or both not."""
        other = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        other.execute("CREATE TABLE pair (x)")
        ended = threading.Event()

        def write() -> None:
            number = 0
            while not ended.is_set():
                number += 1
                other.execute("BEGIN IMMEDIATE")
                other.execute("INSERT INTO pair VALUES (?)", (number,))
                other.execute("INSERT INTO pair VALUES (?)", (number,))
                other.execute("COMMIT")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(5):
                archive.write(self.state, self.target, NOW)
                copied = self.target.parent / "outbox.db"
                with tarfile.open(self.target) as found:
                    member = found.extractfile("outbox.db")
                    assert member is not None
                    copied.write_bytes(member.read())
                odd = look(copied, "SELECT x FROM pair GROUP BY x HAVING count(*) <> 2")
                self.assertEqual(odd, [])
                copied.unlink()
        finally:
            ended.set()
            thread.join()
            other.close()

    def test_nothing_to_keep(self) -> None:
        empty = Path(self.mktemp()).absolute()
        empty.mkdir()
        self.assertRaises(StoreError, archive.write, empty, self.target, NOW)
        self.assertFalse(self.target.exists())

    def test_no_place_for_it(self) -> None:
        nowhere = self.target / "deeper" / "b.tar"
        self.assertRaises(StoreError, archive.write, self.state, nowhere, NOW)


class RestoreTests(ArchiveCase):
    def backup(self) -> None:
        archive.write(self.state, self.target, NOW)

    def test_counters_rise_above_what_is_in_use(self) -> None:
        self.reserve()
        self.backup()
        used = self.reserve(50_000_000)[1]
        self.done(self.outbox.flush())
        self.outbox.invocation_counters.keep_received("meter/key", 700)
        self.done(self.outbox.flush())
        self.leave()
        done = archive.restore(self.state, self.target, NOW + 60)
        self.assertEqual(done.counters, 1)
        self.open()
        self.assertGreaterEqual(self.reserve()[0], used + archive.MARGIN)
        self.assertEqual(
            self.done(self.outbox.invocation_counters.received_counters()), {"meter/key": 700}
        )

    def test_counters_rise_by_the_time_where_nothing_is_left_to_compare(self) -> None:
        end = self.reserve()[1]
        self.backup()
        self.leave()
        for file in self.state.iterdir():
            file.unlink()
        days = 30 * 86_400
        archive.restore(self.state, self.target, NOW + days)
        self.open()
        expected = end + archive.MARGIN + days * archive.PER_SECOND
        self.assertEqual(self.reserve()[0], expected)

    def test_what_root_restores_is_the_daemons(self) -> None:
        self.store(reading())
        self.backup()
        self.leave()
        for one in self.state.iterdir():
            one.unlink()
        owners = Owners(self, self.state)
        restored = archive.restore(self.state, self.target, NOW)
        self.assertEqual(self.names(), set(restored.contents.sizes))
        self.assertGreaterEqual(self.names(), {"outbox.db", "registry.db", "web.token"})
        self.assertEqual(owners.strangers(), set())

    def test_a_clock_before_the_backup_and_a_damaged_file(self) -> None:
        end = self.reserve()[1]
        self.backup()
        self.leave()
        self.path.write_bytes(b"these are the voyages " * 500)
        done = archive.restore(self.state, self.target, NOW - 86_400)
        self.assertIn(self.path.with_name("outbox.db.before-restore"), done.aside)
        self.open()
        self.assertEqual(self.reserve()[0], end + archive.MARGIN)

    def test_a_key_that_is_used_up_stays_so(self) -> None:
        self.reserve()
        self.backup()
        self.leave()
        archive.restore(self.state, self.target, NOW + 86_400 * 366 * 100)
        self.open()
        refused = self.outbox.invocation_counters.reserve_counters("title/key", 0, 1)
        self.assertIn("too near", str(self.failureResultOf(refused, StoreError).value))

    def test_what_was_there_is_set_aside(self) -> None:
        self.store(reading(ts=NOW_MS))
        self.backup()
        self.store(reading(ts=NOW_MS + 1), reading(ts=NOW_MS + 2))
        self.leave()
        done = archive.restore(self.state, self.target, NOW)
        self.assertEqual(self.look("SELECT count(*) FROM readings"), [(1,)])
        kept = self.path.with_name("outbox.db.before-restore")
        self.assertIn(kept, done.aside)
        self.assertEqual(look(kept, "SELECT count(*) FROM readings"), [(3,)])
        self.assertEqual([n for n in self.names() if n.startswith(".")], [])

    def test_what_is_no_backup_changes_nothing(self) -> None:
        self.store(reading(ts=NOW_MS))
        self.backup()
        self.leave()
        before = {one.name: one.read_bytes() for one in self.state.iterdir()}
        whole = self.target.read_bytes()
        for bad in (
            b"",
            b"no tar at all " * 100,
            whole[: len(whole) // 2],
            self.tar({}),
            self.tar({"dlmsd.json": b"{"}),
            self.tar({"dlmsd.json": self.manifest(format=2), "web.token": b"x"}),
            self.tar({"dlmsd.json": self.manifest()}),
            self.tar({"dlmsd.json": self.manifest(), "../escape": b"x"}),
            self.tar({"dlmsd.json": self.manifest(), "web.token": b"x" * 70_000}),
            self.tar({"dlmsd.json": self.manifest(), "outbox.db": b"no database " * 500}),
        ):
            self.target.write_bytes(bad)
            self.assertRaises(StoreError, archive.restore, self.state, self.target, NOW)
            after = {one.name: one.read_bytes() for one in self.state.iterdir()}
            self.assertEqual(after, before)
        self.assertFalse((self.state.parent / "escape").exists())
        self.assertIsNotNone(ArchiveError.__doc__)

    def manifest(self, **more: object) -> bytes:
        return json.dumps({"format": 1, "created": NOW, **more}).encode()

    def tar(self, files: dict[str, bytes]) -> bytes:
        whole = io.BytesIO()
        with closing(tarfile.open(fileobj=whole, mode="w")) as made:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
        return whole.getvalue()

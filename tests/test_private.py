"""What is made in the daemon's folder is the daemon's, whoever makes it."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd import private, tokens
from dlmsd.errors import StoreError
from dlmsd.identity import instance_id, web_token
from dlmsd.secret import Secret
from dlmsd.store.damage import note_damage
from dlmsd.store.database import open_database, schema_steps
from dlmsd.store.lock import Lock
from tests.owners import Owners


class PrivateCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "file"


class FileTests(PrivateCase):
    def test_only_its_owner_can_read_it(self) -> None:
        owners = Owners(self, self.folder)
        for umask in (0o000, 0o077):
            before = os.umask(umask)
            self.addCleanup(os.umask, before)
            os.close(private.create(self.folder / "created"))
            private.ensure(self.folder / "ensured")
            private.replace(self.path, b"text")
        self.assertEqual({one.stat().st_mode & 0o777 for one in self.folder.iterdir()}, {0o600})
        self.assertEqual(owners.strangers(), set())

    def test_what_is_there_is_replaced_or_left(self) -> None:
        private.replace(self.path, b"first")
        private.replace(self.path, b"second", mode=0o640)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o640)
        self.assertFalse(private.ensure(self.path))
        self.assertEqual(self.path.read_bytes(), b"second")
        self.assertEqual(os.listdir(self.folder), ["file"])
        os.close(private.create(self.path))
        self.assertEqual(self.path.read_bytes(), b"")

    def test_what_an_operator_calls_new_stays(self) -> None:
        (self.folder / "file.new").write_text("an operator's")
        private.replace(self.path, b"ours")
        self.assertEqual((self.folder / "file.new").read_text(), "an operator's")
        self.assertEqual(sorted(os.listdir(self.folder)), ["file", "file.new"])

    def test_where_owners_cannot_be_given(self) -> None:
        """Neither by a plain user, nor to one whom a user namespace does not know; and a disk
        that fails is heard."""
        for number in (errno.EPERM, errno.EACCES, errno.EINVAL, errno.EIO):

            def refuse(*_: object, number: int = number) -> None:
                raise OSError(number, os.strerror(number))

            self.patch(os, "fchown", refuse)
            if number == errno.EIO:
                self.assertRaises(OSError, private.replace, self.path, b"ours")
            else:
                private.replace(self.path, str(number).encode())
                self.assertEqual(self.path.read_bytes(), str(number).encode())

    def test_no_link_leads_root_elsewhere(self) -> None:
        elsewhere = self.folder / "shadow"
        elsewhere.write_text("root's")
        for name in ("file", ".file.new"):
            (self.folder / name).symlink_to(elsewhere)
        private.replace(self.path, b"ours")
        (self.folder / "made").symlink_to(elsewhere)
        os.close(private.create(self.folder / "made"))
        (self.folder / "lock").symlink_to(elsewhere)
        self.assertRaises(StoreError, Lock(self.folder / "lock").take)
        self.assertEqual(elsewhere.read_text(), "root's")
        self.assertEqual(self.path.read_text(), "ours")


class DaemonsTests(PrivateCase):
    """As ``sudo dlmsd`` makes it while, or before, the service runs as another user."""

    def test_tokens(self) -> None:
        owners = Owners(self, self.folder)
        path = tokens.list_file(self.folder)
        made = tokens.add(path, "grafana", "read", os.urandom, 1)
        known = tokens.Tokens(Secret("first"), path, time.time)
        self.assertIsNotNone(known.find(made.reveal()), "which notes its use")
        tokens.add(path, "ops", "read", os.urandom, 1)
        tokens.remove(path, "ops")
        self.assertEqual(sorted(os.listdir(self.folder)), ["web.tokens", "web.tokens.used"])
        self.assertEqual(owners.strangers(), set())

    def test_what_a_daemon_makes_that_root_starts_once(self) -> None:
        owners = Owners(self, self.folder)
        web_token(self.folder, os.urandom)
        instance_id(self.folder, "host", os.urandom)
        lock = Lock(self.folder / "dlmsd.lock")
        lock.take()
        self.addCleanup(lock.release)
        note_damage(self.folder / "other.db")
        for name in ("outbox", "registry"):
            database = open_database(self.folder / f"{name}.db", schema_steps(name))
            self.addCleanup(database.close)
        # SQLite gives its own files to the owner of the database's, if root makes them.
        ours = {one for one in owners.strangers() if not one.endswith(("-wal", "-shm"))}
        self.assertEqual(ours if os.geteuid() else owners.strangers(), set())
        self.assertIn("outbox.db-wal", os.listdir(self.folder))

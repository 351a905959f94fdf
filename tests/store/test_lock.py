"""One daemon for each state folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import LocalError, StoreError
from dlmsd.store.lock import Lock

OTHER = """
import fcntl, os, sys
file = open(sys.argv[1], "w+")
fcntl.flock(file, fcntl.LOCK_EX)
print(os.getpid(), file=file, flush=True)
print("locked", flush=True)
sys.stdin.read()
"""


class LockTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "dlmsd.lock"

    def test_holds_the_pid(self) -> None:
        lock = Lock(self.path)
        lock.take()
        self.addCleanup(lock.release)
        self.assertEqual(self.path.read_text(), f"{os.getpid()}\n")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_second_is_told_who(self) -> None:
        first = Lock(self.path)
        first.take()
        error = self.assertRaises(StoreError, Lock(self.path).take)
        self.assertIn(f"process {os.getpid()}", str(error))
        first.release()
        first.release()
        second = Lock(self.path)
        second.take()
        second.release()

    def test_other_process(self) -> None:
        """Named while it lives; its death, however sudden, frees the folder."""
        self.path.write_text("4294967295 was here before\n")
        other = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(self.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.addCleanup(other.communicate)
        self.addCleanup(other.kill)
        assert other.stdout is not None
        other.stdout.readline()
        error = self.assertRaises(StoreError, Lock(self.path).take)
        self.assertIn(f"process {other.pid}", str(error))
        other.kill()
        other.wait()
        lock = Lock(self.path)
        lock.take()
        lock.release()
        self.assertEqual(self.path.read_text(), f"{os.getpid()}\n")

    def test_wrong_use(self) -> None:
        lock = Lock(self.path)
        lock.take()
        self.addCleanup(lock.release)
        self.assertRaises(LocalError, lock.take)

    def test_no_folder(self) -> None:
        error = self.assertRaises(StoreError, Lock(self.path / "no" / "lock").take)
        self.assertIn(str(self.path), str(error))

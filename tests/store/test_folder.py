"""A state folder that cannot be used: why, whose fault it is, and what to do."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from dlmsd.errors import StoreError
from dlmsd.store.database import DiskFullError
from dlmsd.store.folder import StateFolderError, prepare_folder, unusable
from dlmsd.store.lock import Lock
from tests.full_disk.tmpfs import Tmpfs, Unmountable

NOBODY = 65534


@contextmanager
def nobody() -> Iterator[None]:
    """As another user, who may do less."""
    if os.geteuid() != 0:
        raise SkipTest("needs root, to be somebody else for a while")
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class FolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute() / "state"
        self.folder.parent.mkdir()
        self.folder.parent.parent.chmod(0o755)

    def refused(self, folder: Path | None = None) -> str:
        error = self.assertRaises(StateFolderError, prepare_folder, folder or self.folder)
        self.assertEqual((error.exit_code, error.culprit), (78, "operator"))
        return str(error)

    def test_it_is_made_for_us_alone(self) -> None:
        for _ in range(2):
            prepare_folder(self.folder)
        self.assertEqual(self.folder.stat().st_mode & 0o777, 0o700)

    def test_a_file_in_its_place_or_above_it(self) -> None:
        self.folder.write_text("")
        for folder in (self.folder, self.folder / "deeper" / "still"):
            self.assertEqual(self.refused(folder), f"{folder}: {self.folder} is no folder")

    def test_another_users_folder_and_another_users_file(self) -> None:
        prepare_folder(self.folder)
        self.passed()
        self.folder.chmod(0o755)
        with nobody():
            told = self.refused()
        self.assertEqual(told, f"{self.folder} belongs to user root, and dlmsd runs as nobody")
        os.chown(self.folder, NOBODY, NOBODY)
        (self.folder / "outbox.db").touch(0o600)
        with nobody():
            told = self.refused()
            self.assertIn("outbox.db belongs to user root", told)
            (self.folder / "outbox.db").unlink()
            prepare_folder(self.folder)

    def passed(self) -> None:
        for path in self.folder.parents:
            if not path.stat().st_mode & 0o001:
                raise SkipTest(f"nobody may pass {path}")

    def test_one_that_is_closed_to_us_by_its_mode(self) -> None:
        prepare_folder(self.folder)
        self.passed()
        os.chown(self.folder, NOBODY, NOBODY)
        self.folder.chmod(0o500)
        with nobody():
            told = self.refused()
        self.assertIn("though it is ours; check its mode, and SELinux", told)

    def test_a_read_only_file_system(self) -> None:
        disk = Tmpfs(self.folder)
        try:
            disk.__enter__()
        except Unmountable as error:
            raise SkipTest(f"needs root, to mount a small disk: {error}") from error
        self.addCleanup(disk.__exit__)
        lock = Lock(self.folder / "dlmsd.lock")
        lock.take()
        lock.release()
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)
        self.assertEqual(self.refused(), f"{self.folder}: the file system is read-only")
        error = self.assertRaises(StateFolderError, lock.take)
        self.assertIn("the file system is read-only", str(error))

    def test_on_a_full_disk_the_lock_is_ours_all_the_same(self) -> None:
        prepare_folder(self.folder)

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(os, "pwrite", full)
        lock = Lock(self.folder / "dlmsd.lock")
        lock.take()
        self.addCleanup(lock.release)
        self.assertRaises(StoreError, Lock(self.folder / "dlmsd.lock").take)

    def test_others_are_the_disks(self) -> None:
        for number, kind in ((errno.ENOSPC, DiskFullError), (errno.EIO, StoreError)):
            error = unusable(self.folder, OSError(number, os.strerror(number)))
            self.assertIsInstance(error, kind)
            self.assertEqual(error.exit_code, 1, "to be started again")

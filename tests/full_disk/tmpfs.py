"""A small disk of its own: a tmpfs, which only root may mount."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

SIZE = 48 << 20


class Unmountable(Exception):
    """This user, or this container, may not mount."""


def mounted(test: SynchronousTestCase) -> Tmpfs:
    """For the time of a test, which is skipped where nobody may mount."""
    disk = Tmpfs(Path(test.mktemp()))
    try:
        disk.__enter__()
    except Unmountable as error:
        if os.environ.get("CI"):
            raise AssertionError(f"no tmpfs can be mounted: {error}") from error
        raise SkipTest(f"needs root, to mount a small disk: {error}") from error
    test.addCleanup(disk.__exit__)
    return disk


class Tmpfs:
    """``with Tmpfs(folder) as disk``; ``fill`` leaves it without a byte, or with ``left``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._filler = self.folder / "filler"

    def __enter__(self) -> Tmpfs:
        self.folder.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.folder)]
        try:
            subprocess.run(mount, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            self.folder.rmdir()
            raise Unmountable(getattr(error, "stderr", b"").decode() or str(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        self.folder.rmdir()

    def fill(self, left: int = 0) -> None:
        """Take what is free; again after something was given back."""
        with self._filler.open("ab") as file:
            while (free := self._free() - left) > 0:
                size = file.seek(0, os.SEEK_END)
                try:
                    os.posix_fallocate(file.fileno(), size, free)
                except OSError:
                    return

    def release(self) -> None:
        """The other program is gone."""
        self._filler.unlink()

    def _free(self) -> int:
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

"""Where a configuration comes from: a file and the profiles beside it, to be read again."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from pathlib import Path

from dlmsd.config.load import load
from dlmsd.config.values import Configuration


class Origin:
    """``path`` is absolute, because twistd may change its folder."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self.environ = environ

    def read(self) -> Configuration:
        """What it says now; ConfigurationError with everything that is wrong there."""
        return load(self._path, environ=self.environ)

    def stamp(self) -> Hashable:
        """Another value after any of the files was saved, added or removed."""
        folder = self._path.parent / "profiles"
        files = [self._path, *sorted(folder.glob("*.toml"))]
        return tuple((str(file), _stamp(file)) for file in files)


def _stamp(file: Path) -> Hashable:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

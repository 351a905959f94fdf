"""A folder that is another user's, and whose the files become that are made in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from twisted.trial.unittest import SynchronousTestCase

# Of nobody, on every Linux.
OTHER: Final = 65534

Owner = tuple[int, int]


def others_folder(case: SynchronousTestCase, folder: Path) -> Path:
    """One in ``folder`` that is neither ours nor root's: so it is told of, if we are a plain user
    and can give nothing away."""
    made = folder / "others"
    made.mkdir()
    if os.geteuid() == 0:
        os.chown(made, OTHER, OTHER)
        return made
    stat = os.stat

    def told(path: Any, **named: Any) -> os.stat_result:
        found = stat(path, **named)
        if path != made:
            return found
        return os.stat_result((*found[:4], OTHER, OTHER, *found[6:10]))

    case.patch(os, "stat", told)
    return made


class Owners:
    """Of what is in ``folder``, by name.

    For root the folder truly becomes another's. A plain user can give nothing away, so he keeps
    it, and what is given to its owner is noted.
    """

    def __init__(self, case: SynchronousTestCase, folder: Path) -> None:
        self._folder = folder
        self._noted: dict[int, Owner] = {}
        self._root = os.geteuid() == 0
        if self._root:
            os.chown(folder, OTHER, OTHER)
            return
        case.patch(os, "fchown", lambda file, *owner: self._note(os.fstat(file), owner))
        case.patch(os, "lchown", lambda path, *owner: self._note(os.lstat(path), owner))

    def strangers(self) -> set[str]:
        """What is in it, or deeper, and not the folder's owner's."""
        wanted = self._owner(self._folder)
        return {one.name for one in self._folder.rglob("*") if self._given(one) != wanted}

    def _note(self, file: os.stat_result, owner: Owner) -> None:
        self._noted[file.st_ino] = owner

    def _given(self, path: Path) -> Owner | None:
        return self._owner(path) if self._root else self._noted.get(path.lstat().st_ino)

    def _owner(self, path: Path) -> Owner:
        found = path.lstat()
        return found.st_uid, found.st_gid

"""One bug as a replacement of source text, and who must catch it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from attrs import frozen

_PYTHON: Final = sys.executable


class StaleMutantError(Exception):
    """The source has moved on: write the mutant's old text anew, so that it is still a bug."""


@frozen
class Catcher:
    """A command that ends with 0 on good code, and with anything else on the bug."""

    name: str
    command: tuple[str, ...]


def module(name: str, *arguments: str) -> Catcher:
    """``python -m name``."""
    return Catcher(" ".join((name, *arguments)), (_PYTHON, "-m", name, *arguments))


def trial(*tests: str) -> Catcher:
    """Some tests."""
    return Catcher(" ".join(tests), (_PYTHON, "-m", "twisted.trial", *tests))


@frozen
class Mutant:
    """``file`` is below dlmsd/; each of ``edits`` is an old text, there once, and the new one."""

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    catcher: Catcher

    @classmethod
    def of(cls, name: str, file: str, catcher: Catcher, *edits: tuple[str, str]) -> Mutant:
        return cls(name, file, edits, catcher)

    def mutated(self, root: Path) -> str:
        """The file with the bug; StaleMutantError if it does not hold the old text once."""
        text = (root / "dlmsd" / self.file).read_text()
        for old, new in self.edits:
            if (count := text.count(old)) != 1:
                raise StaleMutantError(f"{self.name}: {self.file} has {count} times: {old}")
            text = text.replace(old, new)
        compile(text, self.file, "exec")
        return text

    def apply(self, root: Path) -> None:
        """Put the bug into the copy at ``root``."""
        (root / "dlmsd" / self.file).write_text(self.mutated(root))

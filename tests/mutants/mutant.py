"""One bug as a replacement of source text, and who must catch it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from attrs import frozen

_PYTHON: Final = sys.executable
# Code that cannot even be run breaks no promise.
_UNUSABLE: Final = (
    r"\b(ImportError|ModuleNotFound|ModuleNotFoundError|ObjectNotFound|SyntaxError|NameError)\b"
)


class StaleMutantError(Exception):
    """The source has moved on: write the mutant's old text anew, so that it is still a bug."""


@frozen
class Catcher:
    """A command that ends with 0 on good code; on the bug with anything else, and with its
    ``word``, a regular expression, which it says when it has seen a broken promise."""

    name: str
    command: tuple[str, ...]
    word: str

    def says(self, output: str) -> bool:
        """Whether it has seen a bug, instead of being one's victim itself."""
        return bool(re.search(self.word, output)) and not re.search(_UNUSABLE, output)


def module(name: str, *arguments: str, word: str) -> Catcher:
    """``python -m name``."""
    return Catcher(" ".join((name, *arguments)), (_PYTHON, "-m", name, *arguments), word)


def trial(*tests: str) -> Catcher:
    """Some tests."""
    command = (_PYTHON, "-m", "twisted.trial", *tests)
    return Catcher(" ".join(tests), command, r"(?m)^FAILED \(.*(failures|errors)=[1-9]")


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

    @property
    def importing(self) -> tuple[str, ...]:
        """A command that imports the file, which it must be possible to do."""
        name = f"dlmsd.{self.file.removesuffix('.py').replace('/', '.')}"
        return _PYTHON, "-c", f"import {name}"

"""One line of a description, and what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from attrs import frozen

_INDENT: Final = "  "
# Values of one APDU that are described: a screen has 50 lines, and nobody reads 40 of them.
_VALUES: Final = 2048

_T = TypeVar("_T")


class Allowance:
    """How many values of one APDU are still described; all that is in it share it."""

    def __init__(self) -> None:
        self._left = _VALUES

    def first(self, values: Sequence[_T], most: int) -> Sequence[_T]:
        """Those of ``values`` that are, at most ``most``."""
        shown = values[: min(most, self._left)]
        self._left -= len(shown)
        return shown


@frozen
class Node:
    """A tree of lines."""

    text: str
    below: tuple[Node, ...] = ()

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The tree, indented."""
        yield _INDENT * depth + self.text
        for node in self.below:
            yield from node.lines(depth + 1)


def titled(name: str) -> str:
    """A name of Python's as the standard writes it: ``GetRequestNormal``, ``MAX_PDU``."""
    plain = name.replace("_", "-")
    if plain.isupper():
        return plain.lower()
    parted = "".join(f"-{char.lower()}" if char.isupper() else char for char in plain)
    return parted.removeprefix("-")


def rest(shown: int, count: int) -> tuple[Node, ...]:
    """A line for those of ``count`` that are not among the ``shown``."""
    return (Node(f"and {count - shown} more"),) if count > shown else ()

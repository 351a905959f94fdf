"""One line of a description, and what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

_INDENT = "  "


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

"""One option that does not go with the others of its meter."""

from __future__ import annotations

from attrs import frozen


@frozen
class Misfit:
    """``key`` does not go with the others; ``depends`` are the keys that this rests upon."""

    key: str
    message: str
    depends: frozenset[str]


def misfit(key: str, message: str, *depends: str) -> Misfit:
    """It rests upon ``key`` itself, too."""
    return Misfit(key, message, frozenset((key, *depends)))

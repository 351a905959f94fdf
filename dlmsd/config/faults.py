"""What cattrs found wrong in a table, as paths and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cattrs import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)

from dlmsd.config.lines import KeyPath
from dlmsd.config.rules import Refusal
from dlmsd.config.tables import RENAMED


def faults(
    error: BaseException, unknown: Callable[[str, type], str], path: KeyPath = ()
) -> Iterator[tuple[KeyPath, str]]:
    """Every fault with its path below the table, from the tree that cattrs raises.

    ``unknown`` gives the sentence on a key that a class does not have.
    """
    if isinstance(error, ClassValidationError | IterableValidationError):
        for inner in error.exceptions:
            if isinstance(inner, ForbiddenExtraKeysError):
                for key in sorted(inner.extra_fields):
                    yield (*path, key), unknown(key, inner.cl)
            else:
                yield from faults(inner, unknown, (*path, _step(inner)))
    elif isinstance(error, Refusal):
        yield path, str(error)
    elif isinstance(error, KeyError):
        yield path, "is required"
    else:  # no rule raises anything else
        raise error


def _step(error: BaseException) -> str | int:
    """The key or index that cattrs noted on an error."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return RENAMED.get(note.name, note.name)
        if isinstance(note, IterableValidationNote):
            return note.index
    raise error

"""What a target's inputs are made from: all octets that stand in tests, and what it takes.

Every vector, and every literal of the tests that can be octets, hexadecimal or bytes, is
tried on the decoder. Those that it takes are worth changing, and so is the first that it refuses at
each place. A decoder that has tests so has vectors here, without a list of them.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final

import tests.vectors
from tests.fuzz.target import Target

_TESTS: Final = Path(__file__).parent.parent
# More refused ones than these would only hide those that are taken.
_MOST_REFUSED: Final = 64


def place(trace: TracebackType | None) -> int:
    """A number for the way to where an error was raised."""
    number = 0
    while trace is not None:
        number = number * 0x10001 + trace.tb_lasti & 0xFFFFFFFFFFFF
        trace = trace.tb_next
    return number


@cache
def harvested() -> tuple[bytes, ...]:
    """The octets in all tests, the shortest first."""
    found: set[bytes] = set()
    for vectors in pkgutil.iter_modules(tests.vectors.__path__, "tests.vectors."):
        for value in vars(importlib.import_module(vectors.name)).values():
            found.update(_all_bytes(value))
    for path in _TESTS.rglob("*.py"):
        found.update(_octets(ast.parse(path.read_bytes())))
    found.discard(b"")
    return tuple(sorted(found, key=lambda octets: (len(octets), octets)))


def _all_bytes(value: object) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _all_bytes(each)


def _octets(tree: ast.AST) -> Iterator[bytes]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, bytes):
            yield node.value
        elif isinstance(node.value, str) and len(node.value) > 1:
            try:
                yield bytes.fromhex(node.value)
            except ValueError:
                continue


def taken(target: Target) -> tuple[bytes, ...]:
    """The seeds and harvested octets that the target decodes."""
    return tuple(octets for octets in _candidates(target) if _refused(target, octets) is None)


def corpus(target: Target) -> tuple[bytes, ...]:
    """What to change: all that is taken, and some of what is refused."""
    found, refused, places = list(target.seeds), list[bytes](), set[int]()
    for octets in _candidates(target):
        where = _refused(target, octets)
        if where is None:
            found.append(octets)
        elif where not in places:
            places.add(where)
            refused.append(octets)
    return tuple(dict.fromkeys((*found, *refused[:_MOST_REFUSED])))


def _candidates(target: Target) -> tuple[bytes, ...]:
    return (*target.seeds, *harvested()) if target.harvest else target.seeds


def _refused(target: Target, octets: bytes) -> int | None:
    """Where they are refused, None if they are not."""
    try:
        target.run(octets)
    except Exception as error:  # noqa: BLE001 - the campaign says what is no refusal
        return place(error.__traceback__)
    return None

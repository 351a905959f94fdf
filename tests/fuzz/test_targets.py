"""No decoder without a target, and no target without something that it decodes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, Final

from twisted.trial.unittest import SynchronousTestCase

import dlmsd
from tests.fuzz.campaign import Campaign
from tests.fuzz.corpus import corpus, taken
from tests.fuzz.target import Target
from tests.fuzz.targets import targets

_ROOMS: Final = ("dlmsd.dlms", "dlmsd.push")
_DECODERS: Final = re.compile(r"(decode|describe)(_\w+)?|feed|receive|of|open|abandon")
# What no input of a peer's reaches, and why.
_EXEMPT: Final[dict[str, str]] = {}
_INPUTS: Final = 100


def decoders() -> Iterator[tuple[str, CodeType]]:
    """Every public function or method of these names, and its code."""
    for module in pkgutil.walk_packages(dlmsd.__path__, "dlmsd."):
        if not module.name.startswith(_ROOMS):
            continue
        found = importlib.import_module(module.name)
        for owner in (found, *_classes(found)):
            for name, value in vars(owner).items():
                function = inspect.unwrap(getattr(value, "__func__", value))
                if not _DECODERS.fullmatch(name) or not inspect.isfunction(function):
                    continue
                if function.__module__ == module.name:
                    yield f"{module.name}.{function.__qualname__}", function.__code__


def _classes(module: Any) -> Iterator[type]:
    for value in vars(module).values():
        if not inspect.isclass(value) or getattr(value, "_is_protocol", False):
            continue
        if value.__module__ == module.__name__:
            yield value


def reached(target: Target) -> set[CodeType]:
    """What runs when the target decodes what it begins with, and some inputs more."""
    codes: set[CodeType] = set()

    def trace(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            codes.add(frame.f_code)

    sys.setprofile(trace)
    try:
        for octets in corpus(target):
            try:
                target.run(octets)
            except target.refusals:
                continue
        Campaign(target, seed=1, measured=False).run(0, _INPUTS)
    finally:
        sys.setprofile(None)
    return codes


class TargetTests(SynchronousTestCase):
    def test_every_decoder_has_a_target(self) -> None:
        known = dict(decoders())
        self.assertIn("dlmsd.dlms.acse.aare.Aare.decode", known)
        codes: set[CodeType] = set()
        for target in targets():
            codes |= reached(target)
        missing = {name for name, code in known.items() if code not in codes}
        self.assertEqual(missing, set(_EXEMPT))

    def test_every_target_decodes_something(self) -> None:
        for target in targets():
            self.assertTrue(taken(target), target.name)

    def test_names_are_unique(self) -> None:
        names = [target.name for target in targets()]
        self.assertEqual(len(names), len(set(names)))

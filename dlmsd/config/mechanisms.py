"""Manufacturers' own mechanisms, by name: ours, and those of installed packages.

A package adds one by an entry point in the group ``dlmsd.mechanisms``: its name, and a
:data:`~dlmsd.dlms.security.manufacturer.Function`.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

from dlmsd.config.rules import Refusal
from dlmsd.dlms.security.manufacturer import AES_ECB, Manufacturer

GROUP: Final = "dlmsd.mechanisms"


def manufacturer(value: object) -> Manufacturer:
    """The rule for ``manufacturer``."""
    if value == AES_ECB.name:
        return AES_ECB
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if isinstance(value, str) and value in installed:
        try:
            return Manufacturer(value, installed[value].load())
        except (ImportError, AttributeError) as error:
            raise Refusal(f"its package cannot be loaded: {error}") from None
    names = ", ".join((AES_ECB.name, *installed))
    raise Refusal(f"expected the name of a mechanism: {names}")

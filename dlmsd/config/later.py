"""Keys that are planned but have no effect yet.

One that asks for what dlmsd does anyway is accepted, so that a complete file can be
written today; anything else is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from dlmsd.config.values import Configuration

MESSAGE: Final = "not available in this version"

Planned: TypeAlias = Mapping[str, tuple[object, ...]]

PLANNED: Final[Mapping[type, Planned]] = {
    Configuration: {"fleet": ()},
}
"""By table and key: the values that equal the present behaviour."""


def sift(cls: type, table: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """The part of ``table`` that has an effect, and the keys that ask for what is not there."""
    planned = PLANNED.get(cls, {})
    refused = [
        key for key, value in table.items() if key in planned and not _among(value, planned[key])
    ]
    kept = {k: v for k, v in table.items() if k not in planned and k not in refused}
    return kept, refused


def _among(value: object, values: tuple[object, ...]) -> bool:
    return any(type(value) is type(one) and value == one for one in values)

"""The configuration in force, for whoever wonders why something is as it is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
from attrs import frozen

from dlmsd.config.notice import NoticeOptions
from dlmsd.secret import MASK, Secret
from dlmsd.web.api.parts import Parts
from dlmsd.web.operation import Answer, Call, Operation, Reply

# Meters have calls of their own, and are thousands; profiles are files that came with dlmsd.
_APART: Final = ("path", "meters", "profiles")


@frozen
class ConfigurationView:
    """``file`` is where it was read from, ``meters`` how many there are; ``sections`` has the
    tables of the file with every default, and stars for a secret."""

    file: str
    meters: int
    sections: Mapping[str, Any]


class Configuration:
    """The operation of /api/system/configuration."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/api/system/configuration",
                work=self.get,
                summary="The configuration in force, without secrets; only for an admin",
                tag="system",
                need="secrets",
                answers={200: Answer("All but meters and profiles", ConfigurationView)},
            )
        ]

    async def get(self, call: Call) -> Reply:
        now = self._parts.reload.configuration
        sections = {
            name: value for name, value in _plain(now, but=_APART).items() if value is not None
        }
        return Reply(ConfigurationView(str(now.path), len(now.meters), sections))


def _plain(value: Any, but: tuple[str, ...] = ()) -> Any:
    """As JSON can tell it. What has no form there is told as the text that it prints as."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, NoticeOptions) and value.url is not None:
        # The path of many a webhook is its key.
        parts = urlsplit(value.url)
        value = attrs.evolve(value, url=f"{parts.scheme}://{parts.netloc}/{MASK}")
    if attrs.has(type(value)):
        names = [one.name for one in attrs.fields(type(value)) if one.name not in but]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)

"""Pushing meters for tests: options, and values out of published pushes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from dlmsd.config.load import load
from dlmsd.config.values import MeterOptions, PushOptions
from dlmsd.meter.payload import decode_push
from dlmsd.model import Value
from dlmsd.push.assembly import Arrived
from dlmsd.push.stream import Stream
from dlmsd.push.values import Picked, Picker

HAN = PushOptions("han", listen="tcp:0")
_HEAD = """
[[push]]
name = "han"
listen = "tcp:1"
[[meters]]
name = "m"
transport = "push"
"""


def meter(*lines: str) -> MeterOptions:
    """What ``[[meters]]`` with these lines is; it comes through the listener ``han``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dlmsd.toml"
        path.write_text("\n".join((_HEAD, 'push = "han"', *lines)))
        return load(path, environ={}).meters[0]


def ciphered(keys: tuple[bytes, ...], title: bytes, *lines: str) -> MeterOptions:
    """One with encryption key and, if it has two keys, authentication key."""
    names = ("encryption_key", "authentication_key")
    security = "authenticated-encrypted" if len(keys) == 2 else "encrypted"
    return meter(
        f'security = "{security}"',
        f'meter_system_title = "{title.hex()}"',
        *(f'{name} = "{key.hex()}"' for name, key in zip(names, keys, strict=False)),
        *lines,
    )


def apdus(*octets: bytes) -> list[bytes]:
    """The APDUs of a stream."""
    found = Stream("auto").feed(b"".join(octets), 0.0)
    return [one.apdu for one in found if isinstance(one, Arrived)]


def picked(apdu: bytes, *lines: str) -> Picked:
    """What a meter of these options makes of a plain push."""
    return Picker(meter(*lines)).pick(decode_push(apdu), 0.0)


def shown(values: Mapping[str, Value]) -> dict[str, str]:
    """Each value as it is published."""
    return {key: str(value) for key, value in values.items()}

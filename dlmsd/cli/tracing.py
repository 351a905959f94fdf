"""What passes between us and a meter, shown while it passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import click
import msgspec
from attrs import asdict

from dlmsd.cli.terminal import printable
from dlmsd.dlms.describe.apdu import describe_apdu
from dlmsd.dlms.describe.node import Node
from dlmsd.dlms.describe.octets import describe_frames

_ARROWS: Final = {"sent": ">", "received": "<"}
_INDENT: Final = " " * 12

Put = Callable[[float, str, "bytes | None", "list[Node]"], None]


class Tracing:
    """Takes frames and APDUs as they pass; ``put`` shows what is made of each."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._start = time.monotonic()

    def frame(self, direction: str, octets: bytes) -> None:
        """A frame on the wire, in which passwords are stars already."""
        self._put(self._now(), direction, octets, describe_frames(octets))

    def apdu(self, direction: str, apdu: bytes, plain: bytes | None) -> None:
        """An APDU, and what is in it if that was opened."""
        self._put(self._now(), direction, None, [describe_apdu(apdu, plain)])

    def _now(self) -> float:
        return time.monotonic() - self._start


def put_text(*, err: bool) -> Put:
    """Shows them as lines of text."""

    def put(at: float, direction: str, octets: bytes | None, nodes: list[Node]) -> None:
        lines = [line for node in nodes for line in node.lines()]
        if octets is not None:
            lines.insert(0, octets.hex())
        first, *rest = lines or [""]
        shown = [f"{at:9.3f} {_ARROWS[direction]} {first}", *(_INDENT + line for line in rest)]
        click.echo(printable("\n".join(shown)), err=err)

    return put


def put_json(at: float, direction: str, octets: bytes | None, nodes: list[Node]) -> None:
    """Shows each as one line of JSON."""
    told: dict[str, Any] = {"seconds": round(at, 6), "direction": direction}
    if octets is not None:
        told["octets"] = octets.hex()
    told["meaning"] = [asdict(node) for node in nodes]
    click.echo(msgspec.json.encode(told).decode())


def to_errors(wanted: bool) -> Tracing | None:
    """What ``--trace`` shows beside a command's own output."""
    return Tracing(put_text(err=True)) if wanted else None

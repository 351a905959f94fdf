"""What the configuration lets us expect of meters, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from dlmsd.config.listen import Listen
from dlmsd.config.values import Configuration, MeterOptions, SinkOptions
from dlmsd.dlms.security.counter import key_id
from dlmsd.meter.security import needs_counters

_CLOCK: Final = 8


@frozen
class Expectations:
    """``units`` by measurement; ``clocks`` are the measurements that tell a meter's time.
    ``files`` are certificates; ``unasked`` are meters that push or call; ``keys`` name
    invocation counters.
    """

    units: Mapping[str, Mapping[str, str]] = field(factory=dict)
    clocks: Mapping[str, tuple[str, ...]] = field(factory=dict)
    files: tuple[Path, ...] = ()
    unasked: frozenset[str] = frozenset()
    keys: Mapping[str, str] = field(factory=dict)
    max_bytes: int = 0

    @classmethod
    def of(cls, configuration: Configuration) -> Expectations:
        """Of all its meters, sinks and receivers of notices, and of its page."""
        meters = configuration.meters
        parts: tuple[MeterOptions | SinkOptions, ...] = (*configuration.sinks, *meters)
        files = {path for one in parts for path in (one.ca_file, one.cert_file) if path}
        files |= _served(configuration.web.listen)
        files |= {one.ca_file for one in configuration.notices if one.ca_file}
        return cls(
            {one.name: _units(one) for one in meters},
            {one.name: keys for one in meters if (keys := _clocks(one))},
            tuple(sorted(files)),
            frozenset(one.name for one in meters if one.transport in ("push", "dial-in")),
            {name: one.name for one in meters if (name := _counter(one))},
            configuration.outbox.max_bytes,
        )


def _served(listen: str) -> set[Path]:
    """The page's own certificate, if it has one."""
    endpoint = Listen.parse(listen)
    found = endpoint.arguments.get("certKey") or endpoint.arguments.get("privateKey")
    return {Path(found or "server.pem")} if endpoint.kind == "ssl" else set()


def _units(meter: MeterOptions) -> dict[str, str]:
    return {one.key: one.unit for one in meter.read if one.unit is not None}


def _clocks(meter: MeterOptions) -> tuple[str, ...]:
    return tuple(
        one.key
        for one in meter.read
        if one.attribute.class_id == _CLOCK and one.attribute.attribute == 2
    )


def _counter(meter: MeterOptions) -> str:
    if not needs_counters(meter) or meter.system_title is None or meter.encryption_key is None:
        return ""
    return f"{meter.system_title.hex()}/{key_id(meter.encryption_key)}"

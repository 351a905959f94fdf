"""What every room shares: readings and the frozen statuses of meters, sinks and outbox.

A machine publishes a new status whenever something changed; nobody asks a machine.
Wall times are Unix milliseconds, durations are seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, TypeAlias

from attrs import field, frozen

Value: TypeAlias = Decimal | str | bool
"""What one attribute gave: an exact decimal, or text, or a truth value."""

NOTHING_READ: Mapping[str, Value] = MappingProxyType({})


@frozen
class Reading:
    """What one meter gave in one cycle.

    ``ts`` is the wall time at which the cycle was read, frozen here. A measurement that
    could not be read is absent from ``values``.
    """

    meter: str
    ts: int
    values: Mapping[str, Value]


class MeterState(enum.Enum):
    """Where a meter's conversation stands; the value is what page and API show."""

    INACTIVE = "inactive"
    CONNECTING = "connecting"
    ASSOCIATING = "associating"
    READING = "reading"
    WAITING = "waiting"
    DOWN = "down"


@frozen
class MeterStatus:
    """One meter at one instant.

    ``good`` counts committed readings, ``failed`` cycles that gave none, ``missed`` slots
    that passed while an earlier cycle still ran; ``recent`` is the share of good ones
    among the last cycles (None before the first). ``values`` holds the newest value of
    each measurement, of which ``reading`` has those of the last cycle; ``units`` holds
    the published units; ``absent`` says why a measurement could not be read.
    """

    name: str
    address: str
    profile: str
    interval: float
    state: MeterState
    reading: Reading | None = None
    values: Mapping[str, Value] = NOTHING_READ
    units: Mapping[str, str] = field(factory=dict)
    absent: Mapping[str, str] = field(factory=dict)
    good: int = 0
    failed: int = 0
    missed: int = 0
    connects: int = 0
    recent: float | None = None
    cycle_seconds: float | None = None
    error: str = ""
    advice: str = ""
    error_ts: int | None = None
    noise_bytes: int = 0
    bad_frames: int = 0


class ListenerState(enum.Enum):
    """Where a listener for pushes stands."""

    LISTENING = "listening"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DOWN = "down"


@frozen
class ListenerStatus:
    """One listener for pushes at one instant.

    ``messages`` counts whole APDUs, of which ``unknown`` came from nobody that is
    configured, ``sender`` being the last of those; ``bad`` counts frames that were none,
    ``noise_bytes`` octets that belonged to no frame, ``refused`` connections beyond those
    that are taken.
    """

    name: str
    address: str
    state: ListenerState
    connections: int = 0
    messages: int = 0
    unknown: int = 0
    sender: str = ""
    bad: int = 0
    noise_bytes: int = 0
    refused: int = 0
    error: str = ""
    advice: str = ""
    error_ts: int | None = None


class SinkState(enum.Enum):
    """Where a sink's conversation with its broker stands."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DOWN = "down"


@frozen
class SinkStatus:
    """One sink at one instant; a sink with a connection per meter counts them.

    ``delivered`` counts deliveries acknowledged since the start; what still waits is the
    outbox's to tell.
    """

    name: str
    kind: str
    url: str
    state: SinkState
    connections: int = 0
    connected: int = 0
    delivered: int = 0
    last_delivery_ts: int | None = None
    error: str = ""
    advice: str = ""
    error_ts: int | None = None


@frozen
class OutboxStatus:
    """What the outbox holds: deliveries by fate, over the life of the file.

    ``queued`` maps each sink to the number of its deliveries that wait.
    """

    readings: int = 0
    committed: int = 0
    delivered: int = 0
    dropped: int = 0
    queued: Mapping[str, int] = field(factory=dict)
    oldest_queued_ts: int | None = None
    bytes: int = 0
    error: str = ""


@frozen
class ReloadStatus:
    """The last reading of the configuration, and what it changed.

    ``trigger`` says who asked. ``added``, ``removed`` and ``changed`` are meters, ``sinks``
    and ``listeners`` those that differ; ``restart`` are keys that only a restart brings into
    force. ``refused`` says why meters of the registry are not read, ``problems`` what kept
    the configuration, or a part of it, from taking effect.
    """

    ts: int
    trigger: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()
    listeners: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(factory=dict)
    problems: tuple[str, ...] = ()


@frozen
class Gone:
    """What is no longer configured; its status is none any more."""

    kind: Literal["meter", "sink", "listener"]
    name: str

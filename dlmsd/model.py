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

from dlmsd.standing import STEADY, Standing

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


class Lane(enum.IntEnum):
    """In which of a sink's two queues a delivery waits: old readings must not delay new ones."""

    LIVE = 0
    BACKFILL = 1


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
    the published units; ``absent`` says why a measurement could not be read. ``latency`` is
    how many seconds an answer takes, smoothed. ``cause`` is the kind of the last failure
    (``dlmsd.errors.Cause``), and stays when it is over; ``next_attempt_ts`` is when a meter that
    cannot be read is tried again, if that is known. ``requests``, ``responses`` and
    octets are what went over the line to and from this meter. ``scales_kept`` counts values
    whose scaler was known from before, ``scales_asked`` those for which it was asked;
    ``notifications`` counts what it told unasked, whatever was in it.
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
    cause: str = ""
    standing: Standing = STEADY
    next_attempt_ts: int | None = None
    latency: float | None = None
    noise_bytes: int = 0
    bad_frames: int = 0
    requests: int = 0
    responses: int = 0
    octets_out: int = 0
    octets_in: int = 0
    scales_kept: int = 0
    scales_asked: int = 0
    notifications: int = 0


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


class CloseCause(enum.Enum):
    """Why a broker closes connections, or takes none; the value is what page and API show."""

    CREDENTIALS = "credentials"
    TAKEOVER = "takeover"
    """Another client uses the same token or client id."""
    REFUSED_TOPIC = "refused_topic"
    POISON = "poison"
    """One message, or some, whoever sends them and whenever."""
    RATE = "rate"
    KEEPALIVE = "keepalive"
    RESTART = "restart"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    HOST = "host"
    """This process may open no more files."""
    UNKNOWN = "unknown"


@frozen
class Verdict:
    """Why a sink's broker closes, as far as the evidence goes.

    ``confidence`` is from 0 to 1; ``evidence`` are short sentences with counts and times, and
    ``since_ts`` is when the first of it was seen. Of a sink with a connection per meter it
    concerns ``concerned`` of them, of which ``meters`` names a few.
    """

    cause: CloseCause
    confidence: float
    evidence: tuple[str, ...]
    since_ts: int
    meters: tuple[str, ...] = ()
    concerned: int = 0


@frozen
class SinkStatus:
    """One sink at one instant; a sink with a connection per meter counts them.

    ``delivered`` counts deliveries acknowledged since the start; what still waits is the
    outbox's to tell. ``verdict`` stands as long as what it explains; ``held`` is a sentence
    while the server's limits hold deliveries back. ``reconnections`` counts connections that
    stood again after an end, since the start. What is published to ``unechoed`` topics, of
    which ``unechoed_topics`` are a few, is acknowledged and does not come back.
    ``certificate_ends`` is when the broker's own certificate ends, in Unix seconds, by TLS.
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
    verdict: Verdict | None = None
    held: str = ""
    reconnections: int = 0
    unechoed: int = 0
    unechoed_topics: tuple[str, ...] = ()
    certificate_ends: int | None = None


@frozen
class Link:
    """What has just become of one connection of ``sink``: that of ``meter``, "" for all meters.

    Without ``up`` it has ended, or an attempt has failed, for the reason ``error``; ``cause``
    (:class:`CloseCause`) and ``evidence`` are what is known so far of why.
    """

    sink: str
    meter: str
    up: bool
    error: str = ""
    cause: str = CloseCause.UNKNOWN.value
    evidence: tuple[str, ...] = ()


@frozen
class OutboxStatus:
    """What the outbox holds: deliveries by fate, over the life of the file.

    ``queued`` maps each sink to the number of its deliveries that wait, of which
    ``oldest_queued_ts`` is the first in the live lane. ``error`` tells why nothing can be
    stored now, ``full`` what has no room left if that is why, ``alarm`` what happened to the
    file that an operator must look at. Of ``bytes`` there may be up to ``limit``: max_bytes, or
    what the disk has room for. With ``pressure`` there is little room left: what a meter's load
    profile holds should wait there.
    """

    readings: int = 0
    committed: int = 0
    delivered: int = 0
    quarantined: int = 0
    dropped: int = 0
    queued: Mapping[str, int] = field(factory=dict)
    oldest_queued_ts: int | None = None
    bytes: int = 0
    limit: int = 0
    pressure: bool = False
    error: str = ""
    full: Literal["", "disk", "outbox"] = ""
    alarm: str = ""


class GapCause(enum.Enum):
    """Why readings are missing; the value is what file, page and API show."""

    METER_LINK = "meter_link"
    HOST_DOWN = "host_down"
    METER_OFF = "meter_off"
    NEVER_CAPTURED = "never_captured"
    LOST_IN_METER = "lost_in_meter"
    REFUSED = "refused"
    METER_REPLACED = "meter_replaced"
    NOT_ACCEPTED = "not_accepted"
    OUTBOX_FULL = "outbox_full"
    DISK_FULL = "disk_full"
    OUTBOX_DAMAGED = "outbox_damaged"


@frozen
class GapStart:
    """Why a meter gives no readings, and since when (ms)."""

    cause: GapCause
    from_ts: int


@frozen
class Gap:
    """An interval without readings; ``to_ts`` is None while it lasts.

    Without ``sink`` the meter gave none, and ``filled_at`` tells when its load profile had
    been read for the interval. With ``sink`` that one will never get ``count`` readings, or
    what the profile has of them.
    """

    id: int
    meter: str
    sink: str
    cause: GapCause
    from_ts: int
    to_ts: int | None
    count: int = 0
    filled_at: int | None = None


@frozen
class Watermark:
    """The load profile ``profile`` (an OBIS code) of ``meter`` has been read up to ``ts``."""

    meter: str
    profile: str
    ts: int


@frozen
class AlarmStatus:
    """How many alarms stand, by severity (info, warning, error, critical)."""

    standing: Mapping[str, int] = field(factory=dict)

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.standing.values())


@frozen
class ReceiverStatus:
    """One receiver of notices: so many wait; ``failures`` in a row, the last one's ``error``.

    Times are Unix ms; ``told_at`` is None before the first notice of this life.
    """

    name: str
    kind: str
    waiting: int = 0
    failures: int = 0
    failing_since: int = 0
    error: str = ""
    told_at: int | None = None


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

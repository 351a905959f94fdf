"""The board as JSON: the document of /api/status and the batches of /api/live.

::

    {"version": "0.1.0", "now": 1760000000000, "meters": [METER, ...],
     "sinks": [SINK, ...], "listeners": [LISTENER, ...], "outbox": OUTBOX,
     "alarms": {SEVERITY: COUNT, ...}, "reload": RELOAD}

METER: ``name`` and ``id`` (null until it has one), ``address`` and ``profile``; ``interval`` in
seconds; ``state`` (inactive, connecting, associating, reading, waiting, down) and ``health``
(see :func:`health`);
``ts`` of the last reading, the newest ``values`` with ``units`` and, for what is missing,
``absent`` with the reason, all three by measurement; ``older``, those of ``values`` that the
last reading has not, as they are read less often; ``age_seconds`` of that reading;
``success_rate`` in percent of the last cycles; ``good``, ``failed``, ``missed``,
``connects``; ``cycle_seconds``; ``latency``, the seconds that an answer takes; ``error``,
``advice``, ``cause`` (``dlmsd.errors.Cause``) and ``error_ts`` of the last trouble; ``rung``
(connecting, linked, relinking, barred, paused, probing) and ``breaker`` (closed, open,
half-open) of its recovery, ``errors`` in a row, ``losses`` of associations in the last hour,
and ``next_attempt_ts`` if one is planned; ``noise_bytes`` and ``bad_frames``;
``notifications``, what it told unasked.

SINK: ``name``, ``kind``, ``url``, ``state`` (connecting, connected, down), ``connections``,
``connected``, ``delivered`` and ``reconnections`` since the start, ``last_delivery_ts``,
``error``, ``advice``, ``error_ts``, and ``queued``: deliveries that wait for it.

LISTENER, a ``[[push]]``: ``name``, ``address``, ``state`` (listening, connecting, connected,
down), ``connections``, ``messages`` since the start, of which ``unknown`` were of no
configured meter, with the last ``sender`` of those; ``bad`` frames, ``noise_bytes``,
``refused`` connections, ``error``, ``advice``, ``error_ts``.

OUTBOX: ``readings``; ``committed``, which is the sum of ``delivered``, ``queued`` (by sink),
``quarantined`` and ``dropped``; ``oldest_queued_ts``, ``bytes`` of at most ``limit``;
``pressure`` when room is short; ``error`` while nothing can be stored, ``alarm`` after damage.

Times are Unix milliseconds. What is not known yet is null. Decimals are JSON numbers with
every digit of the reading; a number that JSON has no form for (NaN) is text.

RELOAD, null before the first: as :class:`dlmsd.model.ReloadStatus` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
import msgspec
from attrs import frozen

from dlmsd.fleet.board import Board
from dlmsd.model import (
    ListenerStatus,
    MeterState,
    MeterStatus,
    OutboxStatus,
    ReloadStatus,
    SinkStatus,
    Value,
    Verdict,
)
from dlmsd.web.text import clean

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def health(meter: MeterStatus) -> str:
    """The class of a meter by its share of good cycles.

    ``healthy`` from 90 %, ``degraded`` from 50 %, ``critical`` above 0 %, else ``down``;
    so is one that cannot be reached now, however good it was. ``inactive`` by the
    operator's decision; ``unknown`` before the first cycle.
    """
    if meter.state is MeterState.INACTIVE:
        return "inactive"
    if meter.state in (MeterState.DOWN, MeterState.WAITING):
        return "down"
    if meter.recent is None:
        return "unknown"
    rate = percent(meter.recent)
    if rate >= 90:
        return "healthy"
    if rate >= 50:
        return "degraded"
    return "critical" if meter.recent > 0 else "down"


@frozen(slots=True)
class _Encoded:
    """A meter's JSON without its end: the age is the only part that time alone changes."""

    status: MeterStatus
    head: bytes
    ts: int | None


class StatusDocument:
    """Encodes what the board shows; a meter is encoded again only when its status changed.

    ``wall`` gives Unix time in seconds, ``ids`` the registry's ids of meters by name.
    """

    def __init__(
        self,
        board: Board,
        wall: Callable[[], float],
        version: str,
        ids: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._board = board
        self._ids = ids
        self._wall = wall
        self._version = _encode(version)
        self._encoded: dict[str, _Encoded] = {}

    def whole(self) -> bytes:
        """The document of /api/status."""
        board = self._board
        if len(self._encoded) > len(board.meters):
            self._encoded = {
                name: one for name, one in self._encoded.items() if name in board.meters
            }
        return b'{"version":%b,%b}' % (
            self._version,
            self._parts(
                board.meters, board.sinks, board.listeners, outbox=True, alarms=True, reload=True
            ),
        )

    def batch(
        self,
        meters: Iterable[str],
        sinks: Iterable[str],
        listeners: Iterable[str] = (),
        *,
        outbox: bool,
        alarms: bool = False,
        reload: bool = False,
    ) -> bytes:
        """The same shape with what is named only, without the version.

        Sinks, listeners, outbox, alarms and reload are there when named; with the outbox come
        all sinks, because their ``queued`` is the outbox's.
        """
        sinks = self._board.sinks if outbox else sinks
        parts = self._parts(meters, sinks, listeners, outbox=outbox, alarms=alarms, reload=reload)
        return b"{%b}" % parts

    def _parts(
        self,
        meters: Iterable[str],
        sinks: Iterable[str],
        listeners: Iterable[str],
        *,
        outbox: bool,
        alarms: bool,
        reload: bool,
    ) -> bytes:
        board = self._board
        now = int(self._wall() * 1000)
        found = [board.meters[name] for name in meters if name in board.meters]
        parts = [
            b'"now":%d' % now,
            b'"meters":[%b]' % b",".join(self._meter(meter, now) for meter in found),
        ]
        queued = board.outbox.queued
        told = [_sink(board.sinks[name], queued.get(name, 0)) for name in sinks]
        if told or outbox:
            parts.append(b'"sinks":%b' % _encode(told))
        heard = [_listener(board.listeners[name]) for name in listeners]
        if heard:
            parts.append(b'"listeners":%b' % _encode(heard))
        if outbox:
            parts.append(b'"outbox":%b' % _encode(_outbox(board.outbox)))
        if alarms:
            parts.append(b'"alarms":%b' % _encode(dict(board.alarms.standing)))
        if reload:
            parts.append(b'"reload":%b' % _encode(_reload(board.reload)))
        return b",".join(parts)

    def _meter(self, meter: MeterStatus, now: int) -> bytes:
        encoded = self._encoded.get(meter.name)
        if encoded is None or encoded.status is not meter:
            ts = meter.reading.ts if meter.reading else None
            encoded = _Encoded(meter, _encode(_fields(meter, self._ids()))[:-1], ts)
            self._encoded[meter.name] = encoded
        if encoded.ts is None:
            return encoded.head + b',"age_seconds":null}'
        # A wall clock that was set back must not make a reading come from the future.
        return encoded.head + b',"age_seconds":%.1f}' % (max(0, now - encoded.ts) / 1000)


def _fields(meter: MeterStatus, ids: Mapping[str, int]) -> dict[str, Any]:
    values, standing = meter.values, meter.standing
    read = meter.reading.values if meter.reading else {}
    return {
        "name": meter.name,
        "id": ids.get(meter.name),
        "address": meter.address,
        "profile": meter.profile,
        "interval": meter.interval,
        "state": meter.state.value,
        "health": health(meter),
        "ts": meter.reading.ts if meter.reading else None,
        "values": {name: plain(value) for name, value in values.items()},
        "units": dict(meter.units),
        "older": [name for name in values if name not in read],
        "absent": {name: clean(reason) for name, reason in meter.absent.items()},
        "success_rate": None if meter.recent is None else percent(meter.recent),
        "good": meter.good,
        "failed": meter.failed,
        "missed": meter.missed,
        "connects": meter.connects,
        "cycle_seconds": meter.cycle_seconds,
        "error": clean(meter.error),
        "advice": meter.advice,
        "cause": meter.cause,
        "error_ts": meter.error_ts,
        "latency": None if meter.latency is None else round(meter.latency, 4),
        "rung": standing.rung.value,
        "breaker": standing.breaker.value,
        "errors": standing.errors,
        "losses": standing.losses,
        "next_attempt_ts": meter.next_attempt_ts,
        "noise_bytes": meter.noise_bytes,
        "bad_frames": meter.bad_frames,
        "notifications": meter.notifications,
    }


def _sink(sink: SinkStatus, queued: int) -> dict[str, Any]:
    told = attrs.asdict(sink, recurse=False)
    verdict = None if sink.verdict is None else _verdict(sink.verdict)
    texts = {"error": clean(sink.error), "verdict": verdict}
    return told | {"state": sink.state.value, "queued": queued} | texts


def _verdict(verdict: Verdict) -> dict[str, Any]:
    told = attrs.asdict(verdict, recurse=False)
    evidence = [clean(sentence) for sentence in verdict.evidence]
    return told | {"cause": verdict.cause.value, "evidence": evidence}


def _listener(listener: ListenerStatus) -> dict[str, Any]:
    told = attrs.asdict(listener, recurse=False)
    return told | {"state": listener.state.value, "sender": clean(listener.sender)}


def _outbox(outbox: OutboxStatus) -> dict[str, Any]:
    told = attrs.asdict(outbox, recurse=False)
    texts = {"error": clean(outbox.error), "alarm": clean(outbox.alarm)}
    return told | {"queued": dict(outbox.queued)} | texts


def _reload(reload: ReloadStatus | None) -> Any:
    """Lists of names, and why; null before the first."""
    return None if reload is None else _cleaned(attrs.asdict(reload))


def _cleaned(told: Any) -> Any:
    if isinstance(told, str):
        return clean(told)
    if isinstance(told, dict):
        return {_cleaned(key): _cleaned(one) for key, one in told.items()}
    return [_cleaned(one) for one in told] if isinstance(told, list | tuple) else told


def percent(share: float) -> float:
    """As it is shown."""
    return round(share * 100, 1)


def plain(value: Value) -> Value:
    """A value as JSON can tell it: a number without a form there (NaN) is text."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else str(value)
    return clean(value) if isinstance(value, str) else value

"""Prometheus' text format (version 0.0.4): families of samples, as lines.

A family has one name, one type, and base units: seconds, bytes, ratios; what is counted ends
in ``_total``. Counters begin at 0 with the process, but for those of the outbox, which live
as long as its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

from attrs import field, frozen

from dlmsd.fleet.board import Board
from dlmsd.model import MeterState, MeterStatus, SinkState, Value
from dlmsd.store.counters import Account, Stream
from dlmsd.web.text import clean

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Number = int | float | Decimal


@frozen
class Family:
    """``lines`` grow by :meth:`add`."""

    name: str
    kind: Literal["counter", "gauge"]
    says: str
    lines: list[str] = field(factory=list)

    def add(self, labels: str, value: Number | None) -> None:
        """A sample; none where there is no value. ``labels`` come from :func:`labelled`."""
        if value is not None:
            self.lines.append(f"{self.name}{labels} {_number(value)}")

    def text(self) -> Iterator[str]:
        """Nothing where there is no sample."""
        if self.lines:
            yield f"# HELP {self.name} {self.says}"
            yield f"# TYPE {self.name} {self.kind}"
            yield from self.lines


def labelled(**labels: str) -> str:
    """Labels in braces; whatever a meter is called stays within its quotes."""
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{told}}}"


def exposition(
    board: Board,
    accounts: Mapping[Stream, Account],
    alarms: Mapping[tuple[str, str], int],
    version: str,
) -> Iterator[bytes]:
    """A piece for each family, made when it is asked for.

    ``alarms`` counts those that stand, by rule and severity.
    """
    for families in (
        _meters(list(board.meters.values())),
        [_clocks(board)],
        _sinks(board),
        _deliveries(accounts),
        _whole(board, alarms, version),
    ):
        for family in families:
            if text := "".join(f"{line}\n" for line in family.text()):
                yield text.encode()


_METER: Final = (
    ("connects_total", "counter", "Attempts to connect.", lambda one: one.connects),
    ("success_ratio", "gauge", "Share of good ones among the last cycles.", lambda one: one.recent),
    ("cycle_seconds", "gauge", "How long the last cycle took.", lambda one: one.cycle_seconds),
    ("latency_seconds", "gauge", "How long an answer takes, smoothed.", lambda one: one.latency),
    ("interval_seconds", "gauge", "From poll to poll.", lambda one: one.interval),
    ("requests_total", "counter", "DLMS requests sent.", lambda one: one.requests),
    ("responses_total", "counter", "DLMS requests that were answered.", lambda one: one.responses),
    ("sent_bytes_total", "counter", "Octets to the meter.", lambda one: one.octets_out),
    ("received_bytes_total", "counter", "Octets from the meter.", lambda one: one.octets_in),
    (
        "noise_bytes_total",
        "counter",
        "Octets that belong to no frame.",
        lambda one: one.noise_bytes,
    ),
    ("bad_frames_total", "counter", "Frames that are none.", lambda one: one.bad_frames),
    (
        "notifications_total",
        "counter",
        "What the meter told unasked: events and pushes.",
        lambda one: one.notifications,
    ),
    ("errors", "gauge", "Failures in a row.", lambda one: one.standing.errors),
    ("losses", "gauge", "Associations lost within an hour.", lambda one: one.standing.losses),
    (
        "last_reading_timestamp_seconds",
        "gauge",
        "When it was last read.",
        lambda one: one.reading.ts / 1000 if one.reading else None,
    ),
)


def _meters(meters: Sequence[MeterStatus]) -> Iterator[Family]:
    names = [labelled(meter=one.name) for one in meters]
    up = Family("dlmsd_meter_up", "gauge", "1 while the meter is read.")
    state = Family("dlmsd_meter_state", "gauge", "1 for the state in which the meter is.")
    cycles = Family("dlmsd_meter_cycles_total", "counter", "Cycles by their end.")
    for one, labels in zip(meters, names, strict=True):
        up.add(labels, int(one.state is MeterState.READING))
        for each in MeterState:
            state.add(_and(labels, "state", each.value), int(one.state is each))
        for result in ("good", "failed", "missed"):
            cycles.add(_and(labels, "result", result), getattr(one, result))
    yield from (up, state, cycles)
    for name, kind, says, get in _METER:
        family = Family(f"dlmsd_meter_{name}", kind, says)  # type: ignore[arg-type]
        for one, labels in zip(meters, names, strict=True):
            family.add(labels, get(one))
        yield family
    value = Family("dlmsd_meter_value", "gauge", "The newest value, in the unit that it has.")
    for one, labels in zip(meters, names, strict=True):
        for name, each_value in one.values.items():
            told = _and(labels, "measurement", _escaped(name))
            unit = _escaped(one.units.get(name, ""))
            value.add(_and(told, "unit", unit), _of_value(each_value))
    yield value


def _clocks(board: Board) -> Family:
    ahead = Family(
        "dlmsd_meter_clock_drift_seconds",
        "gauge",
        "By how much the meter's clock was ahead of this machine's when it was last asked.",
    )
    for name, one in board.identities.items():
        ahead.add(labelled(meter=name), None if one.ahead is None else round(one.ahead, 3))
    return ahead


def _and(labels: str, name: str, escaped: str) -> str:
    return f'{labels[:-1]},{name}="{escaped}"}}'


def _sinks(board: Board) -> list[Family]:
    up = Family("dlmsd_sink_up", "gauge", "1 while every connection of the sink stands.")
    wanted = Family("dlmsd_sink_connections", "gauge", "Connections that the sink needs.")
    there = Family("dlmsd_sink_connected", "gauge", "Connections that stand.")
    done = Family("dlmsd_sink_delivered_total", "counter", "Deliveries that were acknowledged.")
    again = Family(
        "dlmsd_sink_reconnections_total", "counter", "Connections that stood again after an end."
    )
    last = Family(
        "dlmsd_sink_last_delivery_timestamp_seconds", "gauge", "When one was last acknowledged."
    )
    heard = Family("dlmsd_listener_messages_total", "counter", "Pushes that were heard.")
    strange = Family("dlmsd_listener_unknown_total", "counter", "Pushes of nobody known.")
    bad = Family("dlmsd_listener_bad_frames_total", "counter", "Frames that are none.")
    for sink in board.sinks.values():
        labels = labelled(sink=sink.name, kind=sink.kind)
        up.add(labels, int(sink.state is SinkState.CONNECTED))
        wanted.add(labels, sink.connections)
        there.add(labels, sink.connected)
        done.add(labels, sink.delivered)
        again.add(labels, sink.reconnections)
        last.add(labels, None if sink.last_delivery_ts is None else sink.last_delivery_ts / 1000)
    for listener in board.listeners.values():
        labels = labelled(listener=listener.name)
        heard.add(labels, listener.messages)
        strange.add(labels, listener.unknown)
        bad.add(labels, listener.bad)
    return [up, wanted, there, done, again, last, heard, strange, bad]


def _deliveries(accounts: Mapping[Stream, Account]) -> list[Family]:
    """Per meter and sink: committed = delivered + queued + quarantined + dropped, always."""
    says = "Deliveries, over the life of the outbox's file: "
    families = {
        "committed": Family("dlmsd_deliveries_committed_total", "counter", f"{says}all of them."),
        "delivered": Family(
            "dlmsd_deliveries_delivered_total", "counter", f"{says}acknowledged by the broker."
        ),
        "queued": Family("dlmsd_deliveries_queued", "gauge", "Deliveries that wait."),
        "quarantined": Family(
            "dlmsd_deliveries_quarantined", "gauge", "Deliveries that the broker refuses for good."
        ),
        "dropped": Family(
            "dlmsd_deliveries_dropped_total", "counter", f"{says}given up, as gaps tell."
        ),
    }
    for (meter, sink), account in accounts.items():
        labels = labelled(meter=meter, sink=sink)
        for fate, family in families.items():
            family.add(labels, getattr(account, fate))
    return list(families.values())


def _whole(board: Board, alarms: Mapping[tuple[str, str], int], version: str) -> list[Family]:
    build = Family("dlmsd_build_info", "gauge", "1, with the version.")
    build.add(labelled(version=version), 1)
    outbox = board.outbox
    readings = Family("dlmsd_outbox_readings_total", "counter", "Readings committed to the file.")
    readings.add("", outbox.readings)
    size = Family("dlmsd_outbox_bytes", "gauge", "Bytes of the file that hold something.")
    size.add("", outbox.bytes)
    well = Family("dlmsd_outbox_up", "gauge", "1 while readings can be stored.")
    well.add("", int(not outbox.error))
    oldest = Family(
        "dlmsd_outbox_oldest_queued_timestamp_seconds", "gauge", "Since when the oldest waits."
    )
    ts = outbox.oldest_queued_ts
    oldest.add("", None if ts is None else ts / 1000)
    standing = Family("dlmsd_alarms", "gauge", "Alarms that stand, by rule and severity.")
    for (rule, severity), count in alarms.items():
        standing.add(labelled(rule=rule, severity=severity), count)
    wrong = Family("dlmsd_wrong_tokens_total", "counter", "Requests with a wrong token.")
    wrong.add("", board.door.wrong)
    unsafe = Family(
        "dlmsd_meter_security_failures_total", "counter", "Wrong tags, counters and titles."
    )
    for name in board.meters:
        unsafe.add(labelled(meter=name), board.unsafe[name])
    return [build, readings, size, well, oldest, standing, wrong, unsafe]


def _of_value(value: Value) -> Number | None:
    """Text is no number."""
    if isinstance(value, bool):
        return int(value)
    return None if isinstance(value, str) else value


def _number(value: Number) -> str:
    if isinstance(value, Decimal) and not value.is_finite():
        return "NaN" if value.is_nan() else "+Inf" if value > 0 else "-Inf"
    return str(value)


def _escaped(text: str) -> str:
    return clean(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""Home Assistant's MQTT discovery, in the form for devices: a retained document a meter.

Announced is what a meter has given, never what it might give. Keys are the abbreviated
ones of Home Assistant's documentation ("MQTT discovery"), which knows no ``~`` in this form.

Nor is it announced for longer than it is wanted: what an earlier run has announced stands in
its notes (:mod:`dlmsd.publish.withdrawal`), and its retained availability beside them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from dlmsd import __version__
from dlmsd.config.topics import Topics
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.catalogue import lookup
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.model import NOTHING_READ, MeterStatus
from dlmsd.publish import payload
from dlmsd.publish.entity import entity
from dlmsd.publish.message import Message
from dlmsd.publish.withdrawal import ROOT, Note, Platform, empty

BIRTH: Final = f"{ROOT}/status"
# Entities of one meter: more than anybody looks at, in a document below the 64 KiB that some
# brokers take at most.
MOST: Final = 100
# A value is doubted when its measurement has missed three turns, and not before a broken
# connection had time to come back.
_TURNS: Final = 3
_LEAST_SECONDS: Final = 30


@define(eq=False)
class _Device:
    """One meter, and the parts of its document by key."""

    options: MeterOptions
    wanted: Mapping[str, tuple[Obis, float]]
    parts: dict[str, Mapping[str, Any]] = field(factory=dict)
    keys: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(factory=dict)
    # What an earlier run has announced, and nobody reads any more.
    left: dict[str, Platform] = field(factory=dict)
    # The keys of each note that is at the broker, by its topic.
    notes: dict[str, frozenset[str]] = field(factory=dict)

    @property
    def retired(self) -> dict[str, Platform]:
        """To be taken back, unless it is read after all."""
        return {key: one for key, one in self.left.items() if key not in self.parts}


class Discovery:
    """The documents of the meters of one sink."""

    def __init__(self, topics: Topics, meters: Sequence[MeterOptions]) -> None:
        self._topics = topics
        self._devices = {one.name: _device(one) for one in meters}
        self._ours = frozenset(map(self._topic, self._devices))

    @property
    def subscriptions(self) -> Sequence[str]:
        """Home Assistant's birth, and every meter that ever was."""
        return BIRTH, self._topics.availability("+"), self._topics.note("+", "+")

    def messages(self) -> Iterator[tuple[str, Message]]:
        """Every document with its notes, by subject."""
        for device in self._announced():
            yield from self._announcement(device)

    def learn(self, status: MeterStatus) -> Iterator[tuple[str, Message]]:
        """The meter's document, if by this status there is another one."""
        device = self._devices.get(status.name)
        if device is None or status.values is NOTHING_READ:
            return
        if device.keys == status.values.keys() and device.units == status.units:
            return
        device.keys, device.units = frozenset(status.values), dict(status.units)
        before = dict(device.parts)
        for key, value in payload.sayable(status.values).items():
            if key in device.parts or len(device.parts) < MOST:
                obis, seconds = device.wanted.get(key) or (_code(key), 0.0)
                patience = _patience(device.options, seconds)
                unit = status.units.get(key, "")
                identity = f"{self._identity(status.name)}_{key}"
                device.parts[key] = entity(identity, key, value, unit, obis, patience)
        if device.parts != before:
            yield from self._announcement(device)

    def told(self, message: Message) -> Iterable[tuple[str, Message]] | None:
        """What to say to Home Assistant's birth, or of a meter that was; None to all else."""
        if message.topic == BIRTH:
            # What is retained was before our greeting.
            born = message.payload == b"online" and not message.retain
            return [self._document(one) for one in self._announced()] if born else ()
        noted = self._topics.meter_of_note(message.topic)
        meter = noted or self._topics.meter_of_availability(message.topic)
        if meter is None:
            return None
        # What is not retained is our own, coming back.
        if not message.retain:
            return ()
        if noted is not None:
            return list(self._recall(noted, message))
        return () if meter in self._devices else [empty(message.topic)]

    def _recall(self, meter: str, message: Message) -> Iterator[tuple[str, Message]]:
        """Take back what is noted of a meter, as far as it is no longer wanted."""
        note, device = Note.decode(message.payload), self._devices.get(meter)
        if note is None:
            return
        if device is None or note.topic != self._topic(meter):
            if note.topic not in self._ours:
                yield empty(note.topic)
            yield empty(message.topic)
            return
        if message.topic in device.notes:
            return
        device.notes[message.topic] = frozenset(note.components)
        # A push tells what it likes, when it likes.
        if device.options.transport != "push" and len(device.left) < MOST:
            gone = note.components.keys() - device.wanted.keys()
            device.left |= {key: note.components[key] for key in sorted(gone)[:MOST]}
        if device.parts:
            yield from self._announcement(device)

    def _announced(self) -> Iterator[_Device]:
        return (one for one in self._devices.values() if one.parts)

    def _announcement(self, device: _Device) -> Iterator[tuple[str, Message]]:
        """A document, the note before it, and what no other note need say any longer."""
        meter = device.options.name
        note = Note(self._topic(meter), {key: one["p"] for key, one in device.parts.items()})
        message = note.message(self._topics, meter)
        yield message.topic, message
        yield self._document(device)
        device.notes[message.topic] = frozenset(device.parts)
        said = device.parts.keys() | device.retired.keys()
        for topic, keys in list(device.notes.items()):
            if topic != message.topic and keys <= said:
                del device.notes[topic]
                yield empty(topic)

    def _topic(self, meter: str) -> str:
        return f"{ROOT}/device/{self._identity(meter)}/config"

    def _identity(self, meter: str) -> str:
        """Equal at every start, and no other meter's at this broker.

        Of letters, digits, ``_`` and ``-``, as Home Assistant wants it.
        """
        short = hashlib.sha256(self._topics.reading(meter).encode()).hexdigest()[:8]
        return f"dlmsd_{re.sub(r'[^A-Za-z0-9_-]+', '-', meter)}_{short}"

    def _document(self, device: _Device) -> tuple[str, Message]:
        topic = self._topic(device.options.name)
        return topic, Message(topic, payload.encode(self._body(device)), retain=True)

    def _body(self, device: _Device) -> dict[str, Any]:
        meter, topics = device.options, self._topics
        about: dict[str, Any] = {"ids": [self._identity(meter.name)], "name": meter.device_name}
        if meter.profile:
            about["mdl"] = meter.profile
        if meter.serial_number:
            about["sn"] = meter.serial_number
        return {
            "dev": about,
            "o": {"name": "dlmsd", "sw": __version__},
            "avty": [{"t": topics.status}, {"t": topics.availability(meter.name)}],
            "avty_mode": "all",
            "stat_t": topics.reading(meter.name),
            "qos": 1,
            # Of one that goes, Home Assistant wants the platform alone.
            "cmps": {**device.parts, **{key: {"p": one} for key, one in device.retired.items()}},
        }


def _device(meter: MeterOptions) -> _Device:
    return _Device(meter, {one.key: (one.attribute.obis, one.every) for one in meter.read})


def _patience(meter: MeterOptions, every: float) -> int:
    """Seconds after which a value counts as unknown."""
    if meter.transport == "push":
        return max(_LEAST_SECONDS, round(meter.expect_every))
    return max(_LEAST_SECONDS, round(_TURNS * max(meter.interval, every)))


def _code(key: str) -> Obis | None:
    """What a meter pushes is called by its usual name, or by its OBIS code."""
    known = lookup(key)
    if known is not None:
        return known.attribute.obis
    try:
        return Obis.parse(key)
    except ValueError:
        return None

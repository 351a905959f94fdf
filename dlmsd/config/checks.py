"""What must differ between sinks and between meters, and what must be equal."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, Protocol

from dlmsd.config import rules
from dlmsd.config.credentials import KEYS as CREDENTIALS
from dlmsd.config.identities import check_identities
from dlmsd.config.meters import ADDRESS, Meter, server
from dlmsd.config.rules import Refusal
from dlmsd.config.sinks import Sink
from dlmsd.config.source import Place
from dlmsd.config.topics import Topics
from dlmsd.config.transport import COMMON, TRANSPORT
from dlmsd.errors import LocalError, Problem

# Whatever the daemon is called: no level of a topic is that.
_NODE: Final = "\0"


class Named(Protocol):
    """A meter or a sink."""

    @property
    def place(self) -> Place: ...

    @property
    def bad(self) -> frozenset[str]: ...


def check_all(sinks: Sequence[Sink], meters: Sequence[Meter], problems: list[Problem]) -> None:
    """Everything that concerns more than one of them."""
    unique([(sink, sink.options.name) for sink in sinks], "sink", problems)
    unique([(meter, meter.options.name) for meter in meters], "meter", problems)
    _credentials(sinks, meters, problems)
    check_identities(sinks, meters, problems)
    _topics(sinks, meters, problems)
    _lines(meters, problems)


def unique(all_named: Sequence[tuple[Named, str]], what: str, problems: list[Problem]) -> None:
    """No two of them have one name."""
    first: dict[str, Place] = {}
    for one, name in all_named:
        if "name" in one.bad:
            continue
        place = one.place.at("name")
        other = first.setdefault(name, place)
        if other is not place:
            seen = other.seen_from(place)
            problems.append(place.problem(f"another {what} has this name ({seen})"))


def _credentials(sinks: Sequence[Sink], meters: Sequence[Meter], problems: list[Problem]) -> None:
    """Each meter of a sink with a connection per meter has some, that fit its url."""
    needy = {sink.options.name: sink for sink in sinks if sink.options.kind == "thingsboard"}
    for meter in meters:
        options = meter.options
        wanted = [needy[name] for name in options.sinks if name in needy]
        if not wanted or meter.bad & {"status", "sinks", *CREDENTIALS}:
            continue
        if not options.credentials and options.status == "active":
            name = wanted[0].options.name
            message = f"is required: sink {name} needs a token for each meter"
            problems.append(meter.place.at("token").problem(message))
        plain = [one for one in wanted if one.broker is not None and not one.broker.tls]
        if options.mqtt_cert_file is not None and plain:
            message = f"sink {plain[0].options.name} has no mqtts:// url, and shows no certificate"
            problems.append(meter.place.at("mqtt_cert_file").problem(message))


def _topics(sinks: Sequence[Sink], meters: Sequence[Meter], problems: list[Problem]) -> None:
    """No two meters of a sink on one topic, and none on one of dlmsd's own."""
    for sink in sinks:
        if sink.options.kind != "mqtt" or "topic" in sink.bad:
            continue
        ours = [
            meter
            for meter in meters
            if sink.options.name in meter.options.sinks
            and not meter.bad & {"name", "serial_number", "group"}
            and _placed(meter, sink, problems)
        ]
        topics = Topics.of(sink.options.topic, _NODE, [one.options for one in ours])
        own = {topics.availability(one.options.name) for one in ours}
        first: dict[str, Meter] = {}
        for meter in ours:
            topic = topics.reading(meter.options.name)
            other = first.setdefault(topic, meter)
            place = meter.says("serial_number", "group", "name")
            if topic in own or topics.takes(topic):
                message = f"its topic at sink {sink.options.name} is one of dlmsd's own"
                problems.append(place.problem(message))
            elif other.options.name != meter.options.name:
                message = f"meter {other.options.name} has the same topic at sink"
                problems.append(place.problem(f"{message} {sink.options.name}"))


def _placed(meter: Meter, sink: Sink, problems: list[Problem]) -> bool:
    """Whether the meter tells what its topic has a place for."""
    said = {"serial": "serial_number", "group": "group"}
    for place, key in said.items():
        if f"{{{place}}}" not in sink.options.topic:
            continue
        value = getattr(meter.options, key)
        try:
            if value is None:
                raise Refusal("is required")
            rules.name(value)
        except Refusal as error:
            message = f"{error}: the topic of sink {sink.options.name} has {{{place}}}"
            problems.append(meter.place.at(key).problem(message))
            return False
    return True


def _lines(meters: Sequence[Meter], problems: list[Problem]) -> None:
    """Meters of one line share one connection: each needs its own address."""
    first_on: dict[Hashable, Meter] = {}
    first_at: dict[Hashable, Meter] = {}
    for meter in meters:
        options = meter.options
        if options.transport == "push" or meter.bad & ({"client"} | TRANSPORT | ADDRESS):
            continue
        line = options.line
        other = first_on.setdefault(line, meter)
        different = [key for key in COMMON if getattr(options, key) != getattr(other.options, key)]
        for key in different:
            message = (
                f"differs from that of meter {other.options.name}, which shares the connection"
            )
            problems.append(meter.says(key).problem(message))
        if different:
            continue
        for address in _addresses(meter):
            other = first_at.setdefault((line, options.client, address), meter)
            if other is not meter:
                message = (
                    f"meter {other.options.name} has this client and address on this connection"
                )
                problems.append(meter.place.at("host").problem(message))
                break


def _addresses(meter: Meter) -> tuple[Hashable, ...]:
    """What a frame must not carry for two meters: the devices, and their octets."""
    options = meter.options
    if options.framing == "wrapper":
        return (options.logical_device,)
    try:
        return (options.logical_device, options.physical_device), server(options).octets
    except LocalError:  # told where the meter was checked
        return ()

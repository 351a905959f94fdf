"""As whom a broker knows each connection, and each device of a gateway: once each."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from dlmsd.config.credentials import KEYS, leaf
from dlmsd.config.meters import Meter
from dlmsd.config.sinks import Sink
from dlmsd.config.source import Place
from dlmsd.errors import Problem
from dlmsd.secret import Secret

_QUARREL: Final = "each connection would end the other"
_GATEWAY: Final = "each meter goes by one gateway, or each takes the device from the other"
_USER: Final = "one username and password"
_CREDENTIALS: Final = frozenset({"token", "username", "password", "cert_file"})


@frozen
class _Identity:
    """What ThingsBoard knows a connection by, in words ``what``; whose, and where it stands.

    A ``client_id`` may be part of it: MQTT basic credentials can have one beside the username.
    """

    key: Hashable
    what: str
    label: str
    place: Place
    client_id: str | None = None

    def apart(self, other: _Identity) -> bool:
        """Whether client ids tell the two apart."""
        return None not in (self.client_id, other.client_id) and self.client_id != other.client_id


def check_identities(
    sinks: Sequence[Sink], meters: Sequence[Meter], problems: list[Problem]
) -> None:
    """Nobody takes over what another of this configuration has."""
    _client_ids(sinks, problems)
    _connections(sinks, meters, problems)
    _devices(sinks, meters, problems)


def _client_ids(sinks: Sequence[Sink], problems: list[Problem]) -> None:
    first: dict[Hashable, Sink] = {}
    for sink in sinks:
        if sink.options.client_id is None or sink.broker is None:
            continue
        # Whatever the port: mosquitto has its clients once, however they come.
        other = first.setdefault((sink.broker.server[0], sink.options.client_id), sink)
        if other is not sink:
            place = sink.place.at("client_id")
            seen = other.place.at("client_id").seen_from(place)
            message = f"sink {other.options.name} ({seen}) has the same client_id at this host"
            problems.append(place.problem(f"{message}; {_QUARREL}"))


def _connections(sinks: Sequence[Sink], meters: Sequence[Meter], problems: list[Problem]) -> None:
    known: dict[Hashable, list[_Identity]] = {}
    for one in (*_of_sinks(sinks), *_of_meters(sinks, meters)):
        before = known.setdefault(one.key, [])
        other = next((each for each in before if not each.apart(one)), one)
        before.append(one)
        if other.label != one.label:
            message = f"{other.label} and {one.label} use {one.what} at one broker"
            problems.append(one.place.problem(f"{message}; {_QUARREL}"))


def _of_sinks(sinks: Sequence[Sink]) -> Iterator[_Identity]:
    for sink in sinks:
        options, label = sink.options, f"sink {sink.options.name}"
        if options.kind == "mqtt" or sink.broker is None or sink.bad & _CREDENTIALS:
            continue
        server = sink.broker.server
        if options.cert_file is not None:
            yield _with_certificate(server, options.cert_file, label, sink.place.at("cert_file"))
        if options.kind != "thingsboard-gateway":
            continue
        if options.token is not None:
            yield _with_token(server, options.token, label, sink.place.at("token"))
        elif options.username is not None and options.password is None:
            yield _with_token(server, Secret(options.username), label, sink.place.at("username"))
        elif options.username is not None:
            place = sink.place.at("username")
            user = (options.username, options.password)
            yield _Identity((server, *user), _USER, label, place, options.client_id)


def _of_meters(sinks: Sequence[Sink], meters: Sequence[Meter]) -> Iterator[_Identity]:
    devices = {s.options.name: s for s in sinks if s.options.kind == "thingsboard"}
    for meter in meters:
        if meter.bad.intersection(KEYS):
            continue
        for name in meter.options.sinks:
            if name in devices and (broker := devices[name].broker) is not None:
                yield from _of_meter(meter, broker.server, name)


def _of_meter(meter: Meter, server: Hashable, sink: str) -> Iterator[_Identity]:
    given, place = meter.options.credentials, meter.place
    label = f"meter {meter.options.name} (sink {sink})"
    if given.token is not None:
        yield _with_token(server, given.token, label, place.at("token"))
    elif given.cert_file is not None:
        yield _with_certificate(server, given.cert_file, label, place.at("mqtt_cert_file"))
    elif given.username is not None:
        where = place.at("mqtt_username")
        if given.password is not None:
            key = (server, given.username, given.password)
            yield _Identity(key, _USER, label, where, given.client_id)
        else:
            token = _with_token(server, Secret(given.username), label, where)
            yield evolve(token, client_id=given.client_id)
    elif given.client_id is not None:
        where = place.at("mqtt_client_id")
        yield _Identity((server, "client_id", given.client_id), "one client id", label, where)


def _with_token(server: Hashable, token: Secret, label: str, place: Place) -> _Identity:
    """A token is a username without password, and opens whatever the client id."""
    what = f"one token (fingerprint {token.fingerprint()})"
    return _Identity((server, token), what, label, place)


def _with_certificate(server: Hashable, path: Path, label: str, place: Place) -> _Identity:
    """Copies of one are one."""
    key = (server, leaf(path) or path.resolve())
    return _Identity(key, "one certificate", label, place)


def _devices(sinks: Sequence[Sink], meters: Sequence[Meter], problems: list[Problem]) -> None:
    """ThingsBoard ends, without a word, what one gateway has of a device when another has it."""
    gateways = {s.options.name: s for s in sinks if s.options.kind == "thingsboard-gateway"}
    first: dict[Hashable, tuple[Meter, str]] = {}
    for meter in meters:
        if meter.bad & {"name", "device_name", "sinks"}:
            continue
        for name in meter.options.sinks:
            if name not in gateways:
                continue
            broker = gateways[name].broker
            server = name if broker is None else broker.server
            other, there = first.setdefault((server, meter.options.device_name), (meter, name))
            if other.options.name != meter.options.name:
                message = f"meter {other.options.name} is the same device at sink {there}"
                problems.append(meter.place.at("device_name").problem(message))
                break
            if there != name:
                message = f"sinks {there} and {name} are gateways of one ThingsBoard; {_GATEWAY}"
                problems.append(meter.says("sinks").problem(message))
                break

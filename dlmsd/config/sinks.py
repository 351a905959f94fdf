"""Sinks, and what can be wrong in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import fields, frozen

from dlmsd.config.broker import Broker
from dlmsd.config.source import Place
from dlmsd.config.structure import Structure
from dlmsd.config.values import SinkOptions
from dlmsd.errors import Problem

_TLS_FILES: Final = ("ca_file", "cert_file", "key_file")
_PLAIN: Final = ("topic", "home_assistant", "canary")
_DEVICE: Final = ("telemetry_topic", "attributes_topic")
# transport.sessions.inactivity_timeout, in seconds, where nobody changed it; a sign of life comes
# after half of the keep alive.
LONGEST_KEEPALIVE: Final = 600
_STAND_IN: Final = {"name": "unknown", "kind": "mqtt", "url": "mqtt://unknown"}


@frozen(eq=False)
class Sink:
    """A sink with its place, and the keys that cannot be judged.

    ``broker`` is None when the url cannot be judged.
    """

    options: SinkOptions
    place: Place
    broker: Broker | None
    bad: frozenset[str]


def take_sink(
    place: Place, table: object, structure: Structure, problems: list[Problem]
) -> Sink | None:
    """The sink that ``table`` describes; None if it is no table."""
    taken = structure.take(SinkOptions, place, table, problems, stand_in=_STAND_IN)
    if taken.value is None:
        return None
    broker = None if "url" in taken.bad else Broker.parse(taken.value.url)
    sink = Sink(taken.value, place, broker, taken.bad)
    assert isinstance(table, dict)
    for key, message in _misfits(sink, table):
        if key not in taken.bad:
            problems.append(place.at(key).problem(message))
    return sink


def _misfits(sink: Sink, table: Mapping[str, object]) -> list[tuple[str, str]]:
    """Keys that do not go together, with what to do about it."""
    found = [] if "kind" in sink.bad else _credentials(sink.options, table)
    if sink.options.kind != "mqtt":
        message = 'only for kind = "mqtt"; ThingsBoard has topics of its own'
        found += [(key, message) for key in _PLAIN if key in table]
    if sink.options.latency_metadata and sink.options.kind != "thingsboard-gateway":
        message = 'only for kind = "thingsboard-gateway"; ThingsBoard reads it nowhere else'
        found.append(("latency_metadata", message))
    if sink.options.kind != "thingsboard":
        message = 'only for kind = "thingsboard": no device profile changes other topics'
        found += [
            (key, message)
            for key in _DEVICE
            if getattr(sink.options, key) != getattr(fields(SinkOptions), key).default
        ]
    elif sink.options.telemetry_topic == sink.options.attributes_topic:
        key = next((one for one in _DEVICE if one in table), _DEVICE[0])
        message = "telemetry and attributes need a topic each: ThingsBoard takes all for attributes"
        found.append((key, message))
    if sink.options.kind != "mqtt" and sink.options.keepalive > LONGEST_KEEPALIVE:
        message = (
            f"at most {LONGEST_KEEPALIVE}: ThingsBoard ends a session that is silent for so long"
        )
        found.append(("keepalive", message))
    if sink.broker is not None and not sink.broker.tls:
        found += [(key, "only with an mqtts:// url") for key in _TLS_FILES if key in table]
    if "key_file" in table and "cert_file" not in table:
        found.append(("key_file", "needs cert_file, the certificate of this key"))
    if "password" in table and "username" not in table:
        found.append(("password", "needs username"))
    return found


def _credentials(options: SinkOptions, table: Mapping[str, object]) -> list[tuple[str, str]]:
    found = []
    others = [key for key in ("username", "cert_file") if key in table]
    if options.kind == "thingsboard-gateway":
        if "token" not in table and not others:
            found.append(("token", "is required: the gateway's token (or username, or cert_file)"))
        if "token" in table and "username" in table:
            found.append(("username", "give token or username, not both: a token is a username"))
    elif "token" in table:
        where = "each meter" if options.kind == "thingsboard" else "username"
        found.append(("token", f'only for kind = "thingsboard-gateway"; give it in {where}'))
    if options.kind == "thingsboard" and "username" in table:
        found.append(("username", 'not for kind = "thingsboard": each meter\'s token is it'))
    return found

"""A configuration of dlmsd that reads the meters of a simulation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.quirks import QUIRKS
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.simulator.personality import Client, Personality
from dlmsd.simulator.security import Security

if TYPE_CHECKING:
    from dlmsd.simulator.service import Endpoint

_HEAD = """\
# Virtual meters of `dlmsd simulate`; start it with the same options before the daemon.
[daemon]
state_dir = "var"

[[sinks]]
name = "local"
kind = "mqtt"
url = "mqtt://localhost:1883"

[profiles.virtual]
framing = "{framing}"
client = {client}
address_size = {size}
{login}
interval = 5.0
max_info = {max_info}

[profiles.virtual.read]
voltage_l1 = "1-1:32.7.0"
voltage_l2 = "1-1:52.7.0"
voltage_l3 = "1-1:72.7.0"
current_l1 = "1-1:31.7.0"
current_l2 = "1-1:51.7.0"
current_l3 = "1-1:71.7.0"
frequency = "1-1:14.7.0"
active_power = "1-1:1.7.0"
active_energy = {{ obis = "1-1:1.8.0", unit = "kWh" }}
active_energy_export = {{ obis = "1-1:2.8.0", unit = "kWh" }}
"""

_METER = """
[[meters]]
name = "{name}"
{place}
profile = "virtual"
transport = "{transport}"
logical_device = {logical}
physical_device = {physical}
"""

_PROFILES: Final = "[profiles.virtual]"

# Listening everywhere is no place to connect to.
_REACHED = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104

SYSTEM_TITLE: Final = "DLMSDCLT"
_AUTHENTICATION: Final = {
    Mechanism.NONE: "none",
    Mechanism.LOW: "low",
    Mechanism.HIGH_MANUFACTURER: "high-manufacturer",
    Mechanism.HIGH_MD5: "high-md5",
    Mechanism.HIGH_SHA1: "high-sha1",
    Mechanism.HIGH_GMAC: "high-gmac",
    Mechanism.HIGH_SHA256: "high-sha256",
    Mechanism.HIGH_ECDSA: "high-ecdsa",
}
_CIPHERING: Final = {
    KeyKind.WRAPPED: "wrapped",
    KeyKind.EPHEMERAL: "one-pass",
    KeyKind.STATIC: "static",
}


def configuration(personality: Personality, endpoints: Sequence[Endpoint]) -> str:
    """The text of a ``dlmsd.toml`` with all these meters and a local MQTT broker."""
    client = personality.clients[0]
    size = personality.address_size
    head = _HEAD.format(
        framing=personality.framing,
        client=client.number,
        size=size if size != "auto" else '"auto"',
        login="\n".join(_login(personality, client)),
        max_info=personality.link.transmit_information,
    )
    meters = "".join(
        _METER.format(
            name=one.name,
            place=_place(one),
            transport=one.transport,
            logical=one.logical,
            physical=one.physical,
        )
        for one in endpoints
    )
    return head.replace(_PROFILES, _reception(endpoints) + _PROFILES, 1) + meters


def _reception(endpoints: Sequence[Endpoint]) -> str:
    """Where they call, if they do."""
    calls = {one.port for one in endpoints if one.announces}
    return "".join(f'[dial_in]\nlisten = "tcp:{port}"\n\n' for port in calls)


def _place(one: Endpoint) -> str:
    """The lines that say where it is."""
    if one.announces:
        return f'announces = "{one.announces}"'
    if one.device:
        return f'device = "{one.device}"'
    return f'host = "{_REACHED.get(one.host, one.host)}"\nport = {one.port}'


def _login(personality: Personality, client: Client) -> Iterator[str]:
    """The lines by which ``client`` is let in."""
    if personality.referencing == "sn":
        yield 'referencing = "sn"'
    if told := sorted(one.label for one in personality.quirks if one.label in QUIRKS):
        yield f"quirks = {json.dumps(told)}"
    yield f'authentication = "{_AUTHENTICATION[client.mechanism]}"'
    if client.password is not None:
        yield f'password = "{client.password.reveal().decode()}"'
    if not client.high:
        return
    if client.manufacturer is not None:
        yield f'manufacturer = "{client.manufacturer.name}"'
    yield f'system_title = "{SYSTEM_TITLE}"'
    yield from protection(personality.security)


def protection(security: Security) -> Iterator[str]:
    """The lines that say how messages are protected, and by which keys of the client's."""
    keys = security.client
    if security.policy is not SecurityPolicy.NONE:
        yield f'security = "{security.policy.value}"'
        yield f"security_suite = {security.suite.number}"
    if security.form.general:
        yield 'ciphering = "general"'
    elif security.form.kind is not None:
        yield f'ciphering = "{_CIPHERING[security.form.kind]}"'
    if security.form.signed:
        yield "signed = true"
    for name, key in (
        ("encryption_key", keys.encryption),
        ("authentication_key", keys.authentication),
        ("master_key", keys.master),
        ("signing_key", keys.signing),
        ("agreement_key", keys.agreement),
    ):
        if key is not None:
            yield f'{name} = "{key.reveal().hex().upper()}"'
    for name, point in (
        ("meter_signing_key", keys.peer_signing),
        ("meter_agreement_key", keys.peer_agreement),
    ):
        if point is not None:
            yield f'{name} = "{point.hex().upper()}"'

"""A configuration of dlmsd that reads the meters of a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlmsd.simulator.personality import Personality

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
host = "{host}"
port = {port}
profile = "virtual"
logical_device = {logical}
physical_device = {physical}
"""

# Listening everywhere is no place to connect to.
_REACHED = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


def configuration(personality: Personality, endpoints: Sequence[Endpoint]) -> str:
    """The text of a ``dlmsd.toml`` with all these meters and a local MQTT broker."""
    client = personality.clients[0]
    login = 'authentication = "none"'
    if client.password is not None:
        login = f'authentication = "low"\npassword = "{client.password.reveal().decode()}"'
    size = personality.address_size
    head = _HEAD.format(
        framing=personality.framing,
        client=client.number,
        size=size if size != "auto" else '"auto"',
        login=login,
        max_info=personality.link.transmit_information,
    )
    meters = "".join(
        _METER.format(
            name=one.name,
            host=_REACHED.get(one.host, one.host),
            port=one.port,
            logical=one.logical,
            physical=one.physical,
        )
        for one in endpoints
    )
    return head + meters

"""A configuration of dlmsd that hears the pushes of a simulation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.simulator.configuration import SYSTEM_TITLE, protection
from dlmsd.simulator.conversation import InstalledMeter
from dlmsd.simulator.push import REGISTERS, SERIAL_NUMBER, PushPlan, units

_HEAD: Final = """\
# Virtual meters of `dlmsd simulate --push`; start it with the same options.
[daemon]
state_dir = "var"

[[sinks]]
name = "local"
kind = "mqtt"
url = "mqtt://localhost:1883"

[[push]]
name = "virtual"
listen = "{listen}"

[profiles.virtual]
transport = "push"
expect_every = {expect}
"""

_METER: Final = """
[[meters]]
name = "{name}"
profile = "virtual"
"""


def configuration(
    meters: Sequence[InstalledMeter], plan: PushPlan, listen: str, interval: float
) -> str:
    """The text of a ``dlmsd.toml`` that listens at ``listen``, and a local MQTT broker."""
    text = _HEAD.format(listen=listen, expect=max(1.0, 10 * interval))
    if plan.contents == "values":
        text += "".join(f"{line}\n" for line in _names(meters[0]))
    for meter in meters:
        lines = _ciphered(meter) or [f'serial_number = "{_serial(meter)}"']
        text += _METER.format(name=meter.name) + "".join(f"{line}\n" for line in lines)
    return text


def _names(meter: InstalledMeter) -> Iterator[str]:
    """What bare values leave out."""
    names = ", ".join(f'"{one.obis}"' for one in (SERIAL_NUMBER, *REGISTERS))
    yield f"push_lists = [[{names}]]"
    yield ""
    yield "[profiles.virtual.push_units]"
    for register, (scaler, symbol) in units(meter).items():
        yield f'"{register.obis}" = {{ scaler = {scaler}, unit = "{symbol}" }}'


def _ciphered(meter: InstalledMeter) -> list[str]:
    security = meter.objects.security
    if security.security.policy is SecurityPolicy.NONE:
        return []
    return [
        f'meter_system_title = "{security.title.hex().upper()}"',
        f'system_title = "{SYSTEM_TITLE}"',
        *protection(security.security),
    ]


def _serial(meter: InstalledMeter) -> str:
    data = meter.meter.read(SERIAL_NUMBER, 0.0)
    assert isinstance(data, Data) and isinstance(data.value, bytes)
    return data.value.decode()

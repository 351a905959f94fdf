"""One measurement as Home Assistant's entity: its classes, unit and template.

Which classes go together is Home Assistant's ``DEVICE_CLASS_STATE_CLASSES``: energies only
count up, or are a balance; the rest is measured. Apparent energy has no class of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from dlmsd.dlms.cosem.obis import Obis
from dlmsd.model import Value

_UNITS: Final[Mapping[str, tuple[str, ...]]] = {
    "energy": ("Wh", "kWh", "MWh", "GWh"),
    "reactive_energy": ("varh", "kvarh"),
    "power": ("W", "kW", "MW"),
    "reactive_power": ("var", "kvar"),
    "apparent_power": ("VA",),
    "voltage": ("V", "mV", "kV"),
    "current": ("A", "mA"),
    "frequency": ("Hz", "kHz"),
}
"""Units that Home Assistant takes for a device class; others go without one."""

_CLASS: Final = {unit: name for name, units in _UNITS.items() for unit in units}
_COUNTED: Final = ("Wh", "varh", "VAh")
_MEASURED: Final = ("W", "var", "VA", "V", "A", "Hz")
_PREFIXES: Final = ("", "m", "k", "M", "G")

# Blue Book 7.5.1, group C: the power factors, and active energy as import less export, of all
# phases and of each.
_POWER_FACTORS: Final = (13, 33, 53, 73)
_BALANCES: Final = (16, 36, 56, 76)
# Group D: time integrals 1 to 3, which run on from one reading to the next.
_REGISTERS: Final = (8, 9, 10)
_CURRENT: Final = 255
_MOST_DIGITS: Final = 6
# A phase, quadrant or tariff.
_PHASE: Final = re.compile("[lqt][1-9]")
# Of a state; a longer one is refused.
_LONGEST: Final = 255


def entity(
    unique_id: str, key: str, value: Value, unit: str, obis: Obis | None, patience: int
) -> dict[str, Any]:
    """The part of a device's document for the measurement ``key``.

    ``value`` shows its kind. After ``patience`` seconds without a reading it is unknown.
    """
    found = f"value_json['values'][{json.dumps(key, ensure_ascii=False)}]"
    part: dict[str, Any] = {
        "p": "sensor",
        "uniq_id": unique_id,
        "name": _name(key),
        "exp_aft": patience,
        # An empty result leaves a number or a truth value as it was.
        "val_tpl": f"{{{{ {found} | default('') }}}}",
    }
    if isinstance(value, bool):
        return part | {"p": "binary_sensor", "pl_on": "True", "pl_off": "False"}
    if isinstance(value, str):
        text = f"({found} | default(this.state))[:{_LONGEST}]"
        return part | {"val_tpl": f"{{{{ {text} }}}}"}
    device, state = _classes(unit, obis)
    optional = {"dev_cla": device, "stat_cla": state, "unit_of_meas": unit or None}
    part |= {name: said for name, said in optional.items() if said is not None}
    if state is not None:
        part["sug_dsp_prc"] = _digits(value)
    return part


def _classes(unit: str, obis: Obis | None) -> tuple[str | None, str | None]:
    """Device class and state class."""
    group_c, group_d, group_f = (obis.raw[2], obis.raw[3], obis.raw[5]) if obis else (0, 8, 255)
    if not unit and obis is not None and obis.raw[0] == 1 and group_c in _POWER_FACTORS:
        return "power_factor", "measurement"
    device = _CLASS.get(unit)
    if _is_one_of(unit, _COUNTED):
        if group_d not in _REGISTERS or group_f != _CURRENT:
            return device, None  # of an interval, or of a billing period that is over
        return device, "total" if group_c in _BALANCES else "total_increasing"
    return device, "measurement" if _is_one_of(unit, _MEASURED) else None


def _is_one_of(unit: str, units: tuple[str, ...]) -> bool:
    return any(unit == prefix + one for prefix in _PREFIXES for one in units)


def _digits(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return min(max(0, -exponent), _MOST_DIGITS) if isinstance(exponent, int) else 0


def _name(key: str) -> str:
    """``voltage_l1`` as ``Voltage L1``."""
    words = key.replace("_", " ").split(" ")
    text = " ".join(word.upper() if _PHASE.fullmatch(word) else word for word in words)
    return text[:1].upper() + text[1:]

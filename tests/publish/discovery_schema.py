"""What Home Assistant takes as a discovery document for a device, written from its documentation.

Sources: home-assistant.io, "MQTT discovery" and "MQTT sensor"; core's ``mqtt/schemas.py``
and ``sensor/const.py`` (DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS). It knows the keys
that documents for meters need, and refuses every other one.
"""

from __future__ import annotations

import json
import re
from typing import Any

TOPIC = re.compile(r"homeassistant/device/[a-zA-Z0-9_-]+/config")

_DOCUMENT = {"dev", "o", "avty", "avty_mode", "stat_t", "qos", "cmps"}
_DEVICE = {"ids", "cns", "name", "mf", "mdl", "mdl_id", "sn", "sw", "hw", "via_device", "cu", "sa"}
_ORIGIN = {"name", "sw", "url"}
_BOTH = {"p", "uniq_id", "name", "dev_cla", "val_tpl", "exp_aft", "stat_t", "ent_cat", "ic"}
_PLATFORM = {
    "sensor": {"unit_of_meas", "stat_cla", "sug_dsp_prc"},
    "binary_sensor": {"pl_on", "pl_off"},
}
_COUNTS = {"total", "total_increasing", None}
_MEASURES = {"measurement", None}
CLASSES: dict[str | None, tuple[set[str | None], set[str | None]]] = {
    "energy": ({"Wh", "kWh", "MWh", "GWh", "TWh", "J", "kJ", "MJ", "GJ"}, _COUNTS),
    "reactive_energy": ({"varh", "kvarh"}, _COUNTS),
    "power": ({"mW", "W", "kW", "MW", "GW", "TW"}, _MEASURES),
    "reactive_power": ({"var", "kvar"}, _MEASURES),
    "apparent_power": ({"VA"}, _MEASURES),
    "voltage": ({"V", "mV", "kV", "MV", "µV"}, _MEASURES),
    "current": ({"A", "mA"}, _MEASURES),
    "frequency": ({"Hz", "kHz", "MHz", "GHz"}, _MEASURES),
    "power_factor": ({"%", None}, _MEASURES),
}


def check(topic: str, payload: bytes) -> dict[str, Any]:
    """The document; AssertionError where Home Assistant would refuse it."""
    assert TOPIC.fullmatch(topic), topic
    document = json.loads(payload)
    _only(document, _DOCUMENT)
    _only(document["dev"], _DEVICE)
    _only(document["o"], _ORIGIN)
    assert document["o"]["name"], "origin needs a name"
    assert document["dev"].get("ids") or document["dev"].get("cns"), "device needs identifiers"
    assert document["avty_mode"] in ("all", "any", "latest")
    for one in document["avty"]:
        _only(one, {"t", "pl_avail", "pl_not_avail", "val_tpl"})
        _topic(one["t"])
    _topic(document["stat_t"])
    assert document["qos"] in (0, 1, 2)
    assert document["cmps"], "a device without components"
    # A component of which only the platform is said is removed.
    removed = [part for part in document["cmps"].values() if part.keys() == {"p"}]
    assert all(part["p"] in _PLATFORM for part in removed), removed
    seen = [_component(part) for part in document["cmps"].values() if part not in removed]
    assert len(set(seen)) == len(seen), "unique_id twice"
    return document


def _component(part: dict[str, Any]) -> str:
    platform = part["p"]
    _only(part, _BOTH | _PLATFORM[platform])
    assert isinstance(part.get("exp_aft", 0), int)
    assert part["val_tpl"].startswith("{{ ") and part["val_tpl"].endswith(" }}")
    if platform == "sensor" and (cls := part.get("dev_cla")) is not None:
        units, states = CLASSES[cls]
        assert part.get("unit_of_meas") in units, part
        assert part.get("stat_cla") in states, part
    assert part.get("stat_cla") in (None, "measurement", "total", "total_increasing")
    assert 0 <= part.get("sug_dsp_prc", 0) <= 6
    unique: str = part["uniq_id"]
    assert unique
    return unique


def _only(table: dict[str, Any], keys: set[str]) -> None:
    assert set(table) <= keys, f"extra keys not allowed: {set(table) - keys}"
    assert None not in table.values(), table


def _topic(topic: str) -> None:
    assert topic and not set("+#\0") & set(topic), topic


def removed(document: dict[str, Any]) -> list[str]:
    """The keys of the components that a document takes back."""
    return [key for key, part in document["cmps"].items() if part.keys() == {"p"}]

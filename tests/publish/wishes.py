"""Devices that are wished for at ThingsBoard."""

from __future__ import annotations

from typing import Any

from dlmsd.publish.provision import Wish

PEM = "-----BEGIN CERTIFICATE-----\nAA\nEC\n-----END CERTIFICATE-----\n"


def wish(name: str, **options: Any) -> Wish:
    return Wish(name, options.pop("device", f"Device {name}"), "DLMS meter", **options)

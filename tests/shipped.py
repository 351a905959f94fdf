"""The shipped profiles, each with what it leaves to the meter, and a virtual meter to match."""

from __future__ import annotations

from typing import Final

from dlmsd.config.profiles import shipped
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.security.suite import SUITES
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.simulator.personality import SHORT_NAMES, Client, Personality
from dlmsd.simulator.security import UNPROTECTED, published

_FILES: Final = {path.stem: path.read_text("utf-8") for path in sorted(shipped().glob("*.toml"))}
# Those of meters that are asked, and of meters that push.
PUSHING: Final = tuple(name for name, text in _FILES.items() if 'transport = "push"' in text)
NAMES: Final = tuple(name for name in _FILES if name not in PUSHING)

SERVICES: Final = {
    "ln": Personality("").conformance | Conformance.ACTION,
    "sn": SHORT_NAMES.conformance,
}

_PASSWORD: Final = 'password = "canary-low"\n'
_KEYS: Final = """\
system_title = "DLM00001"
encryption_key = "000102030405060708090A0B0C0D0E0F"
authentication_key = "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
"""
# What a profile cannot know, as the comment at its head says.
LEFT: Final = {
    "dsmr5": _KEYS,
    "idis": _KEYS,
    "iskraemeco-am550": _KEYS,
    "is15959-single-phase": _PASSWORD,
    "is15959-three-phase": _PASSWORD,
    "itron-sl7000": _PASSWORD,
    "kaifa-ma309": "",
    "landis-gyr-e450": _KEYS,
    "landis-gyr-e650": "",
    "microstar": "",
}


def meter(name: str) -> str:
    """A meter of this model, as its operator writes it."""
    return f'[[meters]]\nname = "a"\nhost = "h"\nprofile = "{name}"\n{LEFT[name]}'


def personality(options: MeterOptions) -> Personality:
    """A virtual meter that answers to the framing, the address and the client of ``options``."""
    mechanism = {"none": Mechanism.NONE, "low": Mechanism.LOW, "high-gmac": Mechanism.HIGH_GMAC}[
        options.authentication
    ]
    high = mechanism is Mechanism.HIGH_GMAC
    return Personality(
        options.profile,
        framing=options.framing,
        port=options.port,
        logical_device=options.logical_device,
        physical_device=options.physical_device,
        address_size=options.address_size,
        referencing=options.referencing,
        addressing="exact",
        clients=(Client(options.client, options.password, mechanism),),
        conformance=SERVICES[options.referencing],
        security=published(SUITES[options.security_suite]) if high else UNPROTECTED,
    )

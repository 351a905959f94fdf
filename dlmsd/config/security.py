"""What the security options of a meter need from each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Final

from dlmsd.config.misfit import Misfit, misfit
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.security.signature import load_private, load_public
from dlmsd.dlms.security.suite import SUITES
from dlmsd.errors import DlmsdError

HIGH: Final = (
    *("high-manufacturer", "high-md5", "high-sha1", "high-gmac", "high-sha256", "high-ecdsa"),
)
CIPHERED: Final = ("authenticated", "encrypted", "authenticated-encrypted")
PASSWORDS: Final = ("low", "high-manufacturer", "high-md5", "high-sha1", "high-sha256")
"""What is proved by a password."""

_AUTHENTICATED: Final = ("authenticated", "authenticated-encrypted")
_ENCRYPTED: Final = ("encrypted", "authenticated-encrypted")
_ONCE: Final = ("wrapped", "one-pass", "static")

_NEEDED: Final[Mapping[str, Mapping[str, tuple[object, ...]]]] = {
    "password": {"authentication": PASSWORDS},
    "manufacturer": {"authentication": ("high-manufacturer",)},
    "system_title": {
        "security": CIPHERED,
        "authentication": ("high-gmac", "high-sha256", "high-ecdsa"),
    },
    "encryption_key": {"security": CIPHERED, "authentication": ("high-gmac",)},
    "authentication_key": {"security": _AUTHENTICATED, "authentication": ("high-gmac",)},
    "signing_key": {
        "authentication": ("high-ecdsa",),
        "signed": (True,),
        "ciphering": ("one-pass",),
    },
    "meter_signing_key": {
        "authentication": ("high-ecdsa",),
        "signed": (True,),
        "ciphering": ("one-pass",),
    },
    "agreement_key": {"ciphering": ("one-pass", "static")},
    "meter_agreement_key": {"ciphering": ("one-pass", "static")},
    "master_key": {"ciphering": ("wrapped",)},
}
"""By key that must be given: the options, with their values, that need it."""

_ON_A_CURVE: Final[Mapping[str, tuple[object, ...]]] = {
    "authentication": ("high-ecdsa",),
    "signed": (True,),
    "ciphering": ("one-pass", "static"),
}
"""Options, with their values, that are calculations on the suite's curve."""

_NEEDED_TO_HEAR: Final[Mapping[str, Mapping[str, tuple[object, ...]]]] = {
    "meter_system_title": {"security": CIPHERED},
    "encryption_key": {"security": CIPHERED},
    "authentication_key": {"security": _AUTHENTICATED},
    "meter_signing_key": {"signed": (True,), "ciphering": ("one-pass",)},
    "system_title": {"ciphering": _ONCE},
    "master_key": {"ciphering": ("wrapped",)},
    "agreement_key": {"ciphering": ("one-pass", "static")},
    "meter_agreement_key": {"ciphering": ("static",)},
}
"""The same for a meter that pushes: it is not asked."""

_NAMES: Final[Mapping[str, str]] = {
    "password": 'a password; give one, or authentication = "none"',
    "meter_system_title": "the meter's system title, 8 bytes: whose pushes these keys open",
    "system_title": "a system title of this client, 8 bytes unlike any meter's",
    "encryption_key": "the meter's global unicast encryption key",
    "authentication_key": "the meter's authentication key",
    "signing_key": "this client's private key",
    "meter_signing_key": "the meter's public key",
    "agreement_key": "this client's private key for agreement",
    "meter_agreement_key": "the meter's public key for agreement",
    "master_key": "the meter's master key",
    "manufacturer": 'its name, such as "aes-ecb"',
}

SECURITY: Final = frozenset(
    (*_NEEDED, "authentication", "security", "security_suite", "meter_system_title")
) | {"dedicated_key", "ciphering", "signed"}
"""All keys that are judged here."""


def misfits(options: MeterOptions, said: Collection[str]) -> Iterator[Misfit]:
    """Everything about one meter; ``said`` are the keys that it or its profile writes."""
    yield from _missing(options)
    yield from _other_suite(options)
    if options.dedicated_key and options.security not in _ENCRYPTED:
        choices = " or ".join(f'"{one}"' for one in _ENCRYPTED)
        message = f"needs security = {choices}: the meter is told the key in the first request"
        yield misfit("dedicated_key", message, "security")
    if options.system_title is not None and options.system_title == options.meter_system_title:
        message = "is that of system_title; each end needs its own, or nonces repeat"
        yield misfit("meter_system_title", message, "system_title")
    for key, plain in (("ciphering", "service"), ("signed", False)):
        if getattr(options, key) != plain and options.security == "none":
            message = 'needs security = "authenticated-encrypted", or another but "none"'
            yield misfit(key, message, "security")
    if "security" not in said and options.authentication != "high-gmac":
        message = (
            'has no effect without security; say security = "authenticated-encrypted", or "none" '
            "if plain text is meant"
        )
        for key in ("encryption_key", "authentication_key"):
            if getattr(options, key) is not None:
                yield misfit(key, message, "security", "authentication")


def _missing(options: MeterOptions) -> Iterator[Misfit]:
    needed = _NEEDED_TO_HEAR if options.transport == "push" else _NEEDED
    for key, reasons in needed.items():
        if getattr(options, key) is not None:
            continue
        for reason, values in reasons.items():
            value = getattr(options, reason)
            if value in values:
                yield misfit(key, f"{reason} {_shown(value)} needs {_NAMES[key]}", reason)
                break


def _other_suite(options: MeterOptions) -> Iterator[Misfit]:
    """Keys, and a mechanism, that are none of this suite; no message holds a key."""
    suite = SUITES[options.security_suite]
    if suite.curve is None:
        for key, values in _ON_A_CURVE.items():
            if (value := getattr(options, key)) in values:
                message = f"{key} {_shown(value)} needs security_suite 1 or 2"
                yield misfit("security_suite", message, key)
    checks: dict[str, Callable[[], object]] = {}
    for name in ("encryption_key", "authentication_key", "master_key"):
        if (secret := getattr(options, name)) is not None:
            checks[name] = partial(suite.check_key, secret, "this key")
    for name in ("signing_key", "agreement_key") if suite.curve is not None else ():
        if (secret := getattr(options, name)) is not None:
            checks[name] = partial(load_private, suite, secret)
    for name in ("meter_signing_key", "meter_agreement_key") if suite.curve is not None else ():
        if (point := getattr(options, name)) is not None:
            checks[name] = partial(load_public, suite, point)
    for name, check in checks.items():
        try:
            check()
        except DlmsdError as error:
            yield misfit(name, str(error), "security_suite")


def _shown(value: object) -> str:
    """As it stands in the file."""
    return "true" if value is True else f'"{value}"'

"""How a command is told to prove itself to a HOST, and to protect what it says.

Secrets come from files or the environment, never from the command line, which others can see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import click

from dlmsd.config.security import PASSWORDS
from dlmsd.config.values import Authentication, Ciphering, Security

VARIABLES: Final = {
    "password": "DLMSD_PASSWORD",
    "encryption_key": "DLMSD_ENCRYPTION_KEY",
    "authentication_key": "DLMSD_AUTHENTICATION_KEY",
    "master_key": "DLMSD_MASTER_KEY",
    "signing_key": "DLMSD_SIGNING_KEY",
    "agreement_key": "DLMSD_AGREEMENT_KEY",
}
"""Where each secret may stand in the environment."""

_WORDS: Final = {
    "password": "Its first line is the password [${variable}, the profile's, or a question].",
    "encryption_key": "The global unicast encryption key, in hex [${variable}].",
    "authentication_key": "The authentication key, in hex [${variable}].",
    "master_key": "The master key, in hex [${variable}].",
    "signing_key": "Our private key for signatures, in hex [${variable}].",
    "agreement_key": "Our private key for agreement, in hex [${variable}].",
}
# Those that are used with any of these; a password is taken wherever there is one.
_KEYED: Final = frozenset(("high-gmac", "high-ecdsa"))


def _secret(key: str) -> Callable[..., Any]:
    return click.option(
        f"--{key.replace('_', '-')}-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help=_WORDS[key].format(variable=VARIABLES[key]),
    )


OPTIONS: Final = (
    click.option("--authentication", type=click.Choice(get_args(Authentication))),
    click.option("--manufacturer", help="Whose mechanism high-manufacturer is, such as aes-ecb."),
    _secret("password"),
    click.option(
        "--security",
        type=click.Choice(get_args(Security)),
        help="The least protection that is sent and accepted.",
    ),
    click.option("--security-suite", type=click.Choice(["0", "1", "2"])),
    click.option("--ciphering", type=click.Choice(get_args(Ciphering)), help="Its form."),
    click.option("--signed/--not-signed", default=None, help="Sign what is ciphered."),
    click.option(
        "--dedicated-key/--no-dedicated-key", default=None, help="A key for this visit alone."
    ),
    click.option("--system-title", help="Ours: 16 hex digits, or 8 characters."),
    click.option("--meter-system-title", help="The meter's, if no other may answer."),
    _secret("encryption_key"),
    _secret("authentication_key"),
    _secret("master_key"),
    _secret("signing_key"),
    click.option("--meter-signing-key", help="The meter's public key for signatures, in hex."),
    _secret("agreement_key"),
    click.option("--meter-agreement-key", help="The meter's public key for agreement, in hex."),
)


def with_secrets(way: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """What ``[[meters]]`` would hold: files and variables where the options name secrets.

    A key of the environment goes only where keys are used: else it would be one too many.
    """
    table = dict(way)
    keyed = (
        "profile" in table
        or table.get("security", "none") != "none"
        or table.get("authentication") in _KEYED
    )
    for key, variable in VARIABLES.items():
        file = table.pop(f"{key}_file", None)
        if file is not None:
            table[key] = {"file": str(file)}
        elif variable in environ and (keyed or key == "password"):
            table[key] = {"env": variable}
    if "security_suite" in table:
        table["security_suite"] = int(table["security_suite"])
    return table


def lacks_password(table: Mapping[str, Any]) -> bool:
    """Whether it can only come from whoever started the command."""
    return not {"password", "profile"} & table.keys() and (
        table.get("authentication", "low") in PASSWORDS
    )

"""Secrets that only the service is given, in the hands of a command: known to be there, unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, cast

import attrs

from dlmsd.errors import Cause, DlmsdError
from dlmsd.secret import Secret


class WithheldError(DlmsdError):
    """Systemd gives it to the service alone (LoadCredential=): give the command again as root \
while the service runs, or with $CREDENTIALS_DIRECTORY, a folder where a file has the \
credential's name."""

    culprit = "operator"
    cause: Cause = "operator"


class WithheldSecret(Secret):
    """Stands for a credential of the service. Two of one name are equal, and none is revealed."""

    __slots__ = ()

    def reveal(self) -> NoReturn:
        """Raises WithheldError."""
        raise WithheldError("a secret is needed that this command is not given")

    def fingerprint(self) -> str:
        """Of what is not known."""
        return "????"


def withheld(value: object, name: str = "") -> Iterator[str]:
    """Where there are some in ``value``, such as "meters.plant-a.password"; its entries go by
    their names."""
    if isinstance(value, WithheldSecret):
        yield name
    elif isinstance(value, tuple | list):
        for one in value:
            yield from withheld(one, _joined(name, getattr(one, "name", "")))
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from withheld(one, _joined(name, key))
    elif attrs.has(kind := type(value)):
        for field in attrs.fields(cast(Any, kind)):
            yield from withheld(getattr(value, field.name), _joined(name, field.name))


def refuse_withheld(*values: object) -> None:
    """WithheldError, which names them, where there are any: before anything is begun."""
    found = [name for value in values for name in withheld(value, getattr(value, "name", ""))]
    if found:
        names = ", ".join(dict.fromkeys(found))
        raise WithheldError(f"this command is not given: {names}")


def _joined(name: str, key: object) -> str:
    return ".".join(part for part in (name, str(key)) if part)

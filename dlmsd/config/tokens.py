"""A configuration whose tokens are still to come, and where they are to stand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeGuard

from attrs import evolve, frozen

from dlmsd.config.credentials import KEYS
from dlmsd.config.load import load_source
from dlmsd.config.rules import Refusal
from dlmsd.config.secrets import SecretReader
from dlmsd.config.source import Source
from dlmsd.config.values import Configuration
from dlmsd.secret import Secret
from dlmsd.withheld import WithheldSecret

_GATEWAY: Final = "thingsboard-gateway"

Owner = tuple[Literal["meters", "sinks"], str]
"""Whose a token is: the list it stands in, and its name."""


@frozen
class TokenPlace:
    """``file`` is where a token may be written to, ``sealed`` or as it is; ``said`` is whether
    any form of it stands in the configuration.
    """

    said: bool = False
    file: Path | None = None
    sealed: bool = False


def _single(token: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(token, dict) and len(token) == 1


def load_without_tokens(
    path: Path, *, environ: Mapping[str, str]
) -> tuple[Configuration, Mapping[Owner, TokenPlace]]:
    """The configuration of ``path``, with None for a token that is not there yet.

    Those are what may be missing; for all else it raises ConfigurationError as ``load`` does.
    """
    source = Source.read(path)
    folder = path.absolute().parent
    secrets = SecretReader.of(source.table, folder, environ)
    places: dict[Owner, TokenPlace] = {}
    to_come: list[Secret] = []

    def stood_in(key: Literal["meters", "sinks"], table: object) -> object:
        if not isinstance(table, dict) or (key == "sinks" and table.get("kind") != _GATEWAY):
            return table
        if not table.keys().isdisjoint(KEYS[1:]):
            return table  # who has other credentials needs no token
        token = table.get("token")
        ((form, named),) = token.items() if _single(token) else (("", None),)
        there = form in ("file", "sealed") and isinstance(named, str) and bool(named)
        file = folder / str(named) if there else None
        places[key, str(table.get("name"))] = TokenPlace(token is not None, file, form == "sealed")
        try:
            if token is not None and not isinstance(secrets.read(token), WithheldSecret):
                return table
        except Refusal:
            if not isinstance(token, dict):
                return table
        stand_in = f"token {len(to_come)} is to come"
        to_come.append(Secret(stand_in))
        return {**table, "token": stand_in}

    table = dict(source.table)
    keys: tuple[Literal["meters", "sinks"], ...] = ("meters", "sinks")
    for key in keys:
        entries = table.get(key)
        if isinstance(entries, list):
            table[key] = [stood_in(key, entry) for entry in entries]
    configuration = load_source(Source(source.file, source.text, table), path, environ=environ)

    def real(token: Secret | None) -> Secret | None:
        return None if token in to_come else token

    meters = tuple(evolve(one, token=real(one.token)) for one in configuration.meters)
    sinks = tuple(evolve(one, token=real(one.token)) for one in configuration.sinks)
    return evolve(configuration, meters=meters, sinks=sinks), places

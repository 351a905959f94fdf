"""What an argument may have meant that names nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

import click

from dlmsd.cli.language import say
from dlmsd.config.values import Configuration, SinkOptions

# A few lead on; all of a large fleet would hide what is wrong.
_MOST: Final = 5


def candidates(name: str, names: Iterable[str]) -> str:
    """Those of ``names`` that are spelled much like ``name``, else the first of them."""
    known = list(names)
    near = difflib.get_close_matches(name, known)
    shown = near or known[:_MOST]
    return ", ".join((*shown, *(["..."] if len(known) > len(shown) else [])))


def wanted_sinks(configuration: Configuration, name: str | None) -> list[SinkOptions]:
    """The sink of this name, or all. Exits 64 without any."""
    found = [one for one in configuration.sinks if name in (None, one.name)]
    if found:
        return found
    if name is None or not configuration.sinks:
        raise click.UsageError(say("the configuration has no sinks"))
    names = candidates(name, (one.name for one in configuration.sinks))
    raise click.UsageError(
        say("no sink {name} in {path} (it has {names})", name=name, path=configuration.path,
            names=names)
    )  # fmt: skip

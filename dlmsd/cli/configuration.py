"""How commands find and read the configuration."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dlmsd.cli.language import explained, hear, heed
from dlmsd.config.load import find, load
from dlmsd.config.system import Outside
from dlmsd.config.values import Configuration
from dlmsd.errors import ConfigurationError
from dlmsd.fleet.kept import Kept
from dlmsd.withheld import WithheldError, refuse_withheld


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--config FILE``, as twistd's plugin has it."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The TOML file [/etc/dlmsd/dlmsd.toml, then etc/dlmsd.toml].",
    )(function)


def read(config: Path | None) -> Configuration:
    """The configuration; raises ConfigurationError. Secrets that only the service is given may be
    withheld."""
    path = config or find(os.environ, Path.cwd())
    found = load(path, environ=Outside.of(path, os.environ))
    heed(found)
    return found


def onlooked(file: Configuration) -> Kept:
    """With what is kept beside the file. Raises StoreError."""
    return Kept.onlooked(file, Outside.of(file.path, os.environ))


def refuse_or_exit(*values: object) -> None:
    """Exits 1 where a secret that is to be sent is the service's alone."""
    try:
        refuse_withheld(*values)
    except WithheldError as error:
        click.echo(explained(error), err=True)
        raise SystemExit(error.exit_code) from None


def read_or_exit(config: Path | None) -> Configuration:
    """The configuration, or all its errors and exit 78."""
    try:
        return read(config)
    except ConfigurationError as error:
        click.echo(hear(str(error)), err=True)
        raise SystemExit(error.exit_code) from None

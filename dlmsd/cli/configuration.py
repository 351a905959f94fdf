"""How commands find and read the configuration."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dlmsd.cli.language import hear, heed
from dlmsd.config.load import load_or_find
from dlmsd.config.values import Configuration
from dlmsd.errors import ConfigurationError


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--config FILE``, as twistd's plugin has it."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The TOML file [/etc/dlmsd/dlmsd.toml, then etc/dlmsd.toml].",
    )(function)


def read(config: Path | None) -> Configuration:
    """The configuration; raises ConfigurationError."""
    found = load_or_find(config, environ=os.environ, cwd=Path.cwd())
    heed(found)
    return found


def read_or_exit(config: Path | None) -> Configuration:
    """The configuration, or all its errors and exit 78."""
    try:
        return read(config)
    except ConfigurationError as error:
        click.echo(hear(str(error)), err=True)
        raise SystemExit(error.exit_code) from None

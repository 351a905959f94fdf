"""In which language commands speak of what is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from dlmsd.config.values import Configuration
from dlmsd.watch.language import LANGUAGES, Code, Language


def language_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--language``."""
    return click.option(
        "--language",
        type=click.Choice(LANGUAGES),
        help="Of the answer [the environment's, else the configuration's].",
    )(function)


def spoken(asked: Code | None, configuration: Configuration | None) -> Language:
    """The one that was asked for, the one of the environment, or the configuration's, if any."""
    if asked is None:
        said = next((os.environ[key] for key in _VARIABLES if os.environ.get(key)), "")
        default = configuration.daemon.language if configuration is not None else "en"
        asked = "es" if said.startswith("es") else default
    return Language.of(asked)


# In the order of POSIX.
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")

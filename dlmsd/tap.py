"""``twistd dlmsd``: its options and its service, made before the fork, opening nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.python import usage

from dlmsd.app import Daemon
from dlmsd.config.load import load_or_find
from dlmsd.config.spoken import peek
from dlmsd.errors import ConfigurationError
from dlmsd.language import Catalogue
from dlmsd.machine import Machine, monotonic_reactor, open_more_files


class Options(usage.Options):
    """What ``twistd dlmsd`` takes."""

    optParameters = [
        ["config", "c", None, "The TOML file [/etc/dlmsd/dlmsd.toml, then etc/dlmsd.toml]"],
    ]
    synopsis = "[--config dlmsd.toml]"
    longdesc = "Example: twistd -n dlmsd --config etc/dlmsd.toml"


def makeService(options: Options) -> Daemon:
    """The daemon for a configuration file; exits with 78 and all errors if it has any."""
    try:
        return make_daemon(options["config"], options.parent or {"nodaemon": True})
    except ConfigurationError as error:
        given = options["config"]
        hear = Catalogue.of(peek(Path(given) if given else None)).hear
        told = "\n".join(map(hear, str(error).split("\n")))
        print(told, file=sys.stderr)  # noqa: T201 - logging has not begun
        raise SystemExit(error.exit_code) from None


def make_daemon(given: str | Path | None, twistd: Any) -> Daemon:
    """The daemon for the file that is named, or found; raises ConfigurationError."""
    reactor = monotonic_reactor()
    open_more_files()
    path = Path(given) if given else None
    configuration = load_or_find(path, environ=os.environ, cwd=Path.cwd())
    return Daemon(configuration, twistd, Machine.real(reactor))

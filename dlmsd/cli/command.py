"""The ``dlmsd`` command: its parts, each a file of its own beside this one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

import click

from dlmsd import __version__
from dlmsd.cli.exits import MISUSED
from dlmsd.cli.help import Group, complain

_ALONE: Final = (
    "action",
    "backup",
    "browse",
    "check",
    "clock",
    "demo",
    "doctor",
    "firmware",
    "health",
    "keys",
    "meters",
    "notify",
    "outbox",
    "plan",
    "profile",
    "provision",
    "read",
    "run",
    "scan",
    "simulate",
    "token",
    "trace",
)
# Where each is: module and name in it.
_PLACES: Final = {name: (name, name) for name in _ALONE} | {
    "restore": ("backup", "restore"),
    "set": ("set", "set_"),
}


class _Parts(Mapping[str, click.Command]):
    """The commands by name, each imported when it is asked for: `run` needs no simulator."""

    def __getitem__(self, name: str) -> click.Command:
        module, place = _PLACES[name]
        found: click.Command = getattr(import_module(f"dlmsd.cli.{module}"), place)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


@click.group(cls=Group, commands=_Parts(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dlmsd", message="%(prog)s %(version)s")
def command() -> None:
    """Reads electricity meters over DLMS/COSEM and loses no reading on the way to MQTT."""


def main() -> None:
    """The console script: wrong use is exit 64 (EX_USAGE)."""
    try:
        code = command(prog_name="dlmsd", standalone_mode=False)
    except click.UsageError as error:
        complain(error)
        raise SystemExit(MISUSED) from None
    except click.Abort:
        raise SystemExit(1) from None
    except click.ClickException as error:
        complain(error)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        # Whoever read has heard enough; Python would complain of it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    raise SystemExit(code or 0)

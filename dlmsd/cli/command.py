"""The ``dlmsd`` command: its parts, each a file of its own beside this one."""

from __future__ import annotations

import os
import sys

import click

from dlmsd import __version__
from dlmsd.cli.action import action
from dlmsd.cli.backup import backup, restore
from dlmsd.cli.browse import browse
from dlmsd.cli.check import check
from dlmsd.cli.clock import clock
from dlmsd.cli.demo import demo
from dlmsd.cli.doctor import doctor
from dlmsd.cli.firmware import firmware
from dlmsd.cli.health import health
from dlmsd.cli.help import Group, complain
from dlmsd.cli.keys import keys
from dlmsd.cli.meter import MISUSED
from dlmsd.cli.notify import notify
from dlmsd.cli.outbox import outbox
from dlmsd.cli.plan import plan
from dlmsd.cli.profile import profile
from dlmsd.cli.provision import provision
from dlmsd.cli.read import read
from dlmsd.cli.run import run
from dlmsd.cli.scan import scan
from dlmsd.cli.set import set_
from dlmsd.cli.simulate import simulate
from dlmsd.cli.token import token
from dlmsd.cli.trace import trace


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dlmsd", message="%(prog)s %(version)s")
def command() -> None:
    """Reads electricity meters over DLMS/COSEM and loses no reading on the way to MQTT."""


for part in (
    action,
    backup,
    browse,
    check,
    clock,
    demo,
    doctor,
    firmware,
    health,
    keys,
    notify,
    outbox,
    plan,
    profile,
    provision,
    read,
    restore,
    run,
    scan,
    set_,
    simulate,
    token,
    trace,
):
    command.add_command(part)


def main() -> None:
    """The console script: wrong use is exit 64 (EX_USAGE)."""
    try:
        code = command(standalone_mode=False)
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

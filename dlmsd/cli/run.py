"""``dlmsd run``: the daemon in the foreground."""

from __future__ import annotations

from pathlib import Path

import click
from twisted.application.app import startApplication
from twisted.application.service import Application
from twisted.logger import ILogObserver, globalLogBeginner

from dlmsd.cli.configuration import config_option
from dlmsd.cli.help import Command
from dlmsd.tap import Options, makeService


@click.command(cls=Command)
@config_option
def run(config: Path | None) -> int:
    """Run the daemon in the foreground, as `twistd -n dlmsd` does, until Ctrl-C.

    Example: dlmsd run --config etc/dlmsd.toml
    """
    from twisted.internet import reactor

    options = Options()
    options["config"] = str(config) if config else None
    daemon = makeService(options)
    application = Application("dlmsd")
    daemon.setServiceParent(application)
    globalLogBeginner.beginLoggingTo([application.getComponent(ILogObserver)])
    startApplication(application, False)
    reactor.run()
    return 0

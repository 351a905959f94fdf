"""``dlmsd run``: the daemon in the foreground."""

from __future__ import annotations

from pathlib import Path

import click
from twisted.application.app import startApplication
from twisted.application.service import Application
from twisted.logger import ILogObserver, globalLogBeginner

from dlmsd.cli.configuration import config_option
from dlmsd.cli.help import Command
from dlmsd.cli.language import hear
from dlmsd.errors import ConfigurationError
from dlmsd.tap import make_daemon


@click.command(cls=Command, short_help="Run the daemon in the foreground, until Ctrl-C.")
@config_option
def run(config: Path | None) -> int:
    """Run the daemon in the foreground, as `twistd -n dlmsd` does, until Ctrl-C.

    Example: dlmsd run --config etc/dlmsd.toml
    """
    from twisted.internet import reactor

    try:
        daemon = make_daemon(config, {"nodaemon": True})
    except ConfigurationError as error:
        click.echo(hear(str(error)), err=True)
        return error.exit_code
    application = Application("dlmsd")
    daemon.setServiceParent(application)
    globalLogBeginner.beginLoggingTo([application.getComponent(ILogObserver)])
    startApplication(application, False)
    reactor.run()
    return 0

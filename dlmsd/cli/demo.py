"""``dlmsd demo``: virtual meters, a broker and the daemon, in one process."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

import click
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from dlmsd.app import Daemon
from dlmsd.cli.help import Command
from dlmsd.cli.language import hear, say
from dlmsd.config.load import load
from dlmsd.config.values import DaemonOptions
from dlmsd.logs import observer
from dlmsd.machine import Machine, monotonic_reactor
from dlmsd.simulator.service import Simulation

METERS: Final = 3
PAGE_PORT: Final = 8425

_CONFIGURATION: Final = """\
[daemon]
state_dir = "{state_dir}"
log_level = "warn"

[web]
listen = "tcp:{page_port}:interface=127.0.0.1"

[[sinks]]
name = "demo"
kind = "mqtt"
url = "mqtt://127.0.0.1:{broker_port}"
protocol = 311
"""
_METER: Final = """
[[meters]]
name = "{name}"
host = "{host}"
port = {port}
profile = "microstar"
interval = 2
"""


@click.command(cls=Command, short_help="Read three virtual meters into a broker of its own.")
@click.option("--port", default=PAGE_PORT, show_default=True, help="The page's port, 0 for any.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Where readings and the demo's configuration are kept.",
)
def demo(port: int, state_dir: Path) -> int:
    """Read three virtual meters into a broker and show what arrives there.

    Everything runs in this process and on this machine; Ctrl-C ends it.

    Example: dlmsd demo --port 8080
    """
    try:
        from dlmsd.cli.broker import DemoBroker
    except ImportError:
        raise click.ClickException(
            say(
                "the demo's broker is not installed: "
                "pip install 'dlmsd[demo]', or '.[demo]' in a clone"
            )
        ) from None
    from twisted.internet import asyncioreactor

    # The broker runs on asyncio, so the reactor does too.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    reactor = monotonic_reactor()
    show = _Demo(_free(port), state_dir.resolve(), DemoBroker(loop), reactor)
    reactor.callWhenRunning(show.begin)
    reactor.addSystemEventTrigger("before", "shutdown", show.end)
    reactor.run()
    return show.exit_code


def _free(port: int) -> int:
    """``port`` if it can be had, else 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


class _Demo:
    """Starts and stops the three parts, and prints what arrives at the broker."""

    def __init__(self, page_port: int, state_dir: Path, broker: Any, reactor: Any) -> None:
        self.exit_code = 0
        self._page_port = page_port
        self._state_dir = state_dir
        self._broker = broker
        self._reactor = reactor
        self._random = random.SystemRandom()
        self._meters = Simulation(
            meters=METERS,
            reactor=reactor,
            wall=time.time,
            random=self._random,
        )
        self._daemon: Daemon | None = None
        self._work: Deferred[None] | None = None

    def begin(self) -> None:
        """Once the reactor runs."""
        self._work = Deferred.fromCoroutine(self._begin()).addErrback(self._broken)

    def end(self) -> Deferred[None]:
        """Before the reactor stops."""
        return Deferred.fromCoroutine(self._end())

    async def _begin(self) -> None:
        self._state_dir.mkdir(parents=True, exist_ok=True)
        globalLogBeginner.beginLoggingTo(
            [observer(DaemonOptions(self._state_dir, log_level="warn"), sys.stderr)],
            redirectStandardIO=False,
        )
        await self._broker.start("dlmsd/#", _show)
        await self._meters.start()
        path = self._state_dir / "dlmsd.toml"
        path.write_text(self._configuration())
        configuration = load(path, environ=os.environ)
        machine = Machine.real(self._reactor)
        self._daemon = Daemon(configuration, {"nodaemon": True}, machine)
        await self._daemon.startService()
        page = self._daemon.web.address if self._daemon.web else ""
        click.secho("\n" + say("The page:   {url}", url=page), bold=True)
        broker = f"mqtt://127.0.0.1:{self._broker.port}"
        click.echo(say("The broker: {url}, topics dlmsd/#", url=broker))
        click.echo(say("Kept in:    {folder}", folder=self._state_dir))
        click.echo(say("Ctrl-C ends the demo. What arrives:") + "\n")

    def _configuration(self) -> str:
        parts = [
            _CONFIGURATION.format(
                state_dir=self._state_dir,
                page_port=self._page_port,
                broker_port=self._broker.port,
            )
        ]
        for meter in self._meters.endpoints:
            parts.append(_METER.format(name=meter.name, host=meter.host, port=meter.port))
        return "".join(parts)

    async def _end(self) -> None:
        click.echo("\n" + say("Stopping ..."))
        if self._daemon is not None:
            await self._daemon.stopService()
        await self._meters.stop()
        await self._broker.stop()

    def _broken(self, reason: Failure) -> None:
        """A message instead of a demo; ``startService`` has printed its own."""
        if not reason.check(SystemExit):
            why = hear(reason.getErrorMessage())
            click.echo(say("The demo cannot start: {why}", why=why), err=True)
        self.exit_code = 1
        self._daemon = None
        self._reactor.stop()


def _show(topic: str, payload: bytes) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')}  {topic}  {payload.decode(errors='replace')}")

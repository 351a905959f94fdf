"""What commands that speak to one meter have in common: their options, and their reactor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, get_args

import click
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import react

from dlmsd.cli.configuration import config_option
from dlmsd.cli.credentials import OPTIONS
from dlmsd.cli.exits import FAILED
from dlmsd.cli.language import explained
from dlmsd.config.values import Opening, Referencing, Transport
from dlmsd.errors import DlmsdError
from dlmsd.machine import monotonic_reactor

_OPTIONS: Final = (
    click.option("--transport", type=click.Choice(get_args(Transport))),
    click.option("--port", type=int, help="TCP or UDP port [the profile's, or 3333]."),
    click.option("--tls/--no-tls", default=None, help="TLS over TCP."),
    click.option("--server-name", help="To whom the certificate is made out [HOST]."),
    click.option("--ca-file", help="Who may have signed it [the system's list]."),
    click.option("--announces", help="What a meter says when it calls in at METER, tcp:PORT."),
    click.option("--baudrate", type=int, help="Of a serial port [9600]."),
    click.option("--opening", type=click.Choice(get_args(Opening)), help="Of an optical head."),
    click.option("--profile", help="A meter model, such as microstar."),
    click.option("--framing", type=click.Choice(["hdlc", "wrapper"])),
    click.option("--client", type=int, help="Client SAP [the profile's, or 1]."),
    click.option("--logical", "logical_device", type=int, help="Logical device."),
    click.option("--physical", "physical_device", type=int, help="Physical device."),
    click.option("--address-size", type=click.Choice(["auto", "1", "2", "4"])),
    click.option("--referencing", type=click.Choice(get_args(Referencing))),
    *OPTIONS,
    click.option("--timeout", type=float, help="Seconds for an answer."),
)

_TRACE: Final = click.option(
    "--trace", is_flag=True, help="Show every frame and its meaning, on standard error."
)


def way_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """All that says how to speak to a HOST."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return config_option(function)


def meter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """METER, how to speak to it if it is a HOST, and ``--trace``."""
    return click.argument("meter")(way_options(_TRACE(function)))


def errand(work: Callable[[Any], Awaitable[int]]) -> int:
    """Run ``work`` with the reactor; a DlmsdError is its sentence and exit 1.

    What ``work`` finds wrong in the command's use goes on from here.
    """
    reactor = monotonic_reactor()
    codes: list[int] = []
    misuse: list[Exception] = []

    async def run() -> None:
        try:
            codes.append(await work(reactor))
        except (click.ClickException, BrokenPipeError) as error:
            misuse.append(error)
        except DlmsdError as error:
            click.echo(explained(error), err=True)
            codes.append(error.exit_code)

    def start(_: Any) -> Deferred[None]:
        running = Deferred.fromCoroutine(run())
        running.addErrback(lambda failure: failure.trap(CancelledError) and None)
        # Ctrl-C: what was begun is left politely, and counters are kept.
        reactor.addSystemEventTrigger("before", "shutdown", _cancel, running)
        return running

    try:
        react(start, _reactor=reactor)
    except SystemExit as end:
        if end.code:
            raise
    for error in misuse:
        raise error
    return codes[0] if codes else FAILED


def _cancel(running: Deferred[None]) -> Deferred[None]:
    running.cancel()
    return running

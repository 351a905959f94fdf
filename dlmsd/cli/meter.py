"""The meter that a command speaks to: how it is named, and how it is visited."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import click
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from dlmsd.config.load import load_meter
from dlmsd.config.values import MeterOptions, Transport
from dlmsd.errors import ConfigurationError, DlmsdError
from dlmsd.meter.security import secured
from dlmsd.meter.visit import Visit
from dlmsd.tap import monotonic_reactor

FAILED: Final = 1
PASSWORD: Final = "DLMSD_PASSWORD"  # noqa: S105 - the variable's name, no password

_OPTIONS: Final = (
    click.option("--transport", type=click.Choice(get_args(Transport))),
    click.option("--port", type=int, help="TCP or UDP port [the profile's, or 3333]."),
    click.option("--tls/--no-tls", default=None, help="TLS over TCP."),
    click.option("--server-name", help="To whom the certificate is made out [HOST]."),
    click.option("--ca-file", help="Who may have signed it [the system's list]."),
    click.option("--profile", help="A meter model, such as microstar."),
    click.option("--framing", type=click.Choice(["hdlc", "wrapper"])),
    click.option("--client", type=int, help="Client SAP [the profile's, or 1]."),
    click.option("--logical", "logical_device", type=int, help="Logical device."),
    click.option("--physical", "physical_device", type=int, help="Physical device."),
    click.option("--address-size", type=click.Choice(["auto", "1", "2", "4"])),
    click.option(
        "--authentication",
        type=click.Choice(["none", "low", "high-md5", "high-sha1", "high-sha256"]),
    ),
    click.option("--system-title", help="Ours, which high-sha256 wants."),
    click.option(
        "--password-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Its first line is the password [${PASSWORD}, the profile's, or a question].",
    ),
    click.option("--timeout", type=float, help="Seconds for an answer."),
    click.option("--trace", is_flag=True, help="Show every frame, on standard error."),
)


def meter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """HOST and all that says how to speak to the meter there."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return click.argument("host")(function)


def chosen_meter(given: Mapping[str, Any], read: Mapping[str, object]) -> MeterOptions:
    """The meter of :func:`meter_options`, to be asked for ``read``; exits 64 if it is none."""
    table = {key: value for key, value in given.items() if value is not None and key != "trace"}
    if "address_size" in table and table["address_size"] != "auto":
        table["address_size"] = int(table["address_size"])
    file = table.pop("password_file", None)
    if file is not None:
        table["password"] = {"file": str(file)}
    elif PASSWORD in os.environ:
        table["password"] = {"env": PASSWORD}
    elif "profile" not in table and table.get("authentication") != "none":
        table["password"] = click.prompt("Password", hide_input=True, err=True)
    try:
        return load_meter(
            {"name": "meter", **table, "read": read}, environ=os.environ, cwd=Path.cwd()
        )
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None


class CountersError(DlmsdError):
    """Ciphered meters are read by the daemon alone, which keeps their invocation counters."""

    culprit = "operator"


class _NoCounters:
    """The counters of a command: none, since two users of one key must never share any."""

    async def reserve_counters(self, name: str, above: int, count: int) -> tuple[int, int]:
        raise CountersError("this meter needs invocation counters")

    async def received_counters(self) -> dict[str, int]:
        return {}

    def keep_received(self, name: str, counter: int) -> None:
        raise CountersError("this meter needs invocation counters")


def visit(meter: MeterOptions, reactor: Any, *, trace: bool) -> Visit:
    """One connection to ``meter`` for one errand; its frames on standard error if wanted."""
    return Visit(meter, reactor, _frames(trace), secured(meter, _NoCounters(), os.urandom))


def errand(work: Callable[[Any], Awaitable[int]]) -> int:
    """Run ``work`` with the reactor; a DlmsdError is its sentence and exit 1."""
    reactor = monotonic_reactor()
    codes: list[int] = []

    async def run() -> None:
        try:
            codes.append(await work(reactor))
        except DlmsdError as error:
            click.echo(f"{error}\n{error.advice}", err=True)
            codes.append(FAILED)

    try:
        react(lambda _: Deferred.fromCoroutine(run()), _reactor=reactor)
    except SystemExit as end:
        if end.code:
            raise
    return codes[0]


def _frames(trace: bool) -> Callable[[str, bytes], None] | None:
    """What shows frames on standard error, if they are wanted."""
    if not trace:
        return None
    return functools.partial(_show_frame, time.monotonic())


def _show_frame(start: float, direction: str, octets: bytes) -> None:
    arrow = ">" if direction == "sent" else "<"
    print(f"{time.monotonic() - start:9.3f} {arrow} {octets.hex()}", file=sys.stderr)  # noqa: T201

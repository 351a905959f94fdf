"""``dlmsd trace``: every frame and APDU of a visit, with its meaning."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec
from attrs import asdict
from twisted.internet.task import deferLater

from dlmsd.cli.help import Command
from dlmsd.cli.language import say
from dlmsd.cli.meter import errand, way_options
from dlmsd.cli.target import Target, chosen, named
from dlmsd.cli.terminal import printable
from dlmsd.cli.tracing import Tracing, put_json, put_text
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.describe.octets import describe_octets, parse_hex
from dlmsd.meter.cycle import Cycle
from dlmsd.meter.installation import Installation
from dlmsd.meter.session import Session


@click.command(cls=Command, short_help="Show every frame to and from a meter, and its meaning.")
@way_options
@click.argument("meter", required=False)
@click.option("--seconds", type=click.FloatRange(0, 86_400), help="How long [one cycle].")
@click.option("--decode", metavar="HEX", help="What these octets mean; - reads them from stdin.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, one line for each.")
def trace(seconds: float | None, decode: str | None, as_json: bool, **given: Any) -> int:
    """Show every frame of one connection to a meter, and what it means.

    METER is the name of a configured or added meter, or the HOST of any other meter. It is read
    once, as the daemon reads it, or again and again for --seconds. Each line has the time, > for
    what was sent and < for what came; what is ciphered is shown opened. Passwords are stars. What
    the meter says can be read here: mind to whom you give it.

    --decode takes octets from any log instead, HDLC, WRAPPER, APDU or Data, and no meter.

    Example: dlmsd trace plant-a

    Example: dlmsd trace --decode "7E A0 07 03 03 93 8C 11 7E"
    """
    if decode is not None:
        if given["meter"] is not None:
            raise click.UsageError(say("--decode needs no METER; put the octets in quotes"))
        return _decode(sys.stdin.read() if decode == "-" else decode, as_json=as_json)
    if given["meter"] is None:
        raise click.UsageError(say("name a METER, or give octets to --decode"))
    target = chosen(given)
    tracing = Tracing(put_json if as_json else put_text(err=False))

    async def work(reactor: Any) -> int:
        async with target.visit(reactor, tracing) as session:
            await _read(target, session, reactor, seconds or 0.0)
        return 0

    return errand(work)


async def _read(target: Target, session: Session, reactor: Any, seconds: float) -> None:
    meter: MeterOptions = target.meter
    cycle = Cycle(meter.read, session, 0.0, lambda key, reason: None, Installation.of(meter))
    end = reactor.seconds() + seconds
    while True:
        began = reactor.seconds()
        await cycle.run(meter.read, began)
        following = max(began + meter.interval, reactor.seconds())
        if following > end:
            return
        await deferLater(reactor, following - reactor.seconds(), lambda: None)


def _decode(text: str, *, as_json: bool) -> int:
    nodes = describe_octets(named(parse_hex, text))
    if as_json:
        click.echo(msgspec.json.encode([asdict(node) for node in nodes]).decode())
        return 0
    for node in nodes:
        for line in node.lines():
            click.echo(printable(line))
    return 0

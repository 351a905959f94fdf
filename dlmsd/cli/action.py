"""``dlmsd action``: invoke one method of a meter."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from dlmsd.cli.exits import MISUSED
from dlmsd.cli.help import Command
from dlmsd.cli.language import say
from dlmsd.cli.meter import errand, meter_options
from dlmsd.cli.target import chosen, named
from dlmsd.cli.terminal import argument
from dlmsd.cli.tracing import to_errors
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.axdr.text import parse, write
from dlmsd.dlms.cosem.designation import method_words, parse_method
from dlmsd.dlms.describe.apdu import STARS, is_secret
from dlmsd.dlms.outcome import GetResult

_NONE = "none"


@click.command(cls=Command)
@meter_options
@click.argument("method", metavar="CLASS/OBIS/METHOD")
@click.argument("parameters", default="integer:0")
@click.option("--yes", is_flag=True, help="Do it; without it only what would be done is shown.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def action(
    method: str, parameters: str, yes: bool, as_json: bool, trace: bool, **given: Any
) -> int:
    """Invoke one method of a meter, and show what it returns.

    METER is the name of a configured or added meter, or the HOST of any other meter; its
    configuration or profile must say `writing = true`. Class and method are numbers, or names of
    the Blue Book. PARAMETERS is written like the VALUE of `dlmsd set`; left out it is integer:0, as
    for most methods, "none" sends none, and "-" reads it from standard input.

    Exit 0 when it was done, 1 when not, 64 without --yes.

    Example: dlmsd action plant-a disconnect-control/0-0:96.3.10/remote_disconnect --yes
    """
    target = chosen(given)
    asked = named(parse_method, method)
    parameters = argument(parameters)
    sent = None if parameters == _NONE else named(parse, parameters)
    shown = STARS if is_secret(asked) else None
    told = {
        "method": str(asked),
        "name": method_words(asked),
        "parameters": (shown or write(sent)) if sent is not None else None,
    }
    what = f"{asked} {told['name']}({told['parameters'] or ''})"

    async def work(reactor: Any) -> int:
        target.refuse_unless_writing()
        if not yes:
            click.echo(
                msgspec.json.encode(told).decode()
                if as_json
                else say("would invoke {what}", what=what)
            )
            click.echo(say("Nothing was done; --yes does it."), err=True)
            return MISUSED
        async with target.visit(reactor, to_errors(trace)) as session:
            returned = _text(await session.action(asked, sent))
        if as_json:
            click.echo(msgspec.json.encode({**told, "returned": returned}).decode())
        else:
            told_ = say("invoked {what}", what=what)
            if returned:
                told_ += say(", which returned {returned}", returned=returned)
            click.echo(told_)
        return 0

    return errand(work)


def _text(returned: GetResult | None) -> str | None:
    if returned is None:
        return None
    return write(returned) if isinstance(returned, Data) else returned.words

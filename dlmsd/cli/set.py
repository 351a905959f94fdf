"""``dlmsd set``: write one attribute of a meter."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from dlmsd.cli.exits import FAILED, MISUSED
from dlmsd.cli.help import Command
from dlmsd.cli.language import say
from dlmsd.cli.meter import errand, meter_options
from dlmsd.cli.target import chosen, named
from dlmsd.cli.terminal import argument, show_table
from dlmsd.cli.tracing import to_errors
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.axdr.text import parse, write
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.designation import attribute_words, parse_attribute
from dlmsd.dlms.describe.apdu import STARS, is_secret
from dlmsd.errors import ServiceError
from dlmsd.meter.session import Session

_CLOCK = 8


@click.command("set", cls=Command)
@meter_options
@click.argument("attribute", metavar="CLASS/OBIS/ATTRIBUTE")
@click.argument("value")
@click.option("--yes", is_flag=True, help="Write; without it only what would be written is shown.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def set_(attribute: str, value: str, yes: bool, as_json: bool, trace: bool, **given: Any) -> int:
    """Write one attribute of a meter, and read it again.

    METER is the name of a configured or added meter, or the HOST of any other meter; its
    configuration or profile must say `writing = true`. Class and attribute are numbers, or names of
    the Blue Book. VALUE is TYPE:VALUE, and the type may be left out where it is that of what the
    attribute holds now:

    \b
    long-unsigned:5          boolean:true      enum:1          float32:1.5
    octet-string:0102        octet-string:"text"               visible-string:text
    date-time:2026-11-26T12:00:00-05:00        null            bit-string:0101
    structure{long:1, enum:2}                  array{...}      data:1200FF (any, in hex)

    "-" reads VALUE from standard input, so that nobody sees a secret.

    Exit 0 when the meter then holds what was written, 1 when not, 64 without --yes.

    Example: dlmsd set plant-a register-activation/0-0:14.0.0/4 octet-string:0001 --yes
    """
    target = chosen(given)
    value = argument(value)
    asked = named(parse_attribute, attribute)

    async def work(reactor: Any) -> int:
        target.refuse_unless_writing()
        async with target.visit(reactor, to_errors(trace)) as session:
            await session.permit(asked)
            old = await _held(session, asked)
            new = named(parse, value, old)
            if yes:
                await session.set(asked, new)
            now = await _held(session, asked) if yes else None
        _show(asked, old, new, now, as_json=as_json)
        if not yes:
            click.echo(say("Nothing was written; --yes writes it."), err=True)
            return MISUSED
        if now is not None and now != new and asked.class_id != _CLOCK:
            click.echo(say("The meter took it, and holds something else."), err=True)
            return FAILED
        return 0

    return errand(work)


async def _held(session: Session, asked: AttributeDescriptor) -> Data | None:
    """What the attribute holds, None where it may not be read."""
    try:
        return await session.get(asked)
    except ServiceError:
        return None


def _show(
    asked: AttributeDescriptor, old: Data | None, new: Data, now: Data | None, *, as_json: bool
) -> None:
    hidden = is_secret(asked)
    texts = {
        name: (STARS if hidden else write(data)) if data is not None else None
        for name, data in (("old", old), ("new", new), ("now", now))
    }
    if as_json:
        answer = {"attribute": str(asked), "name": attribute_words(asked), **texts}
        click.echo(msgspec.json.encode(answer).decode())
        return
    columns = [say("attribute"), say("old"), say("new"), say("now")]
    named_ = f"{asked} {attribute_words(asked)}".rstrip()
    show_table(columns, [[named_, *(text or "-" for text in texts.values())]])

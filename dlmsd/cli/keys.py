"""``dlmsd keys``: titles, policy and counters of a meter, and never a key."""

from __future__ import annotations

import os
from typing import Any, Final

import click
import msgspec
from attrs import evolve

from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Command
from dlmsd.cli.language import explained, hear, say
from dlmsd.cli.meter import errand, meter_options
from dlmsd.cli.target import chosen, visited
from dlmsd.cli.terminal import show_table
from dlmsd.cli.tracing import to_errors
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.security.counter import COUNTER_END
from dlmsd.errors import DlmsdError
from dlmsd.meter.build import PUBLIC_CLIENT
from dlmsd.meter.keys import TellsOfKeys, ask
from dlmsd.meter.security import Counters, secured

_NOTHING: Final = TellsOfKeys(None, None, None, None, {})


@click.command(cls=Command, short_help="Show security, keys' names and counters of a meter.")
@meter_options
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def keys(as_json: bool, trace: bool, **given: Any) -> int:
    """Show system titles, security policy and suite, and invocation counters; never a key.

    METER is the name of a configured or added meter, or the HOST of any other meter. Beside ours
    stands what the meter tells. One that does not let us in is asked as public client (16), which
    often may know the counter that it expects. Each run spends up to 1,000 of the 2^32 counters
    that a key has.

    Exit 0 when the meter let us in, 1 when not.

    Example: dlmsd keys plant-a
    """
    target = chosen(given)
    meter = target.meter

    async def work(reactor: Any) -> int:
        trouble: DlmsdError | None = None
        async with target.counters(reactor) as store:
            security = secured(meter, store, os.urandom)
            try:
                async with visited(meter, reactor, to_errors(trace), security) as session:
                    told = await ask(session)
            except DlmsdError as error:
                trouble = error
                told = await _ask_as_public(meter, reactor, trace)
            counters = security.counters if security is not None else None
        _show(meter, counters, told, as_json=as_json)
        if trouble is None:
            return 0
        click.echo(explained(trouble), err=True)
        return FAILED

    return errand(work)


async def _ask_as_public(meter: MeterOptions, reactor: Any, trace: bool) -> TellsOfKeys:
    public = evolve(
        meter, client=PUBLIC_CLIENT, authentication="none", security="none", writing=False
    )
    try:
        async with visited(public, reactor, to_errors(trace)) as session:
            return await ask(session)
    except DlmsdError:
        return _NOTHING


def _show(
    meter: MeterOptions, counters: Counters | None, told: TellsOfKeys, *, as_json: bool
) -> None:
    ours: dict[str, Any] = {
        "policy": meter.security,
        "suite": meter.security_suite,
        "system_title": _title(meter.system_title),
        "meter_system_title": _title(meter.meter_system_title),
        "next": counters and counters.next,
        "reserved": counters and counters.reserved,
        "left": counters and COUNTER_END - counters.next,
        "accepted": {_title(title): one for title, one in counters.accepted.items()}
        if counters
        else {},
    }
    theirs: dict[str, Any] = {
        "policy": told.policy,
        "suite": told.suite,
        "system_title": _title(told.client_title),
        "meter_system_title": _title(told.meter_title),
        "seen": told.counters,
    }
    if as_json:
        click.echo(msgspec.json.encode({"ours": ours, "meter": theirs}).decode())
        return
    rows = [
        [say("security policy"), _text(ours["policy"]), _policy(told.policy)],
        [say("security suite"), _text(ours["suite"]), _text(theirs["suite"])],
        [say("our system title"), _text(ours["system_title"]), _text(theirs["system_title"])],
        [
            say("the meter's system title"),
            _text(ours["meter_system_title"]),
            _text(theirs["meter_system_title"]),
        ],
    ]
    rows += [
        [say("counter {obis}", obis=obis), "", say("{count} seen last", count=seen)]
        for obis, seen in told.counters.items()
    ]
    if counters is not None:
        left = COUNTER_END - counters.next
        rows += [
            [
                say("our next counter"),
                say("{next}, {count} reserved", next=counters.next, count=counters.reserved),
                "",
            ],
            [say("left of 2^32"), f"{left} ({left / (COUNTER_END + 1):.2%})", ""],
        ]
        rows += [
            [say("accepted of {title}", title=_title(title)), str(last), ""]
            for title, last in counters.accepted.items()
        ]
    show_table(["", say("here"), say("meter")], rows)


def _title(title: bytes | None) -> str | None:
    return None if title is None else title.hex().upper()


def _policy(words: str | None) -> str:
    return "-" if words is None else ", ".join(map(hear, words.split(", ")))


def _text(value: object) -> str:
    return "-" if value is None else str(value)

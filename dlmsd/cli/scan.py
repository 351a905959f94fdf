"""``dlmsd scan``: the meters of a network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
import msgspec
from attrs import asdict, define
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Command
from dlmsd.cli.language import explained, hear, say
from dlmsd.cli.meter import errand
from dlmsd.cli.terminal import printable, show_table
from dlmsd.config import rules
from dlmsd.fleet.scan import PORTS, Finding, Manners, Scan, ScanError, network

COLUMNS: Final = (
    *("host", "port", "framing", "client", "logical", "physical", "answered"),
    *("name", "serial"),
)
_NO_NAME: Final = re.compile(r"[^\w .()-]+")
_ENTRY: Final = """
[[meters]]
name = "{name}"
host = "{host}"
port = {port}
framing = "{framing}"
logical_device = {logical}
physical_device = {physical}
address_size = {size}
# {hint}
client = {client}
authentication = "none"
# profile = "microstar"
read = ["active_energy"]
"""


@click.command(cls=Command)
@click.argument("cidr")
@click.option("--ports", default=",".join(map(str, PORTS)), show_default=True)
@click.option("--large", is_flag=True, help="Also more than 4,096 hosts.")
@click.option("--anywhere", is_flag=True, help="Also a network that is not private.")
@click.option(
    "--parallel",
    type=click.IntRange(1, 64),
    default=Manners().parallel,
    show_default=True,
    help="Hosts at once; each has one connection at a time.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 100),
    default=Manners().rate,
    show_default=True,
    help="New connections a second, all hosts together.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what answered as [[meters]] into this file, which must not be there yet.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def scan(
    cidr: str,
    ports: str,
    large: bool,
    anywhere: bool,
    parallel: int,
    rate: float,
    save: Path | None,
    as_json: bool,
) -> int:
    """Look for meters in a network, and show what answers.

    Each host is asked on a few TCP ports, for a link or an association as public client (16)
    and then as client 1, at the usual addresses; no password is ever sent. Ctrl-C shows what
    was found until then. Exit 0 when something answered, 1 when nothing did.

    Example: dlmsd scan 192.168.1.0/24 --save found.toml
    """
    if save is not None and save.exists():
        raise click.UsageError(say("{file} is there already", file=save))
    try:
        where = network(cidr, large=large, anywhere=anywhere)
        wanted = [_port(port) for port in ports.split(",")]
    except ScanError as error:
        raise click.UsageError(explained(error)) from None
    scans: list[Scan] = []
    asked = _Asked()

    async def work(reactor: object) -> int:
        one = Scan(where, wanted, reactor, Manners(parallel=parallel, rate=rate))
        scans.append(one)
        with _bar() as bar:
            task = bar.add_task(say("hosts"), total=None)

            def count(done: int, total: int) -> None:
                asked.done, asked.all = done, total
                bar.update(task, completed=done, total=total)

            await one.run(count)
        asked.whole = True
        return 0 if one.found else FAILED

    code = errand(work)
    for one in scans:
        _show(one.found, asked, as_json=as_json)
        if save is not None:
            save.write_text("".join(_entries(one.found)))
    return code


def _port(text: str) -> int:
    if not text.strip().isdecimal() or not 0 < int(text) < 65536:
        raise click.UsageError(say("{text} is no port; write --ports 3333,4059", text=repr(text)))
    return int(text)


def _bar() -> Progress:
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True))


@define
class _Asked:
    """How far it came: so many hosts of all, the ``whole`` of them unless somebody ended it."""

    done: int = 0
    all: int = 0
    whole: bool = False


def _show(found: list[Finding], asked: _Asked, *, as_json: bool) -> None:
    if not asked.whole:
        ended = say("ended before its time: {done} of {all} hosts were asked", done=asked.done,
                    all=asked.all)  # fmt: skip
        click.echo(ended, err=True)
    if as_json:
        click.echo(msgspec.json.encode([_flat(one) for one in found]).decode())
        return
    rows = [
        [
            *(one.host, str(one.port), one.candidate.framing, str(one.candidate.client)),
            *(str(one.candidate.logical), _physical(one), hear(one.evidence), one.name, one.serial),
        ]
        for one in found
    ]
    if rows:
        show_table([say(name) for name in COLUMNS], rows)
    click.echo(say("{count} answered", count=len(found)), err=True)


def _flat(one: Finding) -> dict[str, object]:
    told = asdict(one)
    return {**told.pop("candidate"), **told}


def _physical(one: Finding) -> str:
    return str(one.candidate.physical) if one.candidate.framing == "hdlc" else "-"


def _name(one: Finding) -> str:
    """What its meter calls itself, as far as that is a name here; else where it is."""
    told = _NO_NAME.sub("-", one.name or one.serial).strip(" -")[:50].strip()
    try:
        return str(rules.name(told))
    except rules.Refusal:
        return f"meter {_NO_NAME.sub('-', told if told in rules.RESERVED else one.host)}"


def _entries(found: Iterable[Finding]) -> Iterable[str]:
    """What ``dlmsd check`` takes, each under a name of its own."""
    taken: set[str] = set()
    yield "# " + say("What `dlmsd scan` found.") + "\n"
    for one in found:
        base = _name(one)
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name)
        candidate = one.candidate
        if told := printable(hear(one.evidence)).replace("\n", " "):
            yield f"\n# {told}"
        yield _ENTRY.format(
            hint=say(
                "It answered this client, which often sees little. "
                "Another one, its password and a profile:"
            ),
            name=name,
            host=one.host,
            port=one.port,
            framing=candidate.framing,
            client=candidate.client,
            logical=candidate.logical,
            physical=candidate.physical,
            size=json.dumps(candidate.address_size),
        )

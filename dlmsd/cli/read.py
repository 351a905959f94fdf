"""``dlmsd read``: attributes of one meter, once."""

from __future__ import annotations

import time
from typing import Any, Final

import click
import msgspec

from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Command
from dlmsd.cli.language import hear
from dlmsd.cli.meter import errand, meter_options
from dlmsd.cli.target import chosen, named
from dlmsd.cli.tracing import to_errors
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.designation import parse_attribute
from dlmsd.meter.compact import CompactReader
from dlmsd.meter.cycle import Cycle
from dlmsd.meter.installation import Installation
from dlmsd.model import Value

_JSON: Final = msgspec.json.Encoder(decimal_format="number")


@click.command(cls=Command)
@meter_options
@click.argument("objects", nargs=-1, required=True, metavar="OBIS...")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def read(objects: tuple[str, ...], as_json: bool, trace: bool, **given: Any) -> int:
    """Read attributes of a meter, once.

    METER is the name of a configured or added meter, or the HOST of any other meter.

    OBIS is a register's code (1-1:32.7.0), a measurement's name (voltage_l1), or
    CLASS/OBIS/ATTRIBUTE, by number or by name (8/0-0:1.0.0/2, clock/0-0:1.0.0/time). Values
    come scaled, with their unit, those of a compact_buffer (62/0-0:66.0.1/2) each by its own
    code. Exit 0 when all were read, 1 when not.

    Example: dlmsd read plant-a voltage_l1

    Example: dlmsd read 192.168.1.127 --profile microstar 1-1:32.7.0 active_energy

    Example: dlmsd read 192.168.1.127 --authentication high-gmac --system-title DLMSDCLT
    --security authenticated-encrypted --encryption-key-file ek --authentication-key-file ak
    voltage_l1
    """
    target = chosen(given, {name: _wanted(name) for name in objects})
    meter = target.meter

    async def work(reactor: Any) -> int:
        known = {measurement.name: measurement for measurement in meter.read}
        wanted = [known[name] for name in dict.fromkeys(objects)]
        async with target.visit(reactor, to_errors(trace)) as session:
            compact = CompactReader(session)
            wanted = [each for one in wanted for each in await compact.columns(one)]
            cycle = Cycle(wanted, session, 0.0, lambda key, reason: None, Installation.of(meter))
            values = await cycle.run(wanted, reactor.seconds())
        _show(meter, cycle, values, as_json=as_json)
        return FAILED if cycle.absent else 0

    return errand(work)


def _wanted(name: str) -> dict[str, object]:
    """What the configuration would say of one OBIS... of the command line."""
    if "/" in name:
        asked = named(parse_attribute, name)
        return {"class": asked.class_id, "obis": str(asked.obis), "attribute": asked.attribute}
    return {"obis": name} if ":" in name or name[:1].isdigit() else {}


def _show(meter: MeterOptions, cycle: Cycle, values: dict[str, Value], *, as_json: bool) -> None:
    if as_json:
        answer = {
            **({"device": meter.device} if meter.device else {}),
            **({"host": meter.host, "port": meter.port} if meter.host else {}),
            "ts": int(time.time() * 1000),
            "values": values,
            "units": dict(cycle.units),
            "absent": dict(cycle.absent),
        }
        click.echo(_JSON.encode(answer).decode())
        return
    width = max(len(key) for key in (*values, *cycle.absent))
    for key, value in values.items():
        click.echo(f"{key:<{width}}  {value} {cycle.units.get(key, '')}".rstrip())
    for key, reason in cycle.absent.items():
        click.echo(f"{key:<{width}}  - {hear(reason)}")

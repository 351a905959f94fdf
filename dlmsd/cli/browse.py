"""``dlmsd browse``: the objects that a meter shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from dlmsd.cli.help import Command
from dlmsd.cli.language import hear, say
from dlmsd.cli.meter import errand, meter_options
from dlmsd.cli.target import chosen
from dlmsd.cli.tracing import to_errors
from dlmsd.config.values import Measurement, MeterOptions
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.catalogue import NAMES, lookup
from dlmsd.dlms.cosem.classes import by_id
from dlmsd.dlms.cosem.object_list import CosemObject
from dlmsd.dlms.cosem.short_names import OBJECT_LIST_SN, named_objects
from dlmsd.meter.compact import CompactReader
from dlmsd.meter.cycle import Cycle
from dlmsd.meter.installation import Installation
from dlmsd.meter.rights import listed
from dlmsd.meter.session import Session

_JSON: Final = msgspec.json.Encoder(decimal_format="number")
# Register, Extended Register and Demand Register: what a profile file reads.
_REGISTERS: Final = (3, 4, 5)


@click.command(cls=Command, short_help="List the objects of a meter and their rights.")
@meter_options
@click.option("--values", is_flag=True, help="Read the value of each object too.")
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the registers into a profile file, to be put into profiles/.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def browse(values: bool, save: Path | None, as_json: bool, trace: bool, **given: Any) -> int:
    """List the objects of a meter: class, OBIS code and rights.

    METER is the name of a configured or added meter, or the HOST of any other meter.
    Rights are by attribute: r may be read, w written; by method: x may be invoked.
    A meter with short names tells base names and versions instead.

    Example: dlmsd browse 192.168.1.127 --profile microstar --values
    """
    target = chosen(given)

    async def work(reactor: Any) -> int:
        async with target.visit(reactor, to_errors(trace)) as session:
            if target.meter.referencing == "sn":
                objects: Sequence[CosemObject] = named_objects(await session.get(OBJECT_LIST_SN))
            else:
                objects = await listed(session)
            now = reactor.seconds()
            told = await _values(session, objects, target.meter, now) if values else {}
        if save is not None:
            save.write_text(_profile(objects))
        if as_json:
            entries = [_entry(one, told) for one in objects]
            click.echo(_JSON.encode(entries).decode())
        else:
            for one in objects:
                click.echo(_line(one, told))
            click.echo(say("{count} objects", count=len(objects)), err=True)
        return 0

    return errand(work)


async def _values(
    session: Session, objects: Sequence[CosemObject], meter: MeterOptions, now: float
) -> dict[str, str]:
    """By OBIS code, with unit, or why there is none; of Compact data each column's."""
    wanted, compact, columns = [], CompactReader(session), {}
    for one in objects:
        known = by_id(one.class_id)
        if known is not None and one.readable(known.value):
            attribute = AttributeDescriptor(one.class_id, one.obis, known.value)
            found = await compact.columns(Measurement(str(one.obis), attribute, str(one.obis)))
            columns[str(one.obis)] = found
            wanted += found
    cycle = Cycle(wanted, session, 0.0, lambda key, reason: None, Installation.of(meter))
    read = await cycle.run(wanted, now)
    told = {key: f"{value} {cycle.units.get(key, '')}".strip() for key, value in read.items()}
    told |= {key: f"- {hear(reason)}" for key, reason in cycle.absent.items()}
    joined = {key: _joined(key, found, told) for key, found in columns.items()}
    return {key: value for key, value in joined.items() if value}


def _joined(key: str, found: Sequence[Measurement], told: Mapping[str, str]) -> str:
    """One value, or those of the columns behind their OBIS codes."""
    if len(found) == 1 and found[0].key == key:
        return told.get(key, "")
    return "; ".join(f"{one.attribute.obis} {told[one.key]}" for one in found if one.key in told)


def _rights(one: CosemObject) -> str:
    """What may be done with it; by short names, where it is."""
    if one.base_name is not None:
        return f"0x{one.base_name:04X} version {one.version}"
    if one.attributes is None:
        return "?"
    parts = [
        f"{index}{'r' * one.readable(index)}{'w' * one.writable(index)}"
        for index in sorted(one.attributes)
        if one.readable(index) or one.writable(index)
    ]
    methods = [f"{index}x" for index in sorted(one.methods or ()) if one.invocable(index)]
    return " ".join(parts + methods)


def _line(one: CosemObject, told: dict[str, str]) -> str:
    known = by_id(one.class_id)
    name = known.name if known else f"class {one.class_id}"
    value = told.get(str(one.obis), "")
    return f"{one.obis!s:<20} {name:<20} {_rights(one):<20} {value}".rstrip()


def _entry(one: CosemObject, told: dict[str, str]) -> dict[str, Any]:
    known = by_id(one.class_id)
    entry: dict[str, Any] = {
        "obis": str(one.obis),
        "class": one.class_id,
        "name": known.name if known else None,
        "version": one.version,
    }
    if one.base_name is None:
        entry["rights"] = _rights(one)
    else:
        entry["base_name"] = one.base_name
    value = told.get(str(one.obis))
    return entry if value is None else {**entry, "value": value}


def _profile(objects: Sequence[CosemObject]) -> str:
    """A profile file that reads every register, under the catalogue's name if it has one."""
    names = {lookup(name).attribute.obis: name for name in NAMES}  # type: ignore[union-attr]
    lines = [
        "# " + say("The registers that the meter showed; delete what is not wanted."),
        "[read]",
    ]
    for one in objects:
        if one.class_id in _REGISTERS and one.readable(2):
            key = names.get(one.obis) or f"o{one.obis.raw.hex()}"
            code = f'"{one.obis}"'
            if one.class_id != 3:
                code = f"{{ obis = {code}, class = {one.class_id} }}"
            lines.append(f"{key} = {code}")
    return "\n".join(lines) + "\n"

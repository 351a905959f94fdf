"""``dlmsd simulate``: virtual meters to develop against."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any, Final, cast, get_args

import click
from attrs import asdict, evolve
from OpenSSL import crypto
from twisted.internet import ssl
from twisted.python.failure import Failure

from dlmsd.cli.help import Command
from dlmsd.cli.language import hear, say
from dlmsd.config.values import Transport
from dlmsd.errors import LocalError
from dlmsd.simulator.configuration import configuration
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.medium import Medium
from dlmsd.simulator.personality import MICROSTAR, PERSONALITIES
from dlmsd.simulator.push import PushContents, PushFraming, PushPlan
from dlmsd.simulator.push_configuration import configuration as push_configuration
from dlmsd.simulator.pusher import Destination, Pushing
from dlmsd.simulator.record import RecordFile
from dlmsd.simulator.service import Endpoint, Simulation, SimulationService

_FAILED: Final = 1


def _parse_faults(
    context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> list[tuple[str | None, Fault]]:
    """``noise=0.1``, ``reset=every:50``, and one meter's with its name and a colon first."""
    faults: list[tuple[str | None, Fault]] = []
    for text in texts:
        name, _, rate = text.partition("=")
        meter, _, kind = name.rpartition(":")
        try:
            faults.append((meter or None, Fault.parse(f"{kind}={rate}")))
        except ValueError as error:
            raise click.BadParameter(str(error), context, option) from None
    return faults


def _listed() -> str:
    """What there is to choose from; \\b keeps click from filling the lines."""
    width = max(map(len, PERSONALITIES))
    lines = [f"{name:<{width}}  {one.words}" for name, one in PERSONALITIES.items()]
    faults = "Faults: " + ", ".join(kind.value for kind in FaultKind) + "."
    return "\n".join(("\b", "Personalities:", *lines)) + "\n\n" + faults


def _parse_call(
    context: click.Context, option: click.Parameter, text: str | None
) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise click.BadParameter(say("expected HOST:PORT"), context, option)
    return host, int(port)


@click.command(cls=Command, epilog=_listed())
@click.option("--meters", default=1, show_default=True, type=click.IntRange(1))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="The first meter's port, 0 for free ones [the personality's own].",
)
@click.option("--udp", is_flag=True, help="Datagrams instead of TCP; needs WRAPPER.")
@click.option("--serial", is_flag=True, help="Serial lines (pseudo-terminals) instead of TCP.")
@click.option("--optical", is_flag=True, help="Optical heads there, opened by IEC 62056-21 mode E.")
@click.option(
    "--call",
    metavar="HOST:PORT",
    callback=_parse_call,
    help="Call there instead of listening, and announce oneself by name.",
)
@click.option(
    "--tls",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="TLS over TCP, with the certificate and the key in this file.",
)
@click.option("--gateway", is_flag=True, help="All meters behind one port, by physical address.")
@click.option(
    "--personality",
    type=click.Choice(sorted(PERSONALITIES)),
    metavar="NAME",
    default=MICROSTAR.name,
    show_default=True,
    help="How the meters behave; see below.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND=RATE",
    callback=_parse_faults,
    help="By chance (noise=0.1) or count (reset=every:50), of all or of one (virtual-002:...).",
)
@click.option("--seed", default=0, show_default=True, help="Other meters, other chances.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append what the meters answer to this file, as JSON lines.",
)
@click.option(
    "--push",
    metavar="tcp|udp:HOST:PORT",
    help="Push to this listener too; with a ciphered personality, ciphered.",
)
@click.option(
    "--push-interval", default=10.0, show_default=True, type=click.FloatRange(0.1), help="Seconds."
)
@click.option(
    "--push-framing",
    type=click.Choice(get_args(PushFraming)),
    default="hdlc",
    show_default=True,
    help="Which frames carry a push.",
)
@click.option(
    "--push-contents",
    type=click.Choice(get_args(PushContents)),
    default="described",
    show_default=True,
    help="Values with OBIS codes and units, behind a push object list, or bare.",
)
@click.option(
    "--push-block",
    default=0,
    type=click.IntRange(0, 1024),
    help="Octets of a general block, 0 for none of them.",
)
@click.option("--interface", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--config-out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a dlmsd.toml that reads these meters into a local MQTT broker.",
)
@click.option("--json", "as_json", is_flag=True, help="Print where they listen as JSON.")
def simulate(
    meters: int,
    port: int | None,
    udp: bool,
    serial: bool,
    optical: bool,
    call: tuple[str, int] | None,
    tls: Path | None,
    gateway: bool,
    personality: str,
    faults: list[tuple[str | None, Fault]],
    seed: int,
    record: Path | None,
    push: str | None,
    push_interval: float,
    push_framing: PushFraming,
    push_contents: PushContents,
    push_block: int,
    interface: str,
    config_out: Path | None,
    as_json: bool,
) -> int:
    """Run virtual meters until Ctrl-C.

    Each is a DLMS server with plausible values, named virtual-001 and so on; by default
    on a port of its own from the personality's usual one on. Those with high level
    security have published keys, which --config-out writes down; never use them elsewhere.

    Example: dlmsd simulate --meters 3 --port 40001 --fault noise=0.1 --config-out dlmsd.toml
    """
    from twisted.internet import reactor

    kind = PERSONALITIES[personality]
    # A meter's counter never starts over; these have no memory but the time.
    kind = evolve(kind, security=evolve(kind.security, first_counter=int(time.time())))
    file = RecordFile(record) if record else None
    try:
        simulation = Simulation(
            reactor=reactor,
            wall=time.time,
            random=random.Random(seed),  # noqa: S311 - it decides about faults, not keys
            meters=meters,
            personality=kind,
            medium=Medium(
                _transport(udp=udp, serial=serial or optical, call=call is not None),
                _certified(tls) if tls is not None else None,
                optical,
                call or ("", 0),
            ),
            port=kind.port if port is None else port,
            gateway=gateway,
            interface=interface,
            seed=seed,
            record=file,
        )
        _inject(simulation, faults)
        destination = Destination.parse(push) if push is not None else None
    except LocalError as error:
        raise click.UsageError(hear(str(error))) from None
    service = SimulationService(simulation, file)
    plan = PushPlan(push_framing, push_contents, push_block)
    pushing = None
    if destination is not None:
        pushing = Pushing(
            simulation.meters,
            plan,
            destination,
            push_interval,
            reactor=reactor,
            wall=time.time,
            record=file,
        )
    failures: list[str] = []

    def show(_: None) -> None:
        endpoints = simulation.endpoints
        if config_out is not None:
            text = configuration(kind, endpoints)
            if destination is not None:
                text = push_configuration(
                    simulation.meters, plan, destination.listen, push_interval
                )
            config_out.write_text(text)
        click.echo(json.dumps([asdict(one) for one in endpoints]) if as_json else _table(endpoints))
        if pushing is not None:
            pushing.startService()
            reactor.addSystemEventTrigger("before", "shutdown", pushing.stopService)

    def failed(failure: Failure) -> None:
        failures.append(failure.getErrorMessage())
        reactor.stop()

    def start() -> None:
        service.startService().addCallback(show).addErrback(failed)

    reactor.callWhenRunning(start)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
    for message in failures:
        click.echo(hear(message), err=True)
    return _FAILED if failures else 0


def _transport(*, udp: bool, serial: bool, call: bool) -> Transport:
    """The one that was chosen; LocalError for more than one."""
    chosen: list[Transport] = []
    if udp:
        chosen.append("udp")
    if serial:
        chosen.append("serial")
    if call:
        chosen.append("dial-in")
    if len(chosen) > 1:
        raise LocalError(f"{chosen[0]} and {chosen[1]} exclude each other")
    return chosen[0] if chosen else "tcp"


def _certified(file: Path) -> Any:
    """What makes the server's side of TLS."""
    try:
        return cast(Any, ssl.PrivateCertificate).loadPEM(file.read_bytes()).options()
    except (OSError, crypto.Error) as error:
        raise LocalError(f"{file} has no certificate and key in PEM") from error


def _inject(simulation: Simulation, faults: list[tuple[str | None, Fault]]) -> None:
    """Those of all meters, and for some of them their own besides."""
    common = [fault for meter, fault in faults if meter is None]
    simulation.inject(common)
    for name in {meter for meter, _ in faults if meter is not None}:
        simulation.inject([*common, *(fault for meter, fault in faults if meter == name)], name)


def _table(endpoints: tuple[Endpoint, ...]) -> str:
    width = max(len(one.name) for one in endpoints)
    return "\n".join(
        f"{one.name:<{width}}  {one.place}  "
        + say(
            "logical device {logical}, physical device {physical}",
            logical=one.logical,
            physical=one.physical,
        )
        for one in endpoints
    )

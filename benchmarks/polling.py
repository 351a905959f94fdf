"""CPU of the client: microseconds for one GET, and for one reading of ten registers.

``python -m benchmarks.polling [--meters 100] [--seconds 5]``

Virtual meters run in a process of their own, so only the client's CPU is counted. Each
meter is asked again as soon as it has answered.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association import Association
from dlmsd.dlms.cosem.catalogue import lookup
from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.meter.factory import Member, MeterFactory
from dlmsd.meter.session import Session
from dlmsd.meter.way import TcpWay
from dlmsd.secret import Secret

NAMES = [
    *("voltage_l1", "voltage_l2", "voltage_l3", "current_l1", "current_l2", "current_l3"),
    *("frequency", "active_power", "active_energy", "active_energy_export"),
]


async def connect(endpoint: dict[str, Any]) -> tuple[MeterFactory, Session]:
    """An open session with one virtual meter."""
    up = Deferred[None]()
    factory = MeterFactory(
        TcpWay(endpoint["host"], endpoint["port"], reactor),
        FrameReassembly,
        reactor=reactor,
        admit=lambda: Deferred.fromCoroutine(admitted()),
        random=lambda: 0.0,
    )
    session = Session(
        HdlcLink(1, ServerAddress(endpoint["logical"], endpoint["physical"])),
        Association(Mechanism.LOW, Secret("22222222")),
        timeout=5,
        turn=factory.turn,
        clock=reactor,
    )
    factory.join(Member(session, lambda: up.callback(None), lambda error: None))
    factory.start()
    await up
    await session.open()
    return factory, session


async def admitted() -> Callable[[], None]:
    """What admission gives at once."""
    return lambda: None


async def measure(sessions: list[Session], names: list[str], seconds: float) -> float:
    """CPU microseconds of one request for ``names``, all sessions busy."""
    attributes = [lookup(name).attribute for name in names]
    done = 0
    end = time.monotonic() + seconds

    async def ask(session: Session) -> None:
        nonlocal done
        while time.monotonic() < end:
            await session.get_many(attributes)
            done += 1

    began = time.process_time()
    await gatherResults([Deferred.fromCoroutine(ask(session)) for session in sessions])
    return (time.process_time() - began) / done * 1e6


async def main(meters: int, seconds: float) -> None:
    """Start the meters, measure, print, stop."""
    options = ["--json", "--port=0", "--personality=plain", f"--meters={meters}"]
    simulator = subprocess.Popen(
        [sys.executable, "-m", "dlmsd", "simulate", *options],
        stdout=subprocess.PIPE,
    )
    try:
        endpoints = json.loads(simulator.stdout.readline())
        opened = [await connect(endpoint) for endpoint in endpoints]
        sessions = [session for _, session in opened]
        for names in (NAMES[:1], NAMES):
            cost = await measure(sessions, names, seconds)
            print(f"{meters} meters, {len(names):2} registers a request: {cost:6.1f} CPU us")
        for factory, session in opened:
            await session.close()
            await factory.stop()
    finally:
        simulator.terminate()
        simulator.wait()
    reactor.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--meters", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(main(arguments.meters, arguments.seconds)).addErrback(
            lambda failure: (print(failure.getTraceback()), reactor.stop())
        )
    )
    reactor.run()

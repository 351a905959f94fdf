"""The virtual meters of one episode, and the witness of all invocation counters they meet."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import IO, Any

import msgspec
from attrs import asdict

from dlmsd.dlms.security.counter import CounterName, ReceivedCounters
from dlmsd.simulator.configuration import configuration
from dlmsd.simulator.personality import MICROSTAR, SECURE, Personality
from dlmsd.simulator.record import Entry, RecordFile
from dlmsd.simulator.security import ClientCounters, MeterSecurity, ProofCounters
from dlmsd.simulator.service import Simulation, SimulationService

PERSONALITIES = (MICROSTAR, SECURE)
RECORD, COUNTERS, PROFILES, READY = "record.jsonl", "counters.jsonl", "meters.toml", "ready.json"


class Witness:
    """Writes down each counter that a meter is sent, believed or not: ``[kind, key, number]``."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def __call__(self, kind: str, name: CounterName, counter: int) -> None:
        self._file.write(json.dumps([kind, f"{name.title.hex()}/{name.key}", counter]) + "\n")
        self._file.flush()

    def watch(self, security: MeterSecurity) -> None:
        """All that this meter meets from now on."""
        heard = {security._unicast: security.client_counter - 1} if security._unicast else {}
        security.received = _Heard(self, heard)
        proofs = security.counters_of_proof

        def watched() -> ProofCounters:
            return _Proofs(self, proofs())

        security.counters_of_proof = watched  # type: ignore[method-assign]


class _Heard(ClientCounters):
    def __init__(self, witness: Witness, heard: Any) -> None:
        super().__init__(heard)
        self._witness = witness
        self._accepting = False

    def check(self, name: CounterName, counter: int) -> None:
        if not self._accepting:
            self._witness("apdu", name, counter)
        super().check(name, counter)

    def accept(self, name: CounterName, counter: int) -> None:
        self._accepting = True
        try:
            super().accept(name, counter)
        finally:
            self._accepting = False


class _Proofs(ReceivedCounters):
    """What :class:`ProofCounters` say, with a witness."""

    def __init__(self, witness: Witness, proofs: ProofCounters) -> None:
        super().__init__()
        self._witness = witness
        self._proofs = proofs

    def last(self, name: CounterName) -> int:
        return self._proofs.last(name)

    def check(self, name: CounterName, counter: int) -> None:
        self._witness("proof", name, counter)
        self._proofs.check(name, counter)

    def accept(self, name: CounterName, counter: int) -> None:
        self._proofs.accept(name, counter)


def profiles(personality: Personality, simulation: Simulation) -> str:
    """The daemon's configuration of these meters, under names that tell their kind."""
    _, mark, text = configuration(personality, simulation.endpoints).partition("[profiles.")
    name = personality.name
    return (mark + text).replace("virtual", name).replace("interval = 5.0", "interval = 0.1")


def run(folder: Path) -> None:
    """Serve until killed or terminated; READY holds the endpoints as soon as they listen."""
    from twisted.internet import reactor as global_reactor

    reactor: Any = global_reactor
    record = RecordFile(folder / RECORD)
    record.open()
    witness = Witness((folder / COUNTERS).open("a"))
    simulations = []
    for personality in PERSONALITIES:

        def renamed(entry: Entry, name: str = personality.name) -> None:
            record(msgspec.structs.replace(entry, meter=entry.meter.replace("virtual", name)))

        simulation = Simulation(
            reactor=reactor,
            wall=time.time,
            random=random.SystemRandom(),
            personality=personality,
            record=renamed,
        )
        for meter in simulation.meters:
            witness.watch(meter.objects.security)
        simulations.append(simulation)

    def ready() -> None:
        for simulation in simulations:
            SimulationService(simulation).startService()
        told = [profiles(*each) for each in zip(PERSONALITIES, simulations, strict=True)]
        (folder / PROFILES).write_text("\n".join(told))
        endpoints = [asdict(one) for each in simulations for one in each.endpoints]
        (folder / (READY + ".new")).write_text(json.dumps(endpoints))
        (folder / (READY + ".new")).rename(folder / READY)

    reactor.callWhenRunning(ready)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    reactor.run(installSignalHandlers=False)

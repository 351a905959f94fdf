"""A whole daemon with its meters, beside others in one network, in virtual time."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, Final

from twisted.internet.defer import Deferred

from dlmsd.app import Daemon
from dlmsd.config.values import (
    Configuration,
    DaemonOptions,
    MeterOptions,
    OutboxOptions,
    SinkOptions,
    WebOptions,
)
from dlmsd.machine import Machine
from dlmsd.model import CloseCause, MeterStatus, SinkStatus
from dlmsd.publish.connection import Connect
from dlmsd.simulator.personality import MICROSTAR
from dlmsd.simulator.service import Simulation
from tests.meter.fleet import NAMES, wanted
from tests.network import Network
from tests.store.immediate import ImmediateWriter
from tests.storm.life import Life

START: Final = 1_800_000_000.0
INTERVAL: Final = 10.0
_LOOK: Final = 1.0
_LEAVE: Final = 10.0


class House:
    """One daemon, whose state folder is its own, with two meters.

    ``read`` are the readings that it told as read, ``dials`` when it began each connection to
    the broker; ``verdict_at`` and ``alarm_at`` are when it first told of another client.
    """

    def __init__(
        self, name: str, network: Network, connect: Connect, sink: SinkOptions, folder: Path
    ) -> None:
        self.name = name
        self.network = network
        self.read: dict[tuple[str, int], Any] = {}
        self.dials: list[float] = []
        self.status: SinkStatus | None = None
        self.verdict_at: float | None = None
        self.alarm_at: float | None = None
        self._connect = connect
        self._random = Random(name)
        self._life = Life(network)
        self._simulation = Simulation(
            reactor=network,
            wall=self._wall,
            random=Random(name),
            meters=2,
            personality=MICROSTAR,
            seed=1,
            record=lambda entry: None,
        )
        Deferred.fromCoroutine(self._simulation.start())
        machine = Machine(
            self._life,
            self._wall,
            self._random,
            self._random.randbytes,
            lambda name: ImmediateWriter(),
            lambda options: self._life.reach(self._dial),
            name,
        )
        self.daemon = Daemon(self._configuration(sink, folder), {"nodaemon": True}, machine)
        self.daemon.board.subscribe(self._told)

    def _wall(self) -> float:
        return START + self.network.seconds()

    def _dial(self, factory: Any) -> Any:
        self.dials.append(self.network.seconds())
        return self._connect(factory)

    def _configuration(self, sink: SinkOptions, folder: Path) -> Configuration:
        port = 8000 + sum(self.name.encode())
        return Configuration(
            path=folder / self.name / "dlmsd.toml",
            daemon=DaemonOptions(folder / self.name / "state"),
            web=WebOptions(listen=f"tcp:{port}:interface=127.0.0.1"),
            outbox=OutboxOptions(),
            sinks=(sink,),
            meters=tuple(
                MeterOptions(
                    name=f"{self.name}-{number}",
                    host="meter.example",
                    port=endpoint.port,
                    profile=MICROSTAR.name,
                    device_name=f"{self.name}-{number}",
                    read=tuple(wanted(each) for each in NAMES),
                    framing=MICROSTAR.framing,
                    logical_device=endpoint.logical,
                    physical_device=endpoint.physical,
                    address_size=MICROSTAR.address_size,
                    password=MICROSTAR.clients[0].password,
                    interval=INTERVAL,
                    identify=False,
                    sinks=(sink.name,),
                )
                for number, endpoint in enumerate(self._simulation.endpoints)
            ),
        )

    def _told(self, status: Any) -> None:
        now = self.network.seconds()
        if isinstance(status, MeterStatus) and status.reading is not None:
            self.read[status.reading.meter, status.reading.ts] = dict(status.reading.values)
        elif isinstance(status, SinkStatus):
            self.status = status
            verdict = status.verdict
            if verdict is not None and verdict.cause is CloseCause.TAKEOVER:
                self.verdict_at = self.verdict_at or now

    def start(self) -> None:
        self.daemon.startService()
        self._look()

    def _look(self) -> None:
        """Whether the alarm stands in the registry's file, once a second."""
        listed = Deferred.fromCoroutine(self.daemon.registry.alarms.list(standing=True))
        listed.addCallback(self._listed)
        self._looking = self.network.callLater(_LOOK, self._look)

    def _listed(self, alarms: Any) -> None:
        if self.alarm_at is None and any(one.rule == "sink-takeover" for one in alarms):
            self.alarm_at = self.network.seconds()

    def stop(self) -> None:
        """SIGTERM; the meters go too."""
        self._looking.cancel()
        self.daemon.stopService()
        self.network.run(_LEAVE)
        Deferred.fromCoroutine(self._simulation.stop())

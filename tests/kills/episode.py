"""One state folder, its meters and its broker, and one kill after the other."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import tempfile
import time
import tomllib
import traceback
from contextlib import ExitStack
from pathlib import Path
from random import Random
from urllib.request import urlopen

from attrs import frozen

from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.processes import wait_until
from tests.integration.subscriber import Subscriber
from tests.kills.backlog import METER, fill
from tests.kills.judge import Figures, Judge
from tests.kills.meters import COUNTERS, PROFILES, READY, RECORD
from tests.kills.nursery import Child, Nursery, program

WINDOW = 20
# Deliveries that wait when a life begins whose end comes while they drain.
BACKLOG = 3000
# So many readings of each meter at least the last life gives, which nobody kills.
LEAST = 5
OBIS = {
    "1-1:32.7.0": "voltage_l1",
    "1-1:52.7.0": "voltage_l2",
    "1-1:72.7.0": "voltage_l3",
    "1-1:31.7.0": "current_l1",
    "1-1:51.7.0": "current_l2",
    "1-1:71.7.0": "current_l3",
    "1-1:14.7.0": "frequency",
    "1-1:1.7.0": "active_power",
    "1-1:1.8.0": "active_energy",
    "1-1:2.8.0": "active_energy_export",
}
KILO = frozenset({"active_energy", "active_energy_export"})
# Every so many starts one is the program itself, which shares nothing.
PROGRAM = 20
_CONFIGURATION = """
[daemon]
state_dir = "{folder}/state"
connects_per_second = 200
[web]
listen = "tcp:{page}:interface=127.0.0.1"
[[sinks]]
name = "local"
kind = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
topic = "{topic}/{{meter}}"
inflight = {window}
"""


@frozen
class Lot:
    """How one life ends: SIGKILL after ``seconds``, or SIGTERM then and SIGKILL ``later``.

    Unless it dies as it starts, they begin when its page answers; where a backlog drains, when
    ``drained`` of it have arrived.
    """

    kind: str
    seconds: float
    later: float = 0.0
    drained: int = 0

    @classmethod
    def draw(cls, random: Random) -> Lot:
        kind = random.choices(("start", "reading", "shutdown", "drain"), (2, 6, 2, 3))[0]
        match kind:
            case "drain":
                drained = random.randint(1, BACKLOG // 2)
                return cls(kind, random.uniform(0.0, 0.02), drained=drained)
            case "start":
                return cls(kind, random.uniform(0.0, 0.5))
            case "reading":
                return cls(kind, random.uniform(0.0, 1.3))
        return cls(kind, random.uniform(0.1, 1.2), random.choice((0.01, 0.1)) * random.random())


class Episode:
    """``run`` it once. What it found is in ``figures``."""

    def __init__(self, seed: int, kills: int, nursery: Nursery, broker: Mosquitto) -> None:
        self.figures = Figures()
        self._seed = seed
        self._kills = kills
        self._random = Random(seed)
        self._nursery = nursery
        self._broker = broker
        self._judge = Judge(self.figures, WINDOW, OBIS, KILO, METER)
        self._folder = Path(tempfile.mkdtemp(prefix=f"kills-{seed}-"))
        self._log = self._folder / "daemon.log"
        self._outbox = self._folder / "state/outbox.db"
        self._page = free_port()
        self._names: list[str] = []

    def run(self) -> Figures:
        """All kills, and a good end; the folder stays if a promise was broken."""
        with ExitStack() as stack:
            try:
                self._live(stack)
            except Exception:  # noqa: BLE001 - whatever it is, it is told with the seed
                self._judge.violation(traceback.format_exc())
        self.figures.violations = [
            f"episode {self._seed} ({self._folder}): {each}" for each in self.figures.violations
        ]
        if not self.figures.violations:
            shutil.rmtree(self._folder)
        return self.figures

    def _live(self, stack: ExitStack) -> None:
        meters = self._nursery.meters(self._folder, self._folder / "meters.log")
        stack.callback(meters.close)
        topic = f"kills{self._seed}"
        subscriber = Subscriber(self._broker.port, f"{topic}/#")
        stack.callback(subscriber.close)
        wait_until((self._folder / READY).exists, "virtual meters")
        self._configure(topic)
        # Of the lives that are killed as they stop, some have stopped before.
        while self.figures.killed < self._kills:
            self._life(subscriber)
        self._last_life(subscriber)

    def _configure(self, topic: str) -> None:
        head = _CONFIGURATION.format(
            folder=self._folder,
            page=self._page,
            broker=self._broker.port,
            topic=topic,
            window=WINDOW,
        )
        profiles = (self._folder / PROFILES).read_text()
        (self._folder / "dlmsd.toml").write_text(head + profiles)
        self._names = [meter["name"] for meter in tomllib.loads(profiles)["meters"]]

    def _start(self) -> Child:
        configuration = self._folder / "dlmsd.toml"
        if self.figures.starts.total() % PROGRAM == PROGRAM // 2:
            self.figures.starts["program"] += 1
            return program(configuration, self._log)
        self.figures.starts["forked"] += 1
        return self._nursery.daemon(configuration, self._log)

    def _life(self, subscriber: Subscriber) -> None:
        """From a start to its kill, or the stop that was faster, and what is left then."""
        lot = Lot.draw(self._random)
        if lot.kind == "drain":
            self._fill()
        before = len(subscriber.messages)
        daemon = self._start()
        told, stopped = b"", False
        try:
            if lot.kind != "start":
                wait_until(lambda: daemon.ended() or self._answers(), "its page")
            wait_until(
                lambda: daemon.ended() or len(subscriber.messages) >= before + lot.drained,
                "the backlog drains",
            )
            if daemon.ended(lot.seconds):
                raise AssertionError(f"the daemon ended by itself: {self._log.read_text()[-2000:]}")
            if lot.kind == "shutdown":
                daemon.signal(signal.SIGTERM)
                stopped = daemon.ended(lot.later)
            elif self._random.random() < 0.5:
                told = self._status()
        finally:
            daemon.close()
        if not stopped:
            self.figures.kills[lot.kind] += 1
        if self._outbox.exists():
            self._judge.examine(self._outbox)
            if told:
                self._judge.told(json.loads(told))
        subscriber.catch_up(f"kills{self._seed}/all/so/far")
        self._judge.arrived(subscriber.messages)

    def _fill(self) -> None:
        """As if the broker had been away for some minutes."""
        (self._folder / "state").mkdir(mode=0o700, exist_ok=True)
        fill(self._outbox, BACKLOG, "local")
        self._judge.examine(self._outbox)

    def _last_life(self, subscriber: Subscriber) -> None:
        """Nobody disturbs it: all that waits must arrive, and some that it reads."""
        enough = {name: len(self._judge.readings[name]) + LEAST for name in self._names}
        daemon = self._start()
        try:
            self._wait(subscriber, enough, 60.0)
            daemon.signal(signal.SIGTERM)
            assert daemon.ended(10), "it does not stop"
        finally:
            daemon.close()
        self._judge.examine(self._outbox)
        time.sleep(0.2)  # what was acknowledged may still be on its way from the broker
        self._judge.arrived(subscriber.messages)
        answers = (json.loads(line) for line in (self._folder / RECORD).read_text().splitlines())
        self._judge.finish(self._outbox, answers, self._folder / COUNTERS)
        if "Traceback" in (log := self._log.read_text()):
            self._judge.violation(f"in the log: {log[log.index('Traceback') :][:2000]}")

    def _wait(self, subscriber: Subscriber, enough: dict[str, int], seconds: float) -> None:
        """Until all that was committed has arrived, and ``enough`` readings of each meter.

        What was read meanwhile waits behind a backlog, and a stop does not wait for it.
        """
        end = time.monotonic() + seconds
        while True:
            self._judge.arrived(subscriber.messages)
            missing, given = self._judge.missing(), self._judge.given()
            few = [name for name, least in enough.items() if given[name] < least]
            if not missing and not few and self._judge.waiting(self._outbox) <= WINDOW:
                return
            if time.monotonic() >= end:
                raise AssertionError(f"not arrived: {sorted(missing)[:5]}; hardly read: {few}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._page)) == 0

    def _status(self) -> bytes:
        """/api/status, empty where nobody answers yet."""
        try:
            with urlopen(f"http://127.0.0.1:{self._page}/api/status", timeout=10) as answer:
                body: bytes = answer.read()
                return body
        except OSError:
            return b""

"""Two daemons with one token, as processes in real time:
``python -m tests.verdicts.rivals --seconds 3600``.

Four pairs of ``twistd dlmsd``, each daemon with a state folder and a virtual meter of its own:
before mosquitto and before the ThingsBoard stand-in, over MQTT 5 and over 3.1.1. Both of a pair
have the same client id, or token. A relay before each daemon counts its connections, so that
nobody is believed. At the end the rival of each is taken away, as an operator does it, and what
arrived is compared with what the daemons' files hold.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.processes import METER, DaemonProcess, wait_until
from tests.integration.simulated import SimulatorProcess
from tests.integration.subscriber import Subscriber
from tests.integration.tapped import Tap
from tests.integration.thingsboard import ThingsBoardProcess

MOST_RECONNECTS: Final = 12
TOLD_WITHIN: Final = 120.0
INTERVAL: Final = 5.0
ALONE: Final = 5.0
PROTOCOLS: Final = (5, 311)

# One may be read while the daemon stops, and waits for its next start.
LAST: Final = 1

_FATES: Final = """
    SELECT r.ts, r.values_json, max(d.delivered_at IS NOT NULL)
    FROM readings r LEFT JOIN deliveries d ON d.reading = r.id GROUP BY r.id
"""

Readings = dict[int, dict[str, Any]]
"""Values by Unix milliseconds."""


@define(eq=False)
class Rival:
    """One daemon. ``verdict_at`` and ``alarm_at`` are when the page first told, in seconds from
    the moment when there were two.
    """

    daemon: DaemonProcess
    tap: Tap
    meter: str
    verdict_at: float | None = None
    alarm_at: float | None = None
    reconnects: int = 0

    def look(self, seconds: float) -> None:
        """What the page tells now, and the connections but for the first."""
        self.reconnects = len(self.tap.sent) - 1
        if self.verdict_at is None:
            (sink,) = self.daemon.status()["sinks"]
            if (sink["verdict"] or {}).get("cause") == "takeover":
                self.verdict_at = seconds
        if self.alarm_at is None:
            alarms = json.loads(self.daemon.get("/api/alarms"))
            if any(one["rule"] == "sink-takeover" for one in alarms):
                self.alarm_at = seconds

    def held(self) -> tuple[Readings, Readings]:
        """What its file holds: readings that were delivered, and the others."""
        path = self.daemon.folder / "state" / "outbox.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
            rows = file.execute(_FATES).fetchall()
        told: tuple[Readings, Readings] = {}, {}
        for ts, values, delivered in rows:
            told[not delivered][ts] = json.loads(values, parse_float=Decimal)
        return told

    def settle(self) -> None:
        """Alone with the broker: all that waits is delivered."""
        self.daemon.start()
        outbox = lambda: self.daemon.status()["outbox"]  # noqa: E731
        wait_until(
            lambda: outbox()["committed"] and not sum(outbox()["queued"].values()), "settled"
        )
        time.sleep(ALONE)
        self.daemon.stop()


@frozen
class Pair:
    """``arrived`` gives what the broker has of a meter."""

    name: str
    rivals: tuple[Rival, Rival]
    arrived: Callable[[str], Readings]

    def delivers(self) -> bool:
        """Whether anything of the first has arrived."""
        return bool(self.arrived(self.rivals[0].meter))

    def judge(self) -> list[str]:
        """What must not be, in sentences."""
        wrong = []
        for number, one in enumerate(self.rivals, 1):
            who = f"{self.name}, daemon {number}"
            for what, at in (("verdict", one.verdict_at), ("alarm", one.alarm_at)):
                if at is None or at > TOLD_WITHIN:
                    wrong.append(f"{who}: the {what} came after {at} s")
            if one.reconnects > MOST_RECONNECTS:
                wrong.append(f"{who}: {one.reconnects} reconnects")
            (delivered, left), arrived = one.held(), self.arrived(one.meter)
            lost = [ts for ts, values in delivered.items() if arrived.get(ts) != values]
            if lost or not delivered:
                wrong.append(f"{who}: {len(lost)} of {len(delivered)} readings were lost")
            if len(left) > LAST:
                wrong.append(f"{who}: {len(left)} readings were not delivered")
        return wrong

    def __str__(self) -> str:
        each = "; ".join(
            f"verdict after {one.verdict_at:.0f} s, alarm after {one.alarm_at:.0f} s, "
            f"{one.reconnects} reconnects, {len(one.held()[0])} readings"
            for one in self.rivals
            if one.verdict_at is not None and one.alarm_at is not None
        )
        return f"{self.name}: {each}"


@define
class Fight:
    """All pairs in ``folder``, until ``close``."""

    folder: Path
    pairs: list[Pair] = field(factory=list)
    _end: ExitStack = field(factory=ExitStack)

    def close(self) -> None:
        self._end.close()

    def begin(self) -> None:
        """Brokers, meters, and the daemons with everything but their rivals."""
        simulator = self._end.enter_context(SimulatorProcess("--meters=8"))
        meters = iter(simulator.endpoints)
        board = ThingsBoardProcess()
        self._end.callback(board.stop)
        for protocol in PROTOCOLS:
            broker = Mosquitto(self.folder / f"mosquitto-{protocol}")
            broker.start()
            self._end.callback(broker.stop)
            heard = Subscriber(broker.port, "dlmsd/+")
            self._end.callback(heard.close)
            plain = 'kind = "mqtt"\nclient_id = "one-for-both"\n'
            self._pair(
                f"mosquitto, MQTT {protocol}", protocol, broker.port, plain, meters, _heard(heard)
            )
            token = f"gateway-{protocol}"
            gateway = {"name": token, "type": "default", "additionalInfo": {"gateway": True}}
            board.call(f"/api/device?accessToken={token}", gateway)
            kind = f'kind = "thingsboard-gateway"\ntoken = "{token}"\n'
            self._pair(
                f"ThingsBoard, MQTT {protocol}", protocol, board.port, kind, meters, _filed(board)
            )

    def _pair(
        self,
        name: str,
        protocol: int,
        port: int,
        kind: str,
        meters: Any,
        arrived: Callable[[str], Readings],
    ) -> None:
        rivals = []
        for number in (1, 2):
            tap = Tap(port)
            self._end.callback(tap.stop)
            meter = next(meters)
            sink = f'[[sinks]]\nname = "s"\nurl = "mqtt://127.0.0.1:{tap.port}"\n{kind}'
            text = f"{sink}protocol = {protocol}\n{METER.format(**meter, interval=INTERVAL)}"
            folder = self.folder / f"{name}-{number}".replace(", ", "-").replace(" ", "-")
            daemon = DaemonProcess(folder, text, port=free_port())
            self._end.callback(daemon.kill)
            rivals.append(Rival(daemon, tap, meter["name"]))
        self.pairs.append(Pair(name, (rivals[0], rivals[1]), arrived))

    def run(self, seconds: float) -> None:
        """Each has the token alone, then there are two: for so long, or until all are told."""
        for pair in self.pairs:
            pair.rivals[0].daemon.start()
        for pair in self.pairs:
            wait_until(pair.delivers, "the first delivers")
        began = {}
        for pair in self.pairs:
            pair.rivals[1].daemon.start()
            began[pair.name] = time.monotonic()
        while True:
            left = False
            for pair in self.pairs:
                for one in pair.rivals:
                    one.look(time.monotonic() - began[pair.name])
                    left = left or one.alarm_at is None
            passed = time.monotonic() - min(began.values())
            if passed >= seconds and (not left or passed >= TOLD_WITHIN):
                return
            time.sleep(0.5)

    def settle(self) -> None:
        """An operator stops them all; each then has the token alone for a moment."""
        rivals = [one for pair in self.pairs for one in pair.rivals]
        for one in rivals:
            one.daemon.stop()
        for one in rivals:
            one.settle()


def _heard(subscriber: Subscriber) -> Callable[[str], Readings]:
    def arrived(meter: str) -> Readings:
        bodies = [
            json.loads(body, parse_float=Decimal) for body in subscriber.payloads(f"dlmsd/{meter}")
        ]
        return {body["ts"]: body["values"] for body in bodies}

    return arrived


def _filed(board: ThingsBoardProcess) -> Callable[[str], Readings]:
    def arrived(meter: str) -> Readings:
        found: Readings = {}
        for key, series in board.series(meter).items():
            for ts, value in series.items():
                found.setdefault(ts, {})[key] = (
                    Decimal(str(value)) if isinstance(value, float) else value
                )
        return found

    return arrived


def fight(folder: Path, seconds: float) -> tuple[Sequence[Pair], list[str]]:
    """All of it, and what was wrong."""
    pairs = Fight(folder)
    try:
        pairs.begin()
        pairs.run(seconds)
        pairs.settle()
        return pairs.pairs, [one for pair in pairs.pairs for one in pair.judge()]
    finally:
        pairs.close()


def main() -> int:
    """Print each pair's figures; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.verdicts.rivals", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="for which there are two")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pairs, wrong = fight(Path(folder), given.seconds)
        for pair in pairs:
            print(pair)
    for one in wrong:
        print(f"WRONG: {one}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

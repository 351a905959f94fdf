"""Seconds from the start of the process to the first reading on disk, with a full outbox.

``python -m benchmarks.start [--readings 1000000] [--meters 1] [--times 3]``

A file is filled with readings that wait for a broker which is not there; then ``dlmsd run`` is
started on it, with virtual meters in a process of their own. TMPDIR names another disk.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from twisted.internet.defer import Deferred

from dlmsd.model import Reading
from dlmsd.store.batch import Batch, Entry, Waiting
from dlmsd.store.ledger import Ledger
from dlmsd.store.values import encode_values
from tests.integration.mosquitto import free_port
from tests.integration.processes import ENVIRONMENT, ROOT, Meters

METERS = 1000
AT_ONCE = 10_000
VALUES = {f"measurement_{number}": Decimal("230.10") + number for number in range(10)}
CONFIGURATION = """
[daemon]
state_dir = "{state}"
[web]
listen = "tcp:{page}:interface=127.0.0.1"
[[sinks]]
name = "tb"
kind = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
{meters}
"""


def fill(path: Path, readings: int) -> None:
    """So many readings, of a thousand meters, all of which wait."""
    ledger = Ledger(path, threading.Event())
    ledger.database.execute("PRAGMA synchronous = OFF")
    start = int(time.time() * 1000) - readings
    values = encode_values(VALUES)
    for first in range(0, readings, AT_ONCE):
        waiting = [
            Waiting(
                Entry(Reading(f"meter-{n % METERS:04}", start + n, VALUES), ("tb",), values),
                Deferred(),
            )
            for n in range(first, min(first + AT_ONCE, readings))
        ]
        ledger.commit(Batch(waiting), start)
    ledger.close()


def newest(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        ((found,),) = database.execute("SELECT max(id) FROM readings")
    return int(found or 0)


def cpu(process: int) -> float:
    """Seconds of CPU that it took until now (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(config: Path, path: Path) -> tuple[float, float]:
    """One start, and a kill -9: seconds, and those of CPU."""
    before = newest(path)
    began = time.perf_counter()
    daemon = subprocess.Popen(
        [sys.executable, "-m", "dlmsd", "run", "-c", str(config)],
        env=ENVIRONMENT,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while newest(path) == before:
            assert daemon.poll() is None, "the daemon ended"
            time.sleep(0.01)
        return time.perf_counter() - began, cpu(daemon.pid)
    finally:
        daemon.kill()
        daemon.wait()


def main(readings: int, meters: int, times: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "state" / "outbox.db"
        path.parent.mkdir()
        fill(path, readings)
        virtual = Meters(folder, meters)
        try:
            config = folder / "dlmsd.toml"
            config.write_text(
                CONFIGURATION.format(
                    state=path.parent,
                    page=free_port(),
                    broker=free_port(),
                    meters=virtual.configuration(1.0),
                )
            )
            print(f"{readings:,} readings wait in {path.stat().st_size / 1e6:,.0f} MB")
            for _ in range(times):
                seconds, busy = measure(config, path)
                print(f"start to first committed reading: {seconds:.2f} s, {busy:.2f} s of CPU")
        finally:
            virtual.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--meters", type=int, default=1)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    main(given.readings, given.meters, given.times)

"""A load profile of 8 columns: rows a second, and what memory 1,000 and 10,000 of them take.

``python -m benchmarks.profile``

The virtual meter runs in a process of its own and is read over loopback, in plain HDLC and
in ciphered WRAPPER; so time and memory of this process are the client's. Peaks are those of
tracemalloc, in runs of their own, since it slows everything down.
"""

from __future__ import annotations

import datetime
import gc
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from dlmsd.config.load import load
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.meter.layout import ProfileRow
from dlmsd.meter.profile import read
from dlmsd.meter.security import secured
from dlmsd.meter.visit import Visit
from tests.meter.fleet import MemoryCounters

LOAD = Obis.parse("1-0:99.1.0")
QUARTER = datetime.timedelta(minutes=15)
FEW, MANY = 1_000, 10_000


async def fetch(meter: MeterOptions, counters: MemoryCounters, number: int) -> int:
    """Read the newest ``number`` rows, by ranges; how many came."""
    now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
    values = 0

    def count(row: ProfileRow) -> None:
        nonlocal values
        values += 1 + len(row.values)

    security = secured(meter, counters, os.urandom)
    async with Visit(meter, reactor, security=security) as session:
        rows = await read(session, LOAD, now - number * QUARTER, now, count)
    assert values == rows * 8, "a value is missing"
    return rows


async def measure(name: str, meter: MeterOptions) -> None:
    """One line of figures."""
    counters = MemoryCounters()
    began, cpu = time.perf_counter(), time.process_time()
    rows = await fetch(meter, counters, MANY)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    peaks = []
    for number in (FEW, MANY):
        gc.collect()
        tracemalloc.start()
        await fetch(meter, counters, number)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    few, many = (f"{peak / 1024:.0f} KiB" for peak in peaks)
    print(
        f"{name:<17} {rows:6} rows in {took:5.1f} s: {rows / took:6.0f} rows/s,"
        f" {cpu / rows * 1e6:4.0f} CPU us a row; peak {few} for {FEW:,}, {many} for {MANY:,} rows",
        flush=True,
    )


async def main() -> None:
    """Read both meters."""
    with tempfile.TemporaryDirectory() as folder:
        for name, personality in (("HDLC", "plain"), ("ciphered WRAPPER", "secure-wrapper")):
            config = Path(folder) / f"{personality}.toml"
            options = ["--json", "--port=0", f"--personality={personality}"]
            simulator = subprocess.Popen(
                [sys.executable, "-m", "dlmsd", "simulate", *options, f"--config-out={config}"],
                stdout=subprocess.PIPE,
            )
            try:
                simulator.stdout.readline()
                await measure(name, load(config, environ=os.environ).meters[0])
            finally:
                simulator.terminate()
                simulator.wait()


if __name__ == "__main__":
    codes = []

    def failed(failure) -> None:
        codes.append(1)
        print(failure.getTraceback())

    def start() -> None:
        running = Deferred.fromCoroutine(main())
        running.addErrback(failed)
        running.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    sys.exit(max(codes, default=0))

"""``python -m benchmarks.page``: how soon the page answers a key with thousands of meters.

A WebService shows 5,000 meters, of which a fifth is read each second; Chromium has the list
open and live. Each key is timed by the browser itself (Event Timing): from the key press to the
next frame on the screen, in steps of 8 ms. Python and Chromium share this machine. The exit
status is 1 if a key took longer than ``--most``.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread

from dlmsd.config.values import WebOptions
from dlmsd.fleet.board import Board
from dlmsd.model import MeterState, MeterStatus, OutboxStatus, Reading
from dlmsd.secret import Secret
from dlmsd.tokens import Tokens
from dlmsd.web.site import WebService
from dlmsd.web.status import StatusDocument
from tests.integration.browser import BROWSER, browsing
from tests.web.visitor import METER, SINK

WATCH = """() => {
  window.timed = [];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.timed.push([one.name, one.duration]);
  }).observe({ type: "event", durationThreshold: 16, buffered: true });
}"""
UNITS = {"voltage_l1": "V", "current_l1": "A", "active_power": "W", "active_energy": "kWh"}


def meter(number: int) -> MeterStatus:
    """As one is after a cycle; each twentieth is down."""
    name = f"meter-{number:05}"
    values = {
        "voltage_l1": Decimal(random.randint(2200, 2400)) / 10,
        "current_l1": Decimal(random.randint(0, 9999)) / 1000,
        "active_power": Decimal(random.randint(0, 9999)),
        "active_energy": Decimal(random.randint(0, 10**9)) / 1000,
    }
    one = evolve(
        METER,
        name=name,
        address=f"10.0.{number // 250}.{number % 250}:3333",
        reading=Reading(name, int(time.time() * 1000), values),
        values=values,
        units=UNITS,
        absent={},
    )
    if number % 20 == 0:
        return evolve(one, state=MeterState.DOWN, recent=0.0, error="no answer in 5.0 s")
    return one


def browse(address: str, rounds: int) -> dict[str, list[float]]:
    """The durations of each kind of key, in ms; a key quicker than 16 ms counts as 8."""
    found: dict[str, list[float]] = {}
    with browsing(viewport={"width": 1280, "height": 800}) as (page, wrong):
        began = time.monotonic()
        page.goto(f"{address}#/meters")
        page.wait_for_selector(".rows .row")
        print(f"first rows after {time.monotonic() - began:.1f} s")
        page.wait_for_timeout(2000)
        page.evaluate(WATCH)

        def press(kind: str, key: str) -> None:
            page.evaluate("window.timed = []")
            page.keyboard.press(key)
            page.wait_for_timeout(130 + random.random() * 200)
            timed = page.evaluate("window.timed.filter(([name]) => name === 'keydown')")
            found.setdefault(kind, []).append(max((ms for _, ms in timed), default=8))

        for _ in range(rounds):
            page.get_by_role("searchbox").focus()
            for key in "meter-012":
                press("search", key)
            for _ in range(9):
                press("search", "Backspace")
            press("to the list", "ArrowDown")
            for key in ("ArrowDown", "PageDown", "PageDown", "End", "Home", "ArrowDown"):
                press("in the list", key)
            page.get_by_role("button", name="Success").focus()
            press("sort", "Enter")
            press("sort", "Enter")
        assert not wrong, wrong
    return found


async def measure(meters: int, rounds: int) -> float:
    """The longest of all keys, in ms."""
    board = Board()
    for number in range(meters):
        board.post(meter(number))
    board.post(SINK)
    board.post(OutboxStatus(committed=10, delivered=10))
    service = WebService(
        WebOptions(listen="tcp:0:interface=127.0.0.1"),
        board,
        StatusDocument(board, time.time, "0"),
        reactor=reactor,
        ready=lambda: True,
        tokens=Tokens(Secret("token"), Path("no-list"), time.time),
        language="en",
        version="0",
    )
    await service.startService()
    turn = iter(range(10**12))

    def read() -> None:
        for _ in range(meters // 50):
            board.post(meter(next(turn) % meters))

    reading = LoopingCall(read)
    reading.start(0.1)
    try:
        found = await deferToThread(BROWSER.run, lambda: browse(service.address, rounds))
    finally:
        reading.stop()
        await service.stopService()
    print(f"{meters} meters, {meters // 5} read each second; key to screen, ms:")
    for kind, durations in found.items():
        ordered = sorted(durations)
        middle, high = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
        print(f"{kind:12} n={len(ordered)} median={middle} p95={high} most={ordered[-1]}")
    return max(ms for durations in found.values() for ms in durations)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meters", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=float, default=100, help="ms for any key [100]")
    options = parser.parse_args()
    measured: list[float] = []
    run: Any = Deferred.fromCoroutine(measure(options.meters, options.rounds))
    run.addCallbacks(measured.append, lambda failure: failure.printTraceback(sys.stderr))
    run.addBoth(lambda _: reactor.callLater(0, reactor.stop))  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]
    if measured and measured[0] > options.most:
        print(f"a key took {measured[0]} ms, and {options.most:g} is the most")
    return int(not measured or measured[0] > options.most)


if __name__ == "__main__":
    sys.exit(main())

"""A document of many meters, taken by the running daemon: how long, and whether it answers others.

``python -m benchmarks.intake [COUNT ...]`` (100 and 5,000 meters) starts a daemon of its own. Each
document adds meters that are read, at addresses where nobody answers; then it is taken again,
which changes nothing, and with another interval, which changes all.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.integration.mosquitto import free_port
from tests.integration.processes import DaemonProcess
from tests.integration.rest import SINK, ask

COUNTS = (100, 5000)


def document(count: int, interval: int) -> str:
    """CSV; each meter has an address of its own."""
    rows = [
        f"{count} meters {one},127.1.{one // 250}.{one % 250 + 1},{3333 + count},{interval},"
        f"password-{one},voltage_l1;current_l1"
        for one in range(count)
    ]
    return "\n".join(["name,host,port,interval,password,measurements", *rows, ""])


class Bystander:
    """Asks the daemon whether it lives, again and again; ``longest`` is the longest wait."""

    def __init__(self, base: str) -> None:
        self.longest = 0.0
        self._base = base
        self._running = True
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Bystander:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._running = False
        self._thread.join()

    def _run(self) -> None:
        while self._running:
            began = time.perf_counter()
            ask(self._base, "GET", "/livez")
            self.longest = max(self.longest, time.perf_counter() - began)
            time.sleep(0.02)


def measure(base: str, token: str, label: str, body: dict[str, Any]) -> None:
    """One request, and what became of it."""
    with Bystander(base) as bystander:
        began = time.perf_counter()
        answer = ask(base, "POST", "/api/meters/import", body, Authorization=f"Bearer {token}")
        seconds = time.perf_counter() - began
    assert answer.status == 200, answer.body[:200]
    told = {key: len(one) for key, one in answer.json.items() if isinstance(one, list)}
    print(f"{label}: {seconds:.2f} s, others waited {bystander.longest:.2f} s at most; {told}")


def main(counts: tuple[int, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        daemon = DaemonProcess(Path(folder) / "daemon", SINK, port=free_port())
        daemon.start()
        try:
            base = f"http://127.0.0.1:{daemon.port}"
            token = (Path(folder) / "daemon/state/web.token").read_text().strip()
            for count in counts:
                text = document(count, 60)
                measure(base, token, f"{count} looked at", {"document": text, "dry_run": True})
                measure(base, token, f"{count} added", {"document": text})
                measure(base, token, f"{count} so already", {"document": text})
                measure(base, token, f"{count} changed", {"document": document(count, 90)})
        finally:
            daemon.kill()


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or COUNTS)

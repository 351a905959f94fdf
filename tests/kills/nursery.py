"""A process that has imported everything, and forks daemons and virtual meters.

Half of a daemon's start is imports. Its forks run twistd's own ``main`` with the arguments
of a shell, on a reactor, files and sockets of their own: only the imports are shared.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.integration.processes import ENVIRONMENT, ROOT, command


class Child:
    """One process, by its descriptor: a number that was given again is not mistaken for it."""

    def __init__(self, pid: int, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._popen = popen
        self._descriptor = os.pidfd_open(pid)

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether it has ended, or does so within ``seconds``."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(ready)

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def close(self) -> None:
        """SIGKILL, and wait for the end."""
        self.signal(signal.SIGKILL)
        assert self.ended(10), f"process {self.pid} does not die"
        if self._popen is not None:
            self._popen.wait()
        os.close(self._descriptor)


class Nursery:
    """Gives children; usable from several threads. ``close`` ends all that are left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.nursery"],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def daemon(self, configuration: Path, log: Path) -> Child:
        """``twistd -n dlmsd``, forked."""
        return self._child("daemon", configuration, log)

    def meters(self, folder: Path, log: Path) -> Child:
        """Virtual meters, forked; see ``meters.py``."""
        return self._child("meters", folder, log)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def _child(self, kind: str, path: Path, log: Path) -> Child:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps([kind, str(path), str(log)]) + "\n")
            self._process.stdin.flush()
            return Child(int(self._process.stdout.readline()))


def program(configuration: Path, log: Path) -> Child:
    """``twistd -n dlmsd`` as a shell starts it, nothing shared."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [*command("twistd"), *arguments(str(configuration))],
            env=ENVIRONMENT,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    return Child(process.pid, process)


def arguments(configuration: str) -> list[str]:
    return ["-n", "--pidfile=", "dlmsd", "--config", configuration]


# In the nursery's own process.


def _daemon(configuration: str) -> None:
    from twisted.scripts import twistd

    sys.argv = ["twistd", *arguments(configuration)]
    twistd.run()


def _meters(folder: str) -> None:
    from tests.kills.meters import run

    run(Path(folder))


def _become(kind: str, path: str, log: str) -> None:
    """The child's whole life."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for old, new in ((null, 0), (file, 1), (file, 2)):
            os.dup2(old, new)
        (_daemon if kind == "daemon" else _meters)(path)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _import() -> None:
    from twisted.application.service import IServiceMaker
    from twisted.plugin import getPlugins
    from twisted.scripts import twistd

    import dlmsd.app
    import dlmsd.tap
    import tests.kills.meters

    list(getPlugins(IServiceMaker))
    assert all((dlmsd.app, dlmsd.tap, tests.kills.meters, twistd))
    # A reactor that was forked would share its epoll descriptor with all its brothers.
    assert "twisted.internet.reactor" not in sys.modules


def _reap(alive: set[int], *, seconds: float = 0.0) -> None:
    end = time.monotonic() + seconds
    while alive:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        alive.discard(pid)
        if not pid:
            if time.monotonic() >= end:
                return
            time.sleep(0.01)


def main() -> None:
    """Fork for each line of standard input; its end is the end of all."""
    _import()
    alive: set[int] = set()
    for line in sys.stdin:
        order: Any = json.loads(line)
        # Before the fork: a child stays known to the kernel until its owner has seen it.
        _reap(alive)
        pid = os.fork()
        if not pid:
            _become(*order)
        alive.add(pid)
        print(pid, flush=True)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    _reap(alive, seconds=10)


if __name__ == "__main__":
    main()

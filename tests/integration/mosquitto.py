"""A real mosquitto on a free port, to be started, stopped, restarted and killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

PATIENCE = 60.0
_HELD: list[socket.socket] = []


def program() -> str:
    """Where mosquitto is. Skips the test without it; where CI is set, fails instead."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        message = "mosquitto is not installed (apt install mosquitto)"
        if os.environ.get("CI"):
            raise AssertionError(message)
        raise SkipTest(message)
    return found


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on.

    Until this process ends the kernel gives it to nobody who asks for any port; who asks
    for this one, with SO_REUSEADDR, may listen there.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])


class Mosquitto:
    """One broker in ``folder``; ``settings`` are lines of mosquitto.conf.

    The port stays the same over restarts. Retained messages outlive ``stop``, as they do
    for an operator, not ``kill``.
    """

    def __init__(self, folder: Path, *settings: str, anonymous: bool = True) -> None:
        self.program = program()
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        lines = (
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {str(anonymous).lower()}",
            "persistence true",
            f"persistence_location {folder.absolute()}/",
            "max_queued_messages 0",
            "user root" if os.getuid() == 0 else "",
            *settings,
        )
        self.configuration = folder / "mosquitto.conf"
        self.configuration.write_text("\n".join(lines) + "\n")
        self.log = folder / "mosquitto.log"

    def start(self) -> None:
        """Returns when the port answers."""
        assert self.process is None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-v", "-c", str(self.configuration)], stdout=log, stderr=log
            )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError(f"mosquitto does not listen: {self.log.read_text()}")

    def stop(self) -> None:
        """SIGTERM, as the service's stop; nothing if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a power cut of the broker's machine."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None

"""systemd's watchdog: a reactor that stalls does not say WATCHDOG=1, and is started anew.

The protocol is sd_notify(3): datagrams to the socket that the environment names.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall


def _nobody(message: str) -> None:
    """Without systemd."""


@frozen
class Systemd:
    """``tell`` sends one message; ``period`` is how often a sign of life is wanted at least, in
    seconds, 0 for never."""

    tell: Callable[[str], None] = field(default=_nobody)
    period: float = 0.0

    @classmethod
    def of(cls, environ: Mapping[str, str], pid: int) -> Systemd:
        """What the environment of process ``pid`` says; nothing of it is our children's."""
        address = environ.get("NOTIFY_SOCKET", "")
        if address[:1] not in ("/", "@"):
            return cls()
        path = "\0" + address[1:] if address[0] == "@" else address

        def tell(message: str) -> None:
            # Who does not listen, or listens slowly, must hold up nothing.
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), path)

        micros = environ.get("WATCHDOG_USEC", "")
        ours = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        return cls(tell, int(micros) / 1e6 if micros.isdecimal() and ours else 0.0)


class SignOfLife:
    """Twice in each period, from ``start`` to ``stop``."""

    def __init__(self, systemd: Systemd, clock: IReactorTime) -> None:
        self._systemd = systemd
        self._loop = LoopingCall(systemd.tell, "WATCHDOG=1")
        self._loop.clock = clock

    def start(self) -> None:
        """The first one at once; nothing without a watchdog."""
        if self._systemd.period > 0:
            self._loop.start(self._systemd.period / 2)

    def ready(self) -> None:
        """All parts run."""
        self._systemd.tell("READY=1")

    def stopping(self) -> None:
        """The end has begun; signs of life go on until ``stop``."""
        self._systemd.tell("STOPPING=1")

    def stop(self) -> None:
        """No more of them."""
        if self._loop.running:
            self._loop.stop()

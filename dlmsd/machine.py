"""All that the daemon has of the machine it runs on, so that a test can give it another."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import random
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

from attrs import field, frozen

from dlmsd.config.origin import Origin
from dlmsd.config.values import SinkOptions
from dlmsd.publish.connection import Connect
from dlmsd.publish.endpoint import endpoint
from dlmsd.store.disk import BALLAST
from dlmsd.store.writer import Writer, WriterThread
from dlmsd.watch.systemd import Systemd

# Ten thousand meters, and a connection of each to a ThingsBoard, with as many to spare.
_FILES: Final = 65_536

_TIME_ERROR: Final = 5
# struct timex has some 200 octets.
_TIMEX: Final = 512


def synchronised(library: Callable[[], Any] = lambda: ctypes.CDLL(None)) -> bool | None:
    """Whether the kernel believes that this machine's clock is (adjtimex, of the C library).

    None if it does not say: a sandbox forbids to ask, or it knows no such question.
    """
    try:
        state = int(library().adjtimex(ctypes.create_string_buffer(_TIMEX)))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state < _TIME_ERROR


def open_more_files() -> None:
    """As many files and connections as this process may have: the first limit, usually 1,024, is
    for programs with select(), and below that of a thousand meters."""
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = _FILES if most == resource.RLIM_INFINITY else min(most, _FILES)
    if few != resource.RLIM_INFINITY and few < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, most))


def monotonic_reactor() -> Any:
    """The global reactor, its timers freed from a wall clock that somebody may set."""
    from twisted.internet import reactor

    running: Any = reactor
    running.seconds = time.monotonic
    return running


@frozen
class Machine:
    """``reactor`` has the network and the timers; ``wall`` gives Unix seconds.

    ``random`` spreads what must not happen together, ``draw`` gives so many unpredictable
    bytes for keys and challenges. ``writer`` makes the thread that a file of this name is
    written in, ``reach`` the way to a broker. ``host`` is this machine's name. ``origin`` is
    where a configuration is read from again; what ``hangup`` is given is called when somebody
    asks for that by SIGHUP. ``ballast`` bytes of its disk are kept free for the day on which
    it is full. ``settle`` is called when what was made to live long has come to rest.
    ``systemd`` wants to hear that we live, or does not.
    ``synchronised`` tells whether its clock is right, None if nobody knows. ``failed`` is called
    when the daemon has given up.
    """

    reactor: Any
    wall: Callable[[], float]
    random: Random
    draw: Callable[[int], bytes]
    writer: Callable[[str], Writer]
    reach: Callable[[SinkOptions], Connect]
    host: str
    origin: Callable[[Path], Origin] = lambda path: Origin(path, os.environ)
    hangup: Callable[[Callable[[], None]], None] = lambda asked: None
    ballast: int = BALLAST
    settle: Callable[[], None] = lambda: None
    systemd: Systemd = field(factory=Systemd)
    synchronised: Callable[[], bool | None] = synchronised
    failed: Callable[[], None] = lambda: None

    @classmethod
    def real(cls, reactor: Any) -> Machine:
        """This one."""
        return cls(
            reactor,
            time.time,
            random.SystemRandom(),
            os.urandom,
            lambda name: WriterThread(reactor, name),
            lambda sink: endpoint(reactor, sink),
            socket.gethostname(),
            hangup=lambda asked: _on_sighup(reactor, asked),
            settle=_settle,
            systemd=Systemd.of(os.environ, os.getpid()),
            failed=_end_with_1,
        )


def _end_with_1() -> None:
    """twistd ends with 0 whatever happened, and its supervisor would leave it at that."""
    atexit.register(_exit_1)


def _exit_1() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _on_sighup(reactor: Any, asked: Callable[[], None]) -> None:
    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(asked))


def _settle() -> None:
    """The collector of garbage leaves alone what lives now.

    To look through the sessions of 1,000 meters stops everything for a tenth of a second,
    and one meter whose answers are large can bring it about again and again.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()

"""How log events leave the daemon: filtered by level, as text or as JSON lines."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

import msgspec
from attrs import frozen
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    formatEvent,
    formatTime,
    textFileLogObserver,
)
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

from dlmsd.config.values import DaemonOptions

# Log files of 1 MB that are kept besides the one in use.
_KEPT: Final = 20
# Of the last events, for the page: some hours of a calm day, in no more than 2 MB.
_RECENT: Final = 1000
_LONGEST: Final = 2000
_PLUMBING: Final = frozenset({"message", "time", "system", "format", "isError"})


def observer(options: DaemonOptions, stream: IO[str]) -> ILogObserver:
    """What writes the events of ``log_level`` and above to ``stream``."""
    writer = _JsonLines(stream) if options.log_format == "json" else textFileLogObserver(stream)
    level = LogLevel.levelWithName(options.log_level)
    return FilteringLogObserver(writer, [LogLevelFilterPredicate(defaultLogLevel=level)])


def stream(twistd: Mapping[str, Any]) -> IO[str]:
    """The file that twistd's own options ask for: stdout, or a rotated log file."""
    name = twistd.get("logfile")
    if name == "-" or (not name and twistd.get("nodaemon")):
        return sys.stdout
    opened: IO[str] = _File.fromFullPath(name or "twistd.log", maxRotatedFiles=_KEPT)
    return opened


class _File(LogFile):
    """Begins a new file at 1 MB, and whenever somebody, such as logrotate, moved its own away.

    twistd's SIGUSR1 would not do: it asks for a rotation of the file that is not there.
    """

    def shouldRotate(self) -> bool:
        """Asked before each line, while no other thread writes."""
        if self._is_elsewhere():
            moved = self._file
            try:
                self._openFile()
            except OSError:
                return False  # then the old one has this line too
            moved.close()
        return bool(super().shouldRotate())

    def _is_elsewhere(self) -> bool:
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True
        except OSError:
            return False


@implementer(ILogObserver)
class _JsonLines:
    """One JSON object a line: time, level, message, and the event's own fields."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level")
        line: dict[str, Any] = {
            "time": formatTime(event.get("log_time")),
            "level": level.name if level else "info",
            "from": event.get("log_namespace", ""),
            "message": formatEvent(event),
        }
        failure = event.get("log_failure")
        if isinstance(failure, Failure):
            line["failure"] = failure.getTraceback()
        for key, value in event.items():
            if not key.startswith("log_") and key not in _PLUMBING:
                line[key] = value
        self._out.write(self._encode(line).decode() + "\n")
        self._out.flush()


@frozen
class Line:
    """One event: ``number`` counts from the start on, ``at`` is Unix seconds."""

    number: int
    at: float
    level: str
    namespace: str
    text: str


@implementer(ILogObserver)
class Recent:
    """The last events of ``level`` and above as text, for those who cannot reach the log."""

    def __init__(self, level: str) -> None:
        self._holds = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(level))
        self._lines: deque[Line] = deque(maxlen=_RECENT)
        self._number = 0

    def __call__(self, event: LogEvent) -> None:
        if self._holds(event) is PredicateResult.no:
            return
        text = formatEvent(event)
        failure = event.get("log_failure")
        if isinstance(failure, Failure):
            text = f"{text}\n{failure.getTraceback()}"
        level = event.get("log_level") or LogLevel.info
        self._number += 1
        at, namespace = event.get("log_time") or 0.0, event.get("log_namespace") or ""
        self._lines.append(Line(self._number, at, level.name, namespace, text[:_LONGEST]))

    def __iter__(self) -> Iterator[Line]:
        """The newest first; threads may log meanwhile."""
        return reversed(list(self._lines))

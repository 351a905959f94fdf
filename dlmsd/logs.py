"""How log events leave the daemon: filtered by level, as text or as JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import IO, Any, Final

import msgspec
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
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
    opened: IO[str] = LogFile.fromFullPath(name or "twistd.log", maxRotatedFiles=_KEPT)
    return opened


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

"""The last lines of the log, for those who look after the daemon from afar."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from twisted.logger import LogLevel, globalLogPublisher

from dlmsd.logs import Recent
from dlmsd.web import kinds
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.text import clean

_LEVELS: Final = tuple(one.name for one in LogLevel.iterconstants())


@frozen
class LogQuery:
    level: str | None = said(kinds.choice(*_LEVELS), None, says="The least; left out: all")
    text: str | None = said(kinds.text(200), None, says="In the line, small letters or not")
    limit: int = said(kinds.whole(1, 1000), 200)


@frozen
class LogLine:
    """``id`` counts from the start of the daemon on; ``source`` is the part that said it."""

    id: int
    timestamp: str
    level: str
    source: str
    message: str


class Logs:
    """The operation of /api/logs. It listens from the beginning until ``stop``."""

    def __init__(self, parts: Parts) -> None:
        self._recent = Recent(parts.started.daemon.log_level)
        globalLogPublisher.addObserver(self._recent)

    def stop(self) -> None:
        """Listen no more."""
        globalLogPublisher.removeObserver(self._recent)

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/api/logs",
                work=self.list,
                summary="The last lines of the log, the newest first; only for an admin",
                tag="system",
                need="secrets",
                query=LogQuery,
                answers={200: Answer("The lines, of [daemon] log_level and above", list[LogLine])},
            )
        ]

    async def list(self, call: Call) -> Reply:
        query: LogQuery = call.query
        least = _LEVELS.index(query.level) if query.level else 0
        wanted = (query.text or "").casefold()
        found: list[LogLine] = []
        for one in self._recent:
            if len(found) == query.limit:
                break
            if _LEVELS.index(one.level) >= least and wanted in one.text.casefold():
                at = iso(int(one.at * 1000)) or ""
                line = LogLine(one.number, at, one.level, one.namespace, clean(one.text))
                found.append(line)
        return Reply(found)

"""The daemon as a whole: its health, its status, its configuration read anew, its backup."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from dlmsd.model import ReloadStatus, SinkState
from dlmsd.store import archive
from dlmsd.web import kinds
from dlmsd.web.api.meters import NEXT
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.exposition import MEDIA_TYPE, exposition
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply, Stream
from dlmsd.web.problem import FieldProblem, RefusedError
from dlmsd.web.status import health
from dlmsd.web.text import clean

_TAG: Final = "system"
_TAR: Final = "application/x-tar"
_PIECE: Final = 1 << 16
_ROOM: Final = ".dlmsd-download-"


@frozen
class Root:
    """What answers here."""

    name: str
    version: str


@frozen
class SystemHealth:
    """``status`` is healthy, degraded or critical. Meters are counted by health, sinks by state and
    standing alarms by severity; ``error`` says why nothing can be stored."""

    status: str
    timestamp: str
    meters: Mapping[str, int]
    sinks: Mapping[str, int]
    alarms: Mapping[str, int]
    queued: int
    error: str | None


@frozen
class SystemStatus:
    """Counts of everything; ``uptime`` in seconds, ``queued`` by sink."""

    version: str
    timestamp: str
    uptime: float
    total_meters: int
    active_meters: int
    meters: Mapping[str, int]
    readings: int
    committed: int
    delivered: int
    quarantined: int
    dropped: int
    queued: Mapping[str, int]
    oldest_queued: str | None
    outbox_bytes: int
    active_alarms: int
    reload: ReloadStatus | None


@frozen
class PageQuery:
    limit: int = said(kinds.whole(1, 1000), 100)
    cursor: int | None = said(kinds.ID, None, says="From the Link of the page before")


@frozen
class DiagnosticsQuery(PageQuery):
    meter_id: int | None = said(kinds.ID, None)
    category: str | None = said(kinds.text(64), None)
    from_: int | None = said(kinds.MOMENT, None, says="Unix ms or ISO 8601")


@frozen
class ChangeView:
    """One change: ``who`` is a token's name, ``loopback``, a sink or a file."""

    id: int
    timestamp: str
    who: str
    action: str
    subject: str
    detail: str


@frozen
class DiagnosticView:
    """One thing that was noticed; ``raw_frame`` in hex digits."""

    id: int
    timestamp: str
    meter_id: int | None
    severity: str
    category: str
    message: str
    raw_frame: str | None


class System:
    """The operations on the daemon as a whole."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._copying = False
        self._began = parts.reactor.seconds()

    def operations(self) -> list[Operation]:
        get: dict[str, Any] = {"method": "GET", "tag": _TAG}
        well = Answer("How everything is", SystemHealth)
        return [
            Operation(
                path="/api",
                work=self.root,
                summary="What answers here",
                answers={200: Answer("Name and version", Root)},
                **get,
            ),
            Operation(
                path="/api/health",
                work=self.health,
                summary="Health of the whole system",
                answers={200: well},
                **get,
            ),
            Operation(
                path="/api/system/health",
                work=self.health,
                summary="Health of the whole system",
                answers={200: well},
                **get,
            ),
            Operation(
                path="/api/system/status",
                work=self.status,
                summary="Status of the whole system",
                answers={200: Answer("Counts of everything", SystemStatus)},
                **get,
            ),
            Operation(
                method="POST",
                path="/api/system/reload",
                work=self.reload,
                summary="Read the configuration anew; what did not change is not touched",
                tag=_TAG,
                need="change",
                answers={200: Answer("What changed", ReloadStatus)},
                refuses=(409,),
            ),
            Operation(
                path="/api/system/backup",
                work=self.backup,
                summary="What `dlmsd backup` writes; it holds secrets, so only for an admin",
                need="secrets",
                answers={200: Answer("A tar archive", also=_TAR)},
                refuses=(409,),
                **get,
            ),
            Operation(
                path="/api/audit",
                work=self.audit,
                summary="Who changed what, the newest first",
                query=PageQuery,
                answers={200: Answer("The changes", list[ChangeView], headers=NEXT)},
                **get,
            ),
            Operation(
                path="/api/diagnostics",
                work=self.diagnostics,
                summary="What was noticed of meters and brokers, the newest first",
                query=DiagnosticsQuery,
                answers={200: Answer("The events", list[DiagnosticView], headers=NEXT)},
                **get,
            ),
            Operation(
                path="/metrics",
                work=self.metrics,
                summary="Everything in numbers, for Prometheus",
                answers={200: Answer("The samples (text format 0.0.4)", also="text/plain")},
                **get,
            ),
        ]

    async def root(self, call: Call) -> Reply:
        return Reply(Root("dlmsd", self._parts.version))

    async def health(self, call: Call) -> Reply:
        board = self._parts.board
        meters = Counter(health(one) for one in board.meters.values())
        sinks = Counter(one.state.value for one in board.sinks.values())
        alarms = Counter(one.severity for one in await self._standing())
        down = meters["down"] + meters["critical"]
        active = meters.total() - meters["inactive"]
        away = any(one.state is not SinkState.CONNECTED for one in board.sinks.values())
        word = "healthy"
        if down or meters["degraded"] or away or alarms["error"] or alarms["warning"]:
            word = "degraded"
        if board.outbox.error or alarms["critical"] or (down and 2 * down >= active):
            word = "critical"
        queued = sum(board.outbox.queued.values())
        error = clean(board.outbox.error) or None
        return Reply(SystemHealth(word, self._now(), meters, sinks, alarms, queued, error))

    async def status(self, call: Call) -> Reply:
        board, outbox = self._parts.board, self._parts.board.outbox
        meters = self._parts.meters().values()
        return Reply(
            SystemStatus(
                version=self._parts.version,
                timestamp=self._now(),
                uptime=round(self._parts.reactor.seconds() - self._began, 1),
                total_meters=len(meters),
                active_meters=sum(one.status == "active" for one in meters),
                meters=Counter(health(one) for one in board.meters.values()),
                readings=outbox.readings,
                committed=outbox.committed,
                delivered=outbox.delivered,
                quarantined=outbox.quarantined,
                dropped=outbox.dropped,
                queued=dict(outbox.queued),
                oldest_queued=iso(outbox.oldest_queued_ts),
                outbox_bytes=outbox.bytes,
                active_alarms=len(await self._standing()),
                reload=board.reload,
            )
        )

    async def reload(self, call: Call) -> Reply:
        status = await self._parts.orders.reload(call.who.name)
        if status.problems:
            wrong = [FieldProblem("", clean(one)) for one in status.problems]
            raise RefusedError(409, "The configuration was not taken as it is.", wrong)
        return Reply(status)

    async def backup(self, call: Call) -> Stream:
        if self._copying:
            raise RefusedError(409, "Another backup is being taken; wait for it.")
        await self._parts.registry.audit.add(call.who.name, "backup", "state folder")
        moment = datetime.fromtimestamp(self._parts.wall(), UTC).strftime("%Y-%m-%dT%H%M%SZ")
        named = f'attachment; filename="dlmsd-{moment}.tar"'
        return Stream(self._archive(), _TAR, (("Content-Disposition", named),))

    async def audit(self, call: Call) -> Reply:
        query: PageQuery = call.query
        found = await self._parts.registry.audit.list(query.limit, query.cursor)
        rows = [
            ChangeView(one.id, iso(one.at) or "", one.who, one.action, one.subject, one.detail)
            for one in found
        ]
        return Reply(rows, headers=following("/api/audit", query, rows))

    async def diagnostics(self, call: Call) -> Reply:
        query: DiagnosticsQuery = call.query
        found = await self._parts.registry.diagnostics.list(
            meter=query.meter_id,
            category=query.category,
            since=query.from_ or 0,
            before=query.cursor,
            limit=query.limit,
        )
        rows = [
            DiagnosticView(
                one.id,
                iso(one.at) or "",
                one.meter,
                one.severity,
                clean(one.category),
                clean(one.message),
                one.raw_frame.hex() if one.raw_frame else None,
            )
            for one in found
        ]
        more = [f"meter_id={query.meter_id}"] if query.meter_id else []
        if query.category:
            more.append(f"category={kinds.quoted(query.category)}")
        if query.from_:
            more.append(f"from={query.from_}")
        return Reply(rows, headers=following("/api/diagnostics", query, rows, *more))

    async def metrics(self, call: Call) -> Stream:
        accounts = await self._parts.outbox.accounts()
        alarms = Counter((one.rule, one.severity) for one in await self._standing())
        families = exposition(self._parts.board, accounts, alarms, self._parts.version)
        return Stream(self._now_and_then(families), MEDIA_TYPE)

    async def _now_and_then(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Between two of them meters have their turn."""
        for piece in pieces:
            yield piece
            await deferLater(self._parts.reactor, 0, lambda: None)

    async def _standing(self) -> Sequence[Any]:
        return await self._parts.registry.alarms.list(standing=True, limit=10_000)

    def _now(self) -> str:
        return iso(self._parts.now()) or ""

    async def _archive(self) -> AsyncIterator[bytes]:
        """Written beside the state first, whole: what it copies must not wait for a reader."""
        reactor, state_dir = self._parts.reactor, self._parts.state_dir
        pool = reactor.getThreadPool()
        self._copying = True
        try:
            for left in state_dir.glob(f"{_ROOM}*"):  # by a kill
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=_ROOM, dir=state_dir) as room:
                file = Path(room) / "archive.tar"
                now = self._parts.wall()
                await deferToThreadPool(reactor, pool, archive.write, state_dir, file, now)
                with file.open("rb") as opened:
                    while piece := opened.read(_PIECE):
                        yield piece
        finally:
            self._copying = False


def following(
    path: str, query: PageQuery, rows: Sequence[Any], *more: str
) -> tuple[tuple[str, str], ...]:
    """The Link to the next page, if this one is full."""
    if len(rows) < query.limit:
        return ()
    said = "&".join([f"limit={query.limit}", *more, f"cursor={rows[-1].id}"])
    return (("Link", f'<{path}?{said}>; rel="next"'),)

"""Findings become alarms: raised once, changed with their severity, cleared by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attrs import define, evolve
from twisted.logger import Logger

from dlmsd.store.alarms import Alarms, Key
from dlmsd.store.diagnostics import RANKS, Severity
from dlmsd.watch.finding import Finding
from dlmsd.watch.language import Language
from dlmsd.watch.remedies import TREATMENTS

# An alarm is cleared when its finding has been gone for so long, and its severity lessens as
# slowly; what comes and goes is one alarm. What gets worse is told at once.
HOLD_SECONDS: Final = 120.0
# The words of one that stands follow its numbers, but not more often than this.
REFRESH_SECONDS: Final = 600.0
# One whose finding has been gone for so long says so, to whoever has only the file to read.
GONE_SECONDS: Final = 30.0


@define
class _Standing:
    """One that stands: ``seen`` is when there last was a finding, and ``severe`` one as bad as
    it says; ``told`` when it got its words, which are ``written`` or not yet.
    """

    finding: Finding | None
    severity: Severity
    message: str
    seen: float
    severe: float
    told: float
    written: bool = True


class AlarmKeeper:
    """Keeps the alarms of the registry; ``ids`` gives those of meters, by name.

    A file that refuses takes no alarm away: what was not written is written later.
    """

    _log = Logger()

    def __init__(
        self, alarms: Alarms, ids: Callable[[], Mapping[str, int]], language: Language
    ) -> None:
        self._alarms = alarms
        self._ids = ids
        self._language = language
        self._standing: dict[Key, _Standing] = {}
        self._met = False

    @property
    def standing(self) -> dict[str, int]:
        """How many stand, by severity."""
        counts: dict[str, int] = {}
        for one in self._standing.values():
            counts[one.severity] = counts.get(one.severity, 0) + 1
        return counts

    async def keep(self, findings: Iterable[Finding], now: float) -> None:
        """These stand ``now`` (seconds of the reactor's clock). StoreError, and all is known."""
        for key in self._alarms.deleted():
            self._standing.pop(key, None)
        for finding in findings:
            self._stand(finding, now)
        if not self._met:
            await self._meet(now)
        for key, one in list(self._standing.items()):
            if now - one.seen >= HOLD_SECONDS:
                await self._alarms.clear(*key)
                self._standing.pop(key, None)
                self._log.info("Over: {message}", message=one.message, rule=key[0], subject=key[1])
            elif one.finding is not None:
                gone = now - one.seen >= GONE_SECONDS
                if one.finding.gone != gone:
                    one.finding, one.written = evolve(one.finding, gone=gone), False
                if not one.written:
                    await self._write(one.finding, one.message)
                    one.written = True

    async def _meet(self, now: float) -> None:
        """What stood when the daemon ended: it has as long as any to be found again, but for what
        was gone by then."""
        before: int | None = None
        while rows := await self._alarms.list(standing=True, before=before, limit=1000):
            before = rows[-1].id
            for row in rows:
                known = Finding.decode(row.details)
                finding = known if known is not None and self._language.tells(known) else None
                seen = now - HOLD_SECONDS if finding is not None and finding.gone else now
                told = now - REFRESH_SECONDS  # by another life, of which little may be true
                stood = _Standing(finding, row.severity, row.message, seen, now, told)
                self._standing.setdefault((row.rule, row.subject), stood)
        self._met = True

    def _stand(self, finding: Finding, now: float) -> None:
        known = self._standing.get(finding.key)
        if known is not None:
            known.seen = now
            if finding.rank >= RANKS[known.severity]:
                known.severe = now
            elif now - known.severe < HOLD_SECONDS:
                return
            gone = known.finding is not None and known.finding.gone
            if (
                not gone
                and known.severity == finding.severity
                and (now - known.told < REFRESH_SECONDS or known.finding == finding)
            ):
                return
        message = self._language.title(finding)
        stands = _Standing(finding, finding.severity, message, now, now, now, written=False)
        self._standing[finding.key] = stands
        if known is None:
            self._log.warn("Alarm: {message}", message=message, rule=finding.rule)

    async def _write(self, finding: Finding, message: str) -> None:
        await self._alarms.raise_(
            *finding.key,
            finding.severity,
            message,
            category=TREATMENTS[finding.rule].category,
            meter=self._meter(finding),
            details=finding.encode(),
        )

    def _meter(self, finding: Finding) -> int | None:
        """The id of the one meter that it is about."""
        if len(finding.meters) != 1 or finding.rule in ("line-down", "network-down"):
            return None
        return self._ids().get(finding.meters[0])

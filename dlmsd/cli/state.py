"""The state folder in a command's hands: invocation counters, as the daemon keeps them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import frozen

from dlmsd.config.values import Configuration, OutboxOptions
from dlmsd.errors import DlmsdError, LocalError, StoreError
from dlmsd.model import OutboxStatus
from dlmsd.store.lock import InUseError, Lock
from dlmsd.store.outbox import Outbox
from dlmsd.store.writer import WriterThread


class HeldError(DlmsdError):
    """Only one process at a time may count under a key: stop the daemon, or wait for the other \
command, and try again."""

    culprit = "operator"


class NoCounters:
    """Those of a meter that needs none."""

    async def reserve_counters(self, name: str, above: int, count: int) -> tuple[int, int]:
        raise LocalError("this meter needs no invocation counters")

    async def received_counters(self) -> dict[str, int]:
        return {}

    def keep_received(self, name: str, counter: int) -> None:
        raise LocalError("this meter needs no invocation counters")


@frozen
class Place:
    """A folder where counters outlive the command, and how its outbox is kept."""

    folder: Path
    outbox: OutboxOptions

    @classmethod
    def of(cls, configuration: Configuration) -> Self:
        """The daemon's."""
        return cls(configuration.daemon.state_dir, configuration.outbox)

    @classmethod
    def of_user(cls, environ: Mapping[str, str], home: Path) -> Self:
        """Of whoever has no configuration (XDG base directories)."""
        base = environ.get("XDG_STATE_HOME") or home / ".local" / "state"
        return cls(Path(base) / "dlmsd", OutboxOptions())


class KeptCounters:
    """``async with KeptCounters(place, reactor) as store``.

    Holds the state folder like a daemon, so that neither runs beside the other. What was
    received is on disk when the block has been left, however it was left. Entering raises
    HeldError or StoreError.
    """

    def __init__(self, place: Place, reactor: Any) -> None:
        self._folder = place.folder
        self._lock = Lock(self._folder / "dlmsd.lock")
        self._writer = WriterThread(reactor)
        self._status = OutboxStatus()
        self._outbox = Outbox(
            self._folder / "outbox.db",
            place.outbox,
            writer=self._writer,
            clock=reactor,
            wall=time.time,
            post=self._post,
        )

    async def __aenter__(self) -> Outbox:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            owner = self._folder.stat().st_uid
        except OSError as error:
            raise StoreError(f"{self._folder}: {error.strerror}") from error
        if os.geteuid() not in (0, owner) and not (self._folder / "outbox.db").exists():
            # What another user makes here, but for root, the daemon could not open.
            raise StoreError(f"{self._folder} belongs to another user, and holds no outbox yet")
        try:
            self._lock.take()
        except InUseError as error:
            raise HeldError(
                f"process {error.owner} holds {error.folder}, and so the counters of this meter"
            ) from error
        try:
            self._writer.start()
            await self._outbox.start()
        except BaseException:
            await self._leave()
            raise
        return self._outbox

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._outbox.flush()
        failing = self._status.error
        await self._leave()
        if failing and error is None:
            raise StoreError(failing)

    async def _leave(self) -> None:
        await self._outbox.stop()
        await self._writer.stop()
        self._lock.release()

    def _post(self, status: OutboxStatus) -> None:
        self._status = status

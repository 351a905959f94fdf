"""The state folder in a command's hands: invocation counters, as the daemon keeps them."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Any

from dlmsd.config.values import Configuration
from dlmsd.errors import DlmsdError, StoreError
from dlmsd.model import OutboxStatus
from dlmsd.store.lock import InUseError, Lock
from dlmsd.store.outbox import Outbox
from dlmsd.store.writer import WriterThread


class CountersError(DlmsdError):
    """Counters of ciphered meters are kept in the state folder; give the name that the meter \
has in the configuration instead of its host."""

    culprit = "operator"


class HeldError(DlmsdError):
    """Only one process at a time may count under a key: stop the daemon, or wait for the other \
command, and try again."""

    culprit = "operator"


class NoCounters:
    """Those of a meter that needs none, or has no state folder: two users must never share any."""

    async def reserve_counters(self, name: str, above: int, count: int) -> tuple[int, int]:
        raise CountersError("this meter needs invocation counters")

    async def received_counters(self) -> dict[str, int]:
        return {}

    def keep_received(self, name: str, counter: int) -> None:
        raise CountersError("this meter needs invocation counters")


class KeptCounters:
    """``async with KeptCounters(configuration, reactor) as store``.

    Holds the state folder like a daemon, so that neither runs beside the other. What was
    received is on disk when the block has been left, however it was left. Entering raises
    HeldError or StoreError.
    """

    def __init__(self, configuration: Configuration, reactor: Any) -> None:
        self._folder = configuration.daemon.state_dir
        self._lock = Lock(self._folder / "dlmsd.lock")
        self._writer = WriterThread(reactor)
        self._status = OutboxStatus()
        self._outbox = Outbox(
            self._folder / "outbox.db",
            configuration.outbox,
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
        if owner != os.geteuid() and not (self._folder / "outbox.db").exists():
            # What another user makes here the daemon could not open.
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

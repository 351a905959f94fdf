"""One receiver: what waits for it goes out in order, one message at a time, until it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from dlmsd.config.notice import NoticeOptions
from dlmsd.errors import DlmsdError, LocalError, StoreError
from dlmsd.model import ReceiverStatus
from dlmsd.store.notices import Notices
from dlmsd.store.sendings import Sending
from dlmsd.watch.notify.batch import batch
from dlmsd.watch.notify.exchange import Sender, exchange
from dlmsd.watch.notify.message import Author

PAUSES: Final = (15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0)
"""Seconds after the first failure, the second, and so on; the last one for ever."""

# A daemon ends within five seconds; whoever is just about to answer is heard.
GRACE: Final = 2.0


class Receiver:
    """``make`` gives the way to it, ``wall`` Unix seconds; ``status`` is its latest.

    A notice is in the registry until the receiver has taken it, and leaves it at once then. Only
    a kill between those two sends it again, under the same id.
    """

    _log = Logger()

    def __init__(
        self,
        options: NoticeOptions,
        author: Author,
        notices: Notices,
        make: Callable[[NoticeOptions], Sender],
        clock: IReactorTime,
        wall: Callable[[], float],
    ) -> None:
        self.options = options
        self.author = author
        self.status = ReceiverStatus(options.name, options.kind)
        self._notices = notices
        self._make = make
        self._clock = clock
        self._wall = wall
        self._way: Sender | None = None
        self._next = clock.seconds()
        self._busy: Deferred[None] | None = None
        self._stopped = False
        # What was taken and could not be written down: it must not go again.
        self._taken: tuple[Sending, list[int], int] | None = None
        self._sending: Sending | None = None

    def look(self) -> None:
        """Begin what is due; nothing while something is under way, or soon after a failure."""
        if self._busy is not None or self._stopped or self._clock.seconds() < self._next:
            return
        self._busy = Deferred.fromCoroutine(self._work())
        self._busy.addBoth(self._rest)

    async def stop(self) -> None:
        """What is under way may still arrive, within ``GRACE`` seconds."""
        self._stopped = True
        if self._busy is not None:
            busy, done = self._busy, Deferred[None]()
            busy.addBoth(lambda _: None if done.called else done.callback(None))
            limit = self._clock.callLater(GRACE, busy.cancel)
            await done
            if limit.active():
                limit.cancel()
        self._leave()

    def _rest(self, _: object) -> None:
        self._busy = None

    def _leave(self) -> None:
        way, self._way = self._way, None
        if way is not None:
            way.close()

    async def _work(self) -> None:
        try:
            while not self._stopped and await self._next_message():
                pass
        except StoreError:
            return  # its own finding tells, and the next look tries again
        except DlmsdError as error:
            await self._failed(error)
        except Exception:  # noqa: BLE001 - a row that damage has spoiled, say: not at every look
            self._log.failure("{receiver}: a notice failed", receiver=self.options.name)
            await self._failed(LocalError("a notice could not be written"))

    async def _next_message(self) -> bool:
        """Whether there was one, and it has arrived."""
        name = self.options.name
        await self._write_down()
        waiting = await self._notices.waiting(name)
        self.status = evolve(self.status, waiting=len(waiting))
        now = int(self._wall() * 1000)
        numbers = [one.id for one in batch(self.options, waiting, now)]
        if not numbers or self._stopped:
            return False
        documents, dropped = await self._notices.documents(name, numbers)
        self._taken = await self._send(numbers, documents, dropped), numbers, dropped
        await self._write_down()
        left = len(waiting) - len(numbers)
        self.status = evolve(self.status, waiting=left, told_at=now, failures=0, error="")
        return True

    async def _send(self, numbers: Sequence[int], documents: list[str], dropped: int) -> Sending:
        message = self.author.write(numbers[0], documents, dropped)
        name, now, title = self.options.name, int(self._wall() * 1000), message.title
        sending = self._sending = Sending(name, now, title, message.alarms, False, "")
        self._leave()
        self._way = self._make(self.options)
        answer = await exchange(self._way, message, self.options.timeout, self._clock)
        self._log.info(
            "{receiver}: was told of {title} and answered {answer}",
            receiver=self.options.name,
            title=message.title,
            answer=answer,
        )
        return evolve(sending, taken=True, said=answer)

    async def _write_down(self) -> None:
        if self._taken is not None:
            await self._notices.told(*self._taken)
            self._taken = None

    async def _failed(self, error: DlmsdError) -> None:
        if self._stopped:
            return
        status = self.status
        failures = status.failures + 1
        since = status.failing_since if status.failures else int(self._wall() * 1000)
        self.status = evolve(status, failures=failures, failing_since=since, error=str(error))
        self._next = self._clock.seconds() + PAUSES[min(failures, len(PAUSES)) - 1]
        if failures == 1:
            self._log.warn(
                "{receiver}: takes no notices: {reason} {advice}",
                receiver=self.options.name,
                reason=str(error),
                advice=error.advice,
            )
        await self._keep_failure(since, failures, str(error))

    async def _keep_failure(self, since: int, failures: int, why: str) -> None:
        """One row for all attempts in a row."""
        if self._sending is not None:
            failed = evolve(self._sending, at=since, said=why, attempts=failures)
            with suppress(StoreError):  # its own finding tells
                await self._notices.sendings.write(failed)

"""Notices of alarms: how each receiver is doing, and a test of one."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from attrs import frozen

from dlmsd.config.notice import NoticeOptions
from dlmsd.errors import DlmsdError
from dlmsd.model import ReceiverStatus
from dlmsd.store.notices import Waiting
from dlmsd.watch.notify.batch import held
from dlmsd.watch.notify.notifier import tried
from dlmsd.web import kinds
from dlmsd.web.api.meters import NEXT
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.api.system import PageQuery, following
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import RefusedError
from dlmsd.web.text import clean

Held: TypeAlias = Literal["", "quiet", "digest", "failing"]

_TAG = "alarms"
_MOST: Final = 100


@frozen
class ReceiverView:
    """A receiver of notices, and what it wants: ``to`` are its addresses, or the webhook's host.
    ``waiting`` are not told yet; ``failures`` in a row since ``failing_since``, for the reason
    ``last_error``."""

    name: str
    kind: str
    to: str
    severity: str
    categories: tuple[str, ...]
    meters: tuple[str, ...]
    quiet: str | None
    digest_minutes: float
    urgent: str | None
    daily: str | None
    waiting: int
    last_sent: str | None
    failures: int
    failing_since: str | None
    last_error: str | None


@frozen
class NoticeTest:
    """What the receiver answered to a test; ``error`` and ``advice`` say why it did not take it."""

    name: str
    success: bool
    answer: str | None
    error: str | None
    advice: str | None


@frozen
class WaitingView:
    """A notice that is not told yet. It is ``held`` by quiet hours, for a digest, because its
    receiver is failing, or by nothing but its turn (empty)."""

    id: int
    timestamp: str
    receiver: str
    state: str
    severity: str
    alarm: int | None
    message: str
    held: Held


@frozen
class SendingView:
    """A message that a receiver has taken, or ``attempts`` in a row that it did not take; ``said``
    is its answer, or why."""

    id: int
    timestamp: str
    receiver: str
    title: str
    alarms: tuple[int, ...]
    taken: bool
    said: str
    attempts: int


@frozen
class SendingQuery(PageQuery):
    receiver: str | None = said(kinds.text(64), None)


@frozen
class _Document:
    """What is read of a notice: of an alarm its message, of a report its title."""

    alarm: int | None = None
    message: str = ""
    title: str = ""


class Notices:
    """The operations under /api/notices."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/api/notices",
                work=self.list,
                summary="Who is told of alarms, and whether that works",
                tag=_TAG,
                answers={200: Answer("The receivers", list[ReceiverView])},
            ),
            Operation(
                method="GET",
                path="/api/notices/waiting",
                work=self.waiting,
                summary="What is not told yet and what it waits for, 100 of each receiver",
                tag=_TAG,
                answers={200: Answer("The oldest first", list[WaitingView])},
            ),
            Operation(
                method="GET",
                path="/api/notices/sent",
                work=self.sent,
                summary="What was sent, and what could not be",
                tag=_TAG,
                query=SendingQuery,
                answers={200: Answer("The newest first", list[SendingView], headers=NEXT)},
            ),
            Operation(
                method="POST",
                path="/api/notices/{name}/test",
                work=self.test,
                summary="Send a test, and say what was answered",
                tag=_TAG,
                need="change",
                answers={200: Answer("What was answered", NoticeTest)},
                refuses=(404,),
            ),
        ]

    async def list(self, call: Call) -> Reply:
        options = {one.name: one for one in self._parts.reload.configuration.notices}
        known = self._parts.watch.receivers()
        return Reply([_view(one, options[one.name]) for one in known if one.name in options])

    async def waiting(self, call: Call) -> Reply:
        options = {one.name: one for one in self._parts.reload.configuration.notices}
        notices, found = self._parts.registry.notices, []
        for status in self._parts.watch.receivers():
            if status.name not in options:
                continue
            for one, text in await notices.pending(status.name, _MOST):
                found.append(self._wait(options[status.name], status, one, text))
        return Reply(found)

    def _wait(
        self, options: NoticeOptions, status: ReceiverStatus, one: Waiting, text: str
    ) -> WaitingView:
        document = msgspec.json.decode(text, type=_Document)
        why: Held = "failing" if status.failures else held(options, one, self._parts.now())
        message = clean(document.message or document.title)
        at = iso(one.at) or ""
        return WaitingView(
            one.id, at, status.name, one.state, one.severity, document.alarm, message, why
        )

    async def sent(self, call: Call) -> Reply:
        query: SendingQuery = call.query
        found = await self._parts.registry.notices.sendings.list(
            receiver=query.receiver, before=query.cursor, limit=query.limit
        )
        rows = [
            SendingView(
                one.id,
                iso(one.at) or "",
                clean(one.receiver),
                clean(one.title),
                one.alarms,
                one.taken,
                clean(one.said),
                one.attempts,
            )
            for one in found
        ]
        more = [f"receiver={kinds.quoted(query.receiver)}"] if query.receiver else []
        return Reply(rows, headers=following("/api/notices/sent", query, rows, *more))

    async def test(self, call: Call) -> Reply:
        name, parts = call.path["name"], self._parts
        configuration = parts.reload.configuration
        receiver = next((one for one in configuration.notices if one.name == name), None)
        if receiver is None:
            raise RefusedError(404, "There are no such notices.")
        await parts.registry.audit.add(call.who.name, "notice tested", name)
        try:
            answer = await tried(receiver, configuration, parts.reactor, parts.wall())
        except DlmsdError as error:
            return Reply(NoticeTest(name, False, None, clean(str(error)), error.advice))
        return Reply(NoticeTest(name, True, clean(answer), None, None))


def _view(one: ReceiverStatus, options: NoticeOptions) -> ReceiverView:
    failing = one.failures > 0
    quiet, daily = options.quiet, options.daily
    return ReceiverView(
        one.name,
        one.kind,
        # What stands behind the host of a webhook may be its secret.
        ", ".join(options.recipients) or urlsplit(options.url or "").netloc.rpartition("@")[2],
        options.severity,
        options.categories,
        options.meters,
        f"{quiet.start:%H:%M}-{quiet.end:%H:%M}" if quiet else None,
        options.digest,
        options.urgent,
        f"{daily:%H:%M}" if daily else None,
        one.waiting,
        iso(one.told_at),
        one.failures,
        iso(one.failing_since) if failing else None,
        clean(one.error) if failing else None,
    )

"""Notices of alarms: how each receiver is doing, and a test of one."""

from __future__ import annotations

from attrs import frozen

from dlmsd.errors import DlmsdError
from dlmsd.model import ReceiverStatus
from dlmsd.watch.notify.notifier import tried
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import RefusedError
from dlmsd.web.text import clean

_TAG = "alarms"


@frozen
class ReceiverView:
    """A receiver of notices. ``waiting`` are not told yet; ``failures`` in a row since
    ``failing_since``, for the reason ``last_error``."""

    name: str
    kind: str
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
        return Reply([_view(one) for one in self._parts.watch.receivers()])

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


def _view(one: ReceiverStatus) -> ReceiverView:
    failing = one.failures > 0
    return ReceiverView(
        one.name,
        one.kind,
        one.waiting,
        iso(one.told_at),
        one.failures,
        iso(one.failing_since) if failing else None,
        clean(one.error) if failing else None,
    )

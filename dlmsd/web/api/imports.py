"""Many meters at once, from a document: looked through, and then all of it taken or none."""

from __future__ import annotations

from functools import partial
from typing import Final

from attrs import frozen

from dlmsd.web import kinds
from dlmsd.web.api.intake import Intake, IntakeView, intake
from dlmsd.web.api.meters import carried_out
from dlmsd.web.api.parts import Parts
from dlmsd.web.kinds import said
from dlmsd.web.operation import LARGE, Answer, Call, Operation, Reply
from dlmsd.web.problem import FieldProblem, RefusedError
from dlmsd.web.shape import object_of

_EXAMPLE: Final = "name,host,interval\nPlant A,192.168.1.150,60\n"


@frozen(kw_only=True)
class ImportBody:
    document: str = said(
        kinds.document(LARGE),
        says="Meters as CSV or JSON, as `dlmsd meters export` writes them",
        example=_EXAMPLE,
    )
    dry_run: bool = said(kinds.FLAG, False, says="Only look: nothing is changed, nothing refused")
    partial: bool = said(kinds.FLAG, False, says="Take what is right, also if not all is")


class Imports:
    """The operation of /api/meters/import."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path="/api/meters/import",
                work=self.take,
                summary="Add and change many meters at once: all of a document, or nothing. "
                "Of what is wrong, each field of errors is LINE:COLUMN:KEY",
                tag="meters",
                need="change",
                body=object_of(ImportBody),
                room=LARGE,
                answers={200: Answer("What was taken, or would be", IntakeView)},
                refuses=(401, 413, 415, 422),
            )
        ]

    async def take(self, call: Call) -> Reply:
        body: ImportBody = call.body
        plan = partial(intake, text=body.document, partial=body.partial)
        if body.dry_run:
            kept = await self._parts.reload.kept()
            found = await self._parts.reload.aside(lambda: plan(kept))
        else:
            found = await carried_out(
                self._parts.desk.take(plan, call.who.name, trusted=call.who.known)
            )
            if found.refused:
                raise _refusal(found)
        return Reply(found.view(dry_run=body.dry_run))


def _refusal(found: Intake) -> RefusedError:
    wrong = [
        FieldProblem(":".join((*map(str, one.spot), one.key)), one.message) for one in found.faults
    ]
    return RefusedError(
        422, "Nothing is taken, as not all of it is right; errors says where.", wrong
    )

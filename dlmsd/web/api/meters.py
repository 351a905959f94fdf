"""Meters: listed, added, changed, removed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, TypeVar

from attrs import frozen

from dlmsd.fleet.desk import FileMeterError, UnfitMeterError
from dlmsd.fleet.lending import LentSecretError
from dlmsd.store.own import OwnMeter
from dlmsd.store.registry import NameTakenError, NoSuchMeterError
from dlmsd.web import kinds
from dlmsd.web.access import CHALLENGE
from dlmsd.web.api.bodies import MeterChange, NewMeter, field_of
from dlmsd.web.api.parts import Parts
from dlmsd.web.api.views import MeterView, Views
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import FieldProblem, RefusedError, refusal_of
from dlmsd.web.shape import object_of

T = TypeVar("T")

_AGAIN: Final = (
    "give it again, or a token of role admin (see `dlmsd token`): what is kept goes to no other "
    "place"
)

_TAG: Final = "meters"
ETAG: Final = {"ETag": "What If-Match of a change is compared with"}
NEXT: Final = {"Link": "The next page, as rel=next (RFC 8288), if there is one"}


@frozen
class Page:
    """``cursor`` is where a page begins: what the Link of the page before it says."""

    limit: int = said(kinds.whole(1, 5000), 1000, says="The most that are told")
    cursor: int = said(kinds.whole(0, 2**53), 0, says="From the Link of the page before")


class Meters:
    """The operations under /api/meters and /api/meters/{id}."""

    def __init__(self, parts: Parts, views: Views) -> None:
        self._parts = parts
        self._views = views

    def operations(self) -> list[Operation]:
        one = Answer("The meter", MeterView, headers=ETAG)
        every = Answer("Meters by id", list[MeterView], headers=NEXT)
        change: dict[str, Any] = {
            "need": "change",
            "tag": _TAG,
            "conditional": True,
            "refuses": (401, 404, 409, 412, 413, 415, 422),
        }
        body = {"answers": {200: one}, **change}
        return [
            Operation(
                method="GET",
                path="/api/meters",
                work=self.list,
                summary="All meters",
                tag=_TAG,
                query=Page,
                answers={200: every},
            ),
            Operation(
                method="GET",
                path="/api/meters/active",
                work=self.active,
                summary="Meters whose status is active",
                tag=_TAG,
                query=Page,
                answers={200: every},
            ),
            Operation(
                method="POST",
                path="/api/meters",
                work=self.add,
                summary="Add a meter; it is read within seconds",
                tag=_TAG,
                need="change",
                body=object_of(NewMeter),
                answers={201: Answer("The new meter", MeterView, headers=ETAG)},
                refuses=(409, 413, 415, 422),
            ),
            Operation(
                method="GET",
                path="/api/meters/{id}",
                work=self.get,
                summary="One meter",
                tag=_TAG,
                answers={200: one},
                refuses=(404,),
            ),
            Operation(
                method="PUT",
                path="/api/meters/{id}",
                work=self.put,
                summary="Replace a meter; secrets that are left out stay where they go",
                body=object_of(NewMeter),
                **body,
            ),
            Operation(
                method="PATCH",
                path="/api/meters/{id}",
                work=self.patch,
                summary="Change a meter; status and interval also of the file's",
                body=object_of(MeterChange),
                **body,
            ),
            Operation(
                method="DELETE",
                path="/api/meters/{id}",
                work=self.delete,
                summary="Remove a meter; its history stays",
                answers={204: Answer("It is no longer read")},
                **(change | {"refuses": (404, 409, 412)}),
            ),
        ]

    async def list(self, call: Call) -> Reply:
        return await self._page("/api/meters", call.query)

    async def active(self, call: Call) -> Reply:
        return await self._page("/api/meters/active", call.query, "active")

    async def _page(self, path: str, page: Page, status: str | None = None) -> Reply:
        found, more = await self._views.some(page.cursor, page.limit, status)
        headers: tuple[tuple[str, str], ...] = ()
        if more:
            link = f'<{path}?limit={page.limit}&cursor={found[-1].id}>; rel="next"'
            headers = (("Link", link),)
        return Reply(found, headers=headers)

    async def get(self, call: Call) -> Reply:
        return await self._told(await self._parts.name_of(call.path["id"]))

    async def add(self, call: Call) -> Reply:
        body: NewMeter = call.body
        meter = body.made(self._profile_read(body.profile_name))
        await carried_out(self._parts.desk.add(meter, call.who.name))
        view, tag = await self._views.tagged(meter.name)
        return Reply(view, 201, (("Location", f"/api/meters/{view.id}"), ("ETag", tag)))

    async def put(self, call: Call) -> Reply:
        body: NewMeter = call.body

        def whole(old: OwnMeter) -> OwnMeter:
            return body.made(self._profile_read(body.profile_name), old)

        return await self._change(call, whole, ("status", "interval"))

    async def patch(self, call: Call) -> Reply:
        body: MeterChange = call.body
        name = await self._parts.name_of(call.path["id"])
        if body.quick:
            await self._quick(call, name, body)
            return await self._told(name)

        def part(old: OwnMeter) -> OwnMeter:
            profile = body.profile or str(old.options.get("profile", ""))
            return body.applied(old, self._profile_read(profile))

        said = {"status": body.status, "interval": body.interval}
        settled = [key for key, value in said.items() if value is not None]
        reply = await self._change(call, part, settled)
        if body.error_count is not None:
            self.forgive(reply.value.name)
        return reply

    async def delete(self, call: Call) -> Reply:
        name = await self._parts.name_of(call.path["id"])
        await carried_out(
            self._parts.desk.remove(
                name, call.who.name, lambda old: self._views.match(call, name, old)
            )
        )
        return Reply(None, 204)

    def forgive(self, name: str) -> None:
        """Count its failures anew."""
        status = self._parts.board.meters.get(name)
        self._views.forgiven[name] = status.failed if status else 0

    async def _change(
        self, call: Call, change: Callable[[OwnMeter], OwnMeter], settled: Collection[str]
    ) -> Reply:
        name = await self._parts.name_of(call.path["id"])
        renamed = name

        def do(old: OwnMeter) -> OwnMeter:
            nonlocal renamed
            new = change(old)
            renamed = new.name
            return new

        work = self._parts.desk.change(
            name,
            do,
            call.who.name,
            lambda old: self._views.match(call, name, old),
            settled,
            trusted=call.who.known,
        )
        await carried_out(work)
        return await self._told(renamed)

    async def _quick(self, call: Call, name: str, body: MeterChange) -> None:
        if body.status or body.interval is not None:
            own = (await self._parts.own()).get(name)
            await self._parts.desk.override(
                name,
                call.who.name,
                status=body.status,  # type: ignore[arg-type]
                interval=body.interval,
                check=lambda: self._views.match(call, name, own),
            )
        if body.error_count is not None:
            self.forgive(name)

    async def _told(self, name: str) -> Reply:
        view, tag = await self._views.tagged(name)
        return Reply(view, headers=(("ETag", tag),))

    def _profile_read(self, profile: str) -> tuple[str, ...]:
        found = self._parts.reload.configuration.profiles.get(profile)
        return tuple(found.read) if found else ()


async def carried_out(work: Awaitable[T]) -> T:
    """A change of the desk's, its errors as refusals."""
    try:
        return await work
    except UnfitMeterError as error:
        wrong = [FieldProblem(field_of(one.key), one.message) for one in error.problems]
        raise RefusedError(422, "This meter cannot be read; errors says why.", wrong) from None
    except LentSecretError as error:
        wrong = [FieldProblem(field_of(one), _AGAIN) for one in error.keys]
        raise RefusedError(401, refusal_of(error).detail, wrong, CHALLENGE) from None
    except (NameTakenError, FileMeterError, NoSuchMeterError) as error:
        refusal = refusal_of(error)
        status = 404 if isinstance(error, NoSuchMeterError) else 409
        raise RefusedError(status, refusal.detail) from None

"""A meter's ThingsBoard: where it publishes, and whether that works."""

from __future__ import annotations

from typing import Any, Final

from attrs import asdict, evolve, frozen

from dlmsd.config.values import MeterOptions, SinkOptions
from dlmsd.fleet.platform import Platform, with_platforms
from dlmsd.publish.certified import certified
from dlmsd.publish.login import device_login
from dlmsd.publish.trial import log_in, proven
from dlmsd.publish.troubles import Trouble
from dlmsd.secret import Secret
from dlmsd.store.own import OwnMeter
from dlmsd.web import kinds
from dlmsd.web.api.bodies import MeterChange, sink_of
from dlmsd.web.api.meters import ETAG, carried_out
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.api.views import Views
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import RefusedError
from dlmsd.web.shape import object_of
from dlmsd.web.text import clean

_TAG: Final = "configuration"


@frozen(kw_only=True)
class ThingsBoardChange:
    """What is to be otherwise; what is left out, or null, stays as it is."""

    tb_enabled: bool | None = said(kinds.FLAG, None)
    tb_host: str | None = said(kinds.HOST, None)
    tb_port: int | None = said(kinds.PORT, None)
    tb_token: str | None = said(kinds.SECRET, None)
    tb_device_name: str | None = said(kinds.text(255), None)


@frozen
class ThingsBoardView:
    """Where a meter publishes; the token is never told, only whether there is one."""

    meter_id: int
    tb_enabled: bool
    tb_host: str | None
    tb_port: int | None
    tb_token_set: bool
    tb_device_name: str
    sink: str | None


@frozen
class ThingsBoardTest:
    """Whether the broker took the meter's token; ``error`` and ``advice`` say why not.

    ``connected_since`` is of the meter's own connection, where that stood; else it took
    ``seconds`` to be accepted.
    """

    meter_id: int
    success: bool
    message: str
    seconds: float | None
    connected_since: str | None
    error: str | None
    advice: str | None


class ThingsBoard:
    """The operations under /api/meters/{id}/thingsboard."""

    def __init__(self, parts: Parts, views: Views) -> None:
        self._parts = parts
        self._views = views

    def operations(self) -> list[Operation]:
        where = Answer("Where it publishes", ThingsBoardView, headers=ETAG)
        get: dict[str, Any] = {"method": "GET", "tag": _TAG}
        return [
            Operation(
                path="/api/meters/{id}/thingsboard",
                work=self.get,
                summary="A meter's ThingsBoard",
                answers={200: where},
                refuses=(404,),
                **get,
            ),
            Operation(
                method="PUT",
                path="/api/meters/{id}/thingsboard",
                work=self.put,
                summary="Change a meter's ThingsBoard",
                tag=_TAG,
                need="change",
                body=object_of(ThingsBoardChange),
                conditional=True,
                answers={200: where},
                refuses=(401, 404, 409, 412, 413, 415, 422),
            ),
            Operation(
                path="/api/meters/{id}/thingsboard/test",
                work=self.test,
                summary="Whether the broker takes the meter's credentials",
                need="change",
                answers={200: Answer("Whether it works", ThingsBoardTest)},
                refuses=(404, 409),
                **get,
            ),
        ]

    async def get(self, call: Call) -> Reply:
        name = await self._parts.name_of(call.path["id"])
        view, tag = await self._views.tagged(name)
        sink = next((one for one in view.sinks if self._is_platform(one)), None)
        told = ThingsBoardView(
            view.id,
            view.tb_enabled,
            view.tb_host,
            view.tb_port,
            view.tb_token_set,
            view.tb_device_name,
            sink,
        )
        return Reply(told, headers=(("ETag", tag),))

    async def put(self, call: Call) -> Reply:
        name = await self._parts.name_of(call.path["id"])
        change = MeterChange(**asdict(call.body))

        def changed(old: OwnMeter) -> OwnMeter:
            return change.applied(old, ())

        await carried_out(
            self._parts.desk.change(
                name,
                changed,
                call.who.name,
                lambda old: self._views.match(call, name, old),
                trusted=call.who.known,
            )
        )
        return await self.get(call)

    async def test(self, call: Call) -> Reply:
        number = call.path["id"]
        name = await self._parts.name_of(number)
        options = self._parts.desk.options(name)
        sinks = self._parts.reload.configuration.sinks
        sink = sink_of(sinks, options.sinks) if options else None
        if options is None or not options.credentials:
            raise RefusedError(409, "This meter has no token.")
        if sink is None:
            # One that is not in force yet, such as that of a meter whose platform is disabled.
            own = (await self._parts.own()).get(name)
            platform = evolve(Platform.of(own), enabled=True) if own else Platform()
            probe = OwnMeter(name, {"thingsboard": platform.said()}, {"token": Secret("any")})
            file = self._parts.reload.file
            made = with_platforms(file, [probe]).sinks[len(file.sinks) :]
            sink = platform.among(file.sinks, made)[0]
        began = self._parts.reactor.seconds()
        try:
            accepted = await self._accepted(sink, name, options)
        except Trouble as error:
            return Reply(
                ThingsBoardTest(
                    number,
                    False,
                    "The broker cannot be used.",
                    None,
                    None,
                    clean(str(error)),
                    error.advice,
                )
            )
        seconds, since = accepted - began, None
        message = "The broker accepted the credentials."
        if seconds < 0:
            now = self._parts.now() - int((self._parts.reactor.seconds() - accepted) * 1000)
            seconds, since = None, iso(now)
            message = "The broker accepts the credentials: the meter's own connection stands."
        return Reply(ThingsBoardTest(number, True, message, seconds, since, None, None))

    async def _accepted(self, sink: SinkOptions, meter: str, options: MeterOptions) -> float:
        """When the broker accepted, by the reactor's clock; raises Trouble.

        ThingsBoard lets a device in once, so a login beside the connection that delivers would
        end it, and look like another program with the same token.
        """
        parts = self._parts
        own = parts.sinks.device(sink.url, options.credentials)
        if own is not None:
            return await proven(own, parts.reactor)
        instance_id = f"test-{parts.machine.draw(4).hex()}"
        login = device_login(sink, instance_id, meter, options.credentials)
        way = certified(sink, options, parts.machine.reach)
        began: float = parts.reactor.seconds()
        return began + await log_in(way, login, parts.reactor, sink.protocol)

    def _is_platform(self, name: str) -> bool:
        sinks = self._parts.reload.configuration.sinks
        return any(one.name == name and one.kind == "thingsboard" for one in sinks)

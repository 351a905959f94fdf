"""What is read of a meter: its measurements, in the earlier system's fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, frozen

from dlmsd.config.values import Measurement
from dlmsd.store.own import OwnMeasurement, OwnMeter
from dlmsd.web.api.bodies import MEASUREMENTS, MeasurementBody
from dlmsd.web.api.meters import carried_out
from dlmsd.web.api.parts import Parts
from dlmsd.web.api.views import Views
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import FieldProblem, RefusedError
from dlmsd.web.shape import object_of, objects_of

_TAG: Final = "configuration"


@frozen
class MeasurementView:
    """A measurement of a meter; ``sampling_interval`` in seconds."""

    meter_id: int
    measurement_name: str
    obis_code: str | None
    enabled: bool
    sampling_interval: float
    tb_key: str


class Measurements:
    """The operations of /api/config/{meter_id} and /api/meters/{id}/config."""

    def __init__(self, parts: Parts, views: Views) -> None:
        self._parts = parts
        self._views = views

    def operations(self) -> list[Operation]:
        every = Answer("The measurements", list[MeasurementView])
        get: dict[str, Any] = {
            "method": "GET",
            "work": self.get,
            "summary": "What is read of a meter",
            "tag": _TAG,
            "answers": {200: every},
            "refuses": (404,),
        }
        change: dict[str, Any] = {
            "tag": _TAG,
            "need": "change",
            "conditional": True,
            "refuses": (404, 409, 412, 413, 415, 422),
        }
        return [
            Operation(path="/api/config/{meter_id}", **get),
            Operation(path="/api/meters/{id}/config", **get),
            Operation(
                method="PUT",
                path="/api/config/{meter_id}",
                work=self.put,
                summary="Read exactly these of a meter",
                body=objects_of(MeasurementBody, MEASUREMENTS),
                answers={200: every},
                **change,
            ),
            Operation(
                method="POST",
                path="/api/meters/{id}/config",
                work=self.post,
                summary="Add a measurement, or change the one of this name",
                body=object_of(MeasurementBody),
                answers={201: Answer("The measurement", MeasurementView)},
                **change,
            ),
        ]

    async def get(self, call: Call) -> Reply:
        name = await self._parts.name_of(_id(call))
        own = (await self._parts.own()).get(name)
        tag = self._views.tag(name, own)
        return Reply(self._all(_id(call), name, own), headers=(("ETag", tag),))

    async def put(self, call: Call) -> Reply:
        bodies: tuple[MeasurementBody, ...] = call.body
        rows = [one.row() for one in bodies]
        names = [one.measurement_name for one in rows]
        if len(set(names)) < len(names):
            wrong = [FieldProblem("", "a measurement_name stands here twice")]
            raise RefusedError(422, "The body does not fit; errors says where.", wrong)
        await self._change(call, lambda old: (*rows, *self._without(old, names)))
        return await self.get(call)

    async def post(self, call: Call) -> Reply:
        row: OwnMeasurement = call.body.row()
        named = row.measurement_name

        def with_it(old: OwnMeter) -> tuple[OwnMeasurement, ...]:
            others = (one for one in old.measurements if one.measurement_name != named)
            return (*others, row)

        await self._change(call, with_it)
        found = (await self.get(call)).value
        view = next(one for one in found if one.measurement_name == named)
        return Reply(view, 201)

    async def _change(self, call: Call, rows: Any) -> None:
        name = await self._parts.name_of(_id(call))
        await carried_out(
            self._parts.desk.change(
                name,
                lambda old: evolve(old, measurements=tuple(rows(old))),
                call.who.name,
                lambda old: self._views.match(call, name, old),
                trusted=call.who.known,
            )
        )

    def _without(self, own: OwnMeter, names: list[str]) -> list[OwnMeasurement]:
        """What the profile reads beside ``names``, taken away."""
        rest = [name for name in self._profile(own) if name not in names]
        return [OwnMeasurement(name, enabled=False) for name in rest]

    def _all(self, number: int, name: str, own: OwnMeter | None) -> list[MeasurementView]:
        options = self._parts.desk.options(name)
        read = options.read if options else ()
        interval = options.interval if options else 0.0
        found = {
            one.name: MeasurementView(
                number,
                one.name,
                str(one.attribute.obis),
                True,
                max(one.every, interval),
                one.key,
            )
            for one in read
        }
        base = self._profile(own)
        for row in own.measurements if own else ():
            name = row.measurement_name
            if name not in found:
                known = base.get(name)
                found[name] = MeasurementView(
                    number,
                    name,
                    row.obis_code or (str(known.attribute.obis) if known else None),
                    row.enabled and options is None,
                    max(row.sampling_interval or 0.0, interval),
                    row.tb_key or (known.key if known else name),
                )
        return list(found.values())

    def _profile(self, own: OwnMeter | None) -> Mapping[str, Measurement]:
        profiles = self._parts.reload.configuration.profiles
        found = profiles.get(str(own.options.get("profile"))) if own else None
        return found.read if found else {}


def _id(call: Call) -> int:
    number: int = call.path.get("id") or call.path["meter_id"]
    return number

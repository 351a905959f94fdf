"""Devices at ThingsBoard for meters: a job, whose tokens go to the registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from attrs import define, evolve, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from dlmsd.config.rules import Refusal
from dlmsd.config.values import SinkOptions
from dlmsd.errors import DlmsdError
from dlmsd.fleet.platform import table
from dlmsd.publish.enrolment import Enrolment
from dlmsd.publish.provision import Granted, Outcome, Provisioning, Wish
from dlmsd.publish.rest import Account, KeptConnections, Rest, Site
from dlmsd.publish.tenant import Tenant
from dlmsd.secret import Secret
from dlmsd.store.own import OwnMeter
from dlmsd.tls import client_contexts
from dlmsd.web import kinds
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import FieldProblem, RefusedError
from dlmsd.web.shape import object_of
from dlmsd.web.text import clean

_TAG: Final = "provision"
# One at a time, and what became of the last ones.
KEPT: Final = 20
MOST: Final = 1000

_Status = Literal["running", "done", "cancelled", "failed"]
_Run: TypeAlias = Callable[[Sequence[Wish], Callable[[Granted], None]], Awaitable[None]]
_log = Logger()


@frozen(kw_only=True)
class ProvisionBody:
    """Whose devices, and where: ``url`` with ``api_key``, or with ``username`` and ``password`` of
    the tenant; or ``provision_key`` and ``provision_secret`` of a device profile, over MQTT.
    """

    sink: str = said(kinds.NAME, says="A sink of kind thingsboard")
    url: str | None = said(
        kinds.text(1024),
        None,
        says="Where ThingsBoard's page is",
        example="https://thingsboard.example",
    )
    api_key: str | None = said(kinds.SECRET, None)
    username: str | None = said(kinds.text(255), None)
    password: str | None = said(kinds.SECRET, None)
    provision_key: str | None = said(kinds.SECRET, None, says="Instead of url: new devices alone")
    provision_secret: str | None = said(kinds.SECRET, None)
    meters: tuple[int, ...] | None = said(
        kinds.list_of(kinds.ID, MOST), None, says="Ids; left out, all meters of the sink"
    )
    type: str = said(kinds.text(255), "DLMS meter", says="Device profile")
    set_tokens: bool = said(kinds.FLAG, False, says="Our tokens win over ThingsBoard's")


@frozen
class GrantedView:
    """The end of one meter's wish; of its token only the fingerprint is told."""

    meter_id: int | None
    name: str
    device: str
    outcome: str
    fingerprint: str | None
    error: str
    advice: str


@frozen
class ProvisionView:
    """``done`` of ``total`` meters; ``error`` concerns all of them."""

    id: int
    status: _Status
    sink: str
    done: int
    total: int
    started_at: str
    error: str
    advice: str
    devices: tuple[GrantedView, ...]


@define
class _Job:
    id: int
    sink: str
    wishes: Sequence[Wish]
    started_at: int
    who: str
    status: _Status = "running"
    granted: list[Granted] = field(factory=list)
    error: str = ""
    advice: str = ""
    work: Deferred[None] | None = None


class Provisions:
    """The operations under /api/provision."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._jobs: dict[int, _Job] = {}
        self._number = 0

    def operations(self) -> list[Operation]:
        place = {"Location": "Where it tells more"}
        state = Answer("What was done so far", ProvisionView)
        one: dict[str, Any] = {"path": "/api/provision/jobs/{id}", "tag": _TAG}
        return [
            Operation(
                method="POST",
                path="/api/provision",
                work=self.begin,
                summary="Find or make the devices of meters at ThingsBoard, and keep their tokens",
                tag=_TAG,
                need="secrets",
                body=object_of(ProvisionBody),
                answers={202: Answer("Work that goes on", ProvisionView, headers=place)},
                refuses=(404, 409, 413, 415, 422),
            ),
            Operation(
                method="GET",
                path="/api/provision/jobs",
                work=self.list,
                summary="The last ones",
                tag=_TAG,
                answers={200: Answer("The newest last", list[ProvisionView])},
            ),
            Operation(
                method="GET",
                work=self.get,
                summary="How far it is",
                answers={200: state},
                refuses=(404,),
                **one,
            ),
            Operation(
                method="DELETE",
                work=self.cancel,
                summary="End it; what is done stays done",
                need="change",
                answers={200: state},
                refuses=(404,),
                **one,
            ),
        ]

    async def stop(self) -> None:
        """End what runs; returns when the tokens that came are kept."""
        for job in self._jobs.values():
            if job.status == "running" and job.work is not None:
                job.work.cancel()
                await job.work

    async def list(self, call: Call) -> Reply:
        return Reply([self._view(one) for one in self._jobs.values()])

    async def get(self, call: Call) -> Reply:
        return Reply(self._view(self._job(call)))

    async def cancel(self, call: Call) -> Reply:
        job = self._job(call)
        if job.status == "running" and job.work is not None:
            job.work.cancel()
        return Reply(self._view(job))

    def _job(self, call: Call) -> _Job:
        job = self._jobs.get(call.path["id"])
        if job is None:
            raise RefusedError(404, "There is no such job.")
        return job

    async def begin(self, call: Call) -> Reply:
        body: ProvisionBody = call.body
        sink = self._sink(body.sink)
        run, place = self._way(body, sink)
        own = await self._parts.own()
        wishes = await self._wishes(body, sink, own)
        if any(one.status == "running" for one in self._jobs.values()):
            raise RefusedError(409, "Another one goes on; wait for it, or end it.")
        self._number += 1
        job = _Job(self._number, sink.name, wishes, self._parts.now(), call.who.name)
        self._jobs[job.id] = job
        while len(self._jobs) > KEPT:
            del self._jobs[next(iter(self._jobs))]
        work = self._run(job, run, own)
        job.work = Deferred.fromCoroutine(work)
        told = f"{len(wishes)} meters at {place}"
        await self._parts.registry.audit.add(call.who.name, "provision", sink.name, told)
        location = (("Location", f"/api/provision/jobs/{job.id}"),)
        return Reply(self._view(job), 202, location)

    def _sink(self, name: str) -> SinkOptions:
        for one in self._parts.reload.configuration.sinks:
            if one.name == name and one.kind == "thingsboard":
                return one
        raise _unfit("sink", "no such sink of kind thingsboard")

    async def _wishes(
        self, body: ProvisionBody, sink: SinkOptions, own: Mapping[str, OwnMeter]
    ) -> Sequence[Wish]:
        meters = self._parts.meters()
        ours = {name: one for name, one in meters.items() if sink.name in one.sinks}
        names: list[str] = list(ours)
        if body.meters is not None:
            names = [await self._parts.name_of(number) for number in dict.fromkeys(body.meters)]
        for name in set(names) - ours.keys():
            if name not in meters or name not in own or not self._would_join(own[name], sink):
                raise _unfit("meters", f"{name} is no meter of sink {sink.name}")
            ours[name] = meters[name]
        if not names:
            raise _unfit("meters", f"sink {sink.name} has no meters")
        board = self._parts.board
        return [
            Wish.of(ours[name], body.type, board.meters.get(name), board.identities.get(name))
            for name in names
        ]

    def _would_join(self, meter: OwnMeter, sink: SinkOptions) -> bool:
        """Whether it publishes there as soon as it has a token."""
        reload = self._parts.reload
        entrusted = evolve(meter, secrets={**meter.secrets, "token": Secret("to come")})
        said = table(entrusted, reload.file.sinks, reload.configuration.sinks)["sinks"]
        return "token" not in meter.secrets and isinstance(said, list) and sink.name in said

    async def _run(
        self,
        job: _Job,
        run: _Run,
        own: Mapping[str, OwnMeter],
    ) -> None:
        """No error leaves here: the job tells it."""
        wishes = []
        for wish in job.wishes:
            if wish.token is None and wish.own is None and wish.name not in own:
                error = "its token stands in the file: dlmsd provision writes it there"
                job.granted.append(Granted(wish, Outcome.FAILED, error=error))
            else:
                wishes.append(wish)
        status: _Status = "done"
        try:
            try:
                await run(wishes, job.granted.append)
            except CancelledError:
                status = "cancelled"
            finally:
                await self._keep(job)
            job.status = status
        except DlmsdError as error:
            job.status, job.error, job.advice = "failed", clean(str(error)), error.advice
        except Exception:  # noqa: BLE001 - nobody waits for it; its status says so
            job.status = "failed"
            _log.failure("devices could not be made at ThingsBoard")

    def _way(self, body: ProvisionBody, sink: SinkOptions) -> tuple[_Run, str]:
        """How devices are made, and where, in words."""
        machine = self._parts.machine
        if body.provision_key is not None:
            if body.provision_secret is None:
                raise _unfit("provision_secret", "give it beside provision_key")
            key, secret = Secret(body.provision_key), Secret(body.provision_secret)
            way = machine.reach(sink)
            return Enrolment(way, key, secret, machine.reactor, sink.protocol).run, sink.url
        if body.url is None:
            raise _unfit("url", "give it, or provision_key and provision_secret")
        site, account = _site(body.url), _account(body)

        async def run(wishes: Sequence[Wish], told: Callable[[Granted], None]) -> None:
            contexts = None
            if site.tls:
                where = f"sinks.{sink.name}"
                contexts = client_contexts(site.host, where=where, ca_file=sink.ca_file)
            http = KeptConnections(machine.reactor, contexts)
            tenant = Tenant(Rest(site, account, http, machine.reactor))
            doing = Provisioning(tenant, machine.draw, told, set_tokens=body.set_tokens)
            try:
                await doing.run(wishes)
            finally:
                await http.close()

        return run, site.url

    async def _keep(self, job: _Job) -> None:
        tokens = {
            one.wish.name: one.token
            for one in job.granted
            if one.token is not None and one.token != one.wish.token
        }
        if tokens:
            await self._parts.desk.entrust(tokens, job.who)

    def _view(self, job: _Job) -> ProvisionView:
        ids = self._parts.registry.ids
        devices = tuple(
            GrantedView(
                ids.get(one.wish.name),
                one.wish.name,
                one.wish.device,
                one.outcome.value,
                one.token.fingerprint() if one.token is not None else None,
                clean(one.error),
                one.advice,
            )
            for one in job.granted
        )
        return ProvisionView(
            job.id,
            job.status,
            job.sink,
            len(devices),
            len(job.wishes),
            iso(job.started_at) or "",
            job.error,
            job.advice,
            devices,
        )


def _unfit(key: str, message: str) -> RefusedError:
    wrong = [FieldProblem(key, message)]
    return RefusedError(422, "The body does not fit; errors says where.", wrong)


def _site(url: str) -> Site:
    try:
        return Site.parse(url)
    except Refusal as error:
        raise _unfit("url", str(error)) from None


def _account(body: ProvisionBody) -> Account:
    if body.api_key is not None:
        return Account(api_key=Secret(body.api_key))
    if body.username is None or body.password is None:
        raise _unfit("api_key", "give it, or username and password")
    return Account(username=body.username, password=Secret(body.password))

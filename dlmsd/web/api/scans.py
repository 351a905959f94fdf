"""Searching allowed networks for meters: a job that tells how far it is and what it has found."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network, summarize_address_range
from typing import Any, Final, Literal

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from dlmsd.config.values import Network
from dlmsd.fleet.scan import MOST_HOSTS, PORTS, Finding, Scan, ScanError, network
from dlmsd.web import kinds
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import FieldProblem, RefusedError
from dlmsd.web.shape import object_of
from dlmsd.web.text import clean

_TAG: Final = "scan"
# One at a time, and what the last ones have found.
KEPT: Final = 20

_log = Logger()


@frozen(kw_only=True)
class ScanBody:
    """From one address to another; ``ports`` are tried on each."""

    start_ip: str = said(kinds.ADDRESS, example="192.168.1.1")
    end_ip: str = said(kinds.ADDRESS, example="192.168.1.254")
    ports: tuple[int, ...] = said(kinds.list_of(kinds.PORT, 8), PORTS)


@frozen
class SubnetQuery:
    subnet: str = said(kinds.text(64), says="Such as 192.168.1.0/24")


@frozen
class FoundView:
    """Something that answered: how it may be spoken to, and what it said of itself."""

    ip: str
    port: int
    framing: str
    client_id: int
    logical_device: int
    server_id: int
    evidence: str
    name: str
    serial_number: str


@frozen
class ScanView:
    """A search; ``done`` of ``total`` addresses have been looked at."""

    id: int
    status: Literal["running", "done", "cancelled", "failed"]
    networks: tuple[str, ...]
    ports: tuple[int, ...]
    done: int
    total: int
    started_at: str
    found: tuple[FoundView, ...]


@define
class _Job:
    id: int
    networks: tuple[Network, ...]
    ports: tuple[int, ...]
    started_at: int
    status: Literal["running", "done", "cancelled", "failed"] = "running"
    done: int = 0
    total: int = 0
    scans: list[Scan] = field(factory=list)
    work: Deferred[None] | None = None

    def view(self) -> ScanView:
        return ScanView(
            self.id,
            self.status,
            tuple(str(one) for one in self.networks),
            self.ports,
            self.done,
            self.total,
            iso(self.started_at) or "",
            tuple(_found(one) for scan in self.scans for one in scan.found),
        )


class Scans:
    """The operations under /api/scan."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._jobs: dict[int, _Job] = {}
        self._number = 0

    def operations(self) -> list[Operation]:
        begun = Answer("A search that runs", ScanView, headers={"Location": "Where it tells more"})
        state = Answer("A search", ScanView)
        change: dict[str, Any] = {"tag": _TAG, "need": "change", "refuses": (403, 404, 409)}
        subnet: dict[str, Any] = {
            "method": "GET",
            "summary": "Search a network; asked again, how far that is",
            "answers": {200: state, 202: begun},
            **change,
        }
        return [
            Operation(
                method="POST",
                path="/api/scan/network",
                work=self.range,
                summary="Search addresses for meters; only in [web] scan_networks",
                body=object_of(ScanBody),
                answers={202: begun},
                **(change | {"refuses": (403, 409, 413, 415, 422)}),
            ),
            Operation(path="/api/scan/subnet/{ip}/{bits}", work=self.subnet, **subnet),
            Operation(path="/api/scan/subnet/{subnet}", work=self.subnet, **subnet),
            Operation(path="/api/scan/subnet", work=self.subnet, query=SubnetQuery, **subnet),
            Operation(
                method="GET",
                path="/api/scan/jobs",
                work=self.list,
                summary="The last searches",
                tag=_TAG,
                answers={200: Answer("The newest last", list[ScanView])},
            ),
            Operation(
                method="GET",
                path="/api/scan/jobs/{id}",
                work=self.get,
                summary="How far a search is, and what it has found",
                tag=_TAG,
                answers={200: state},
                refuses=(404,),
            ),
            Operation(
                method="DELETE",
                path="/api/scan/jobs/{id}",
                work=self.cancel,
                summary="End a search",
                answers={200: Answer("What it had found", ScanView)},
                **(change | {"refuses": (404,)}),
            ),
        ]

    async def stop(self) -> None:
        """End what runs; returns when nothing is open any more."""
        running = [one for one in self._jobs.values() if one.status == "running" and one.work]
        for job in running:
            job.status = "cancelled"
            assert job.work is not None
            job.work.cancel()
            await job.work

    async def range(self, call: Call) -> Reply:
        body: ScanBody = call.body
        first, last = ip_address(body.start_ip), ip_address(body.end_ip)
        if first.version != last.version or int(first) > int(last):
            wrong = [FieldProblem("end_ip", "is not behind start_ip")]
            raise RefusedError(422, "The body does not fit; errors says where.", wrong)
        if not body.ports:
            wrong = [FieldProblem("ports", "expected at least one")]
            raise RefusedError(422, "The body does not fit; errors says where.", wrong)
        return await self._begin(call, _networks(first, last), tuple(dict.fromkeys(body.ports)))

    async def subnet(self, call: Call) -> Reply:
        """The slash may be a part of the path, escaped (%2F), or come in the query."""
        asked = call.path.get("subnet") or (call.query and call.query.subnet)
        text = asked or f"{call.path['ip']}/{call.path['bits']}"
        try:
            wanted = ip_network(text, strict=False)
        except ValueError:
            raise RefusedError(404, "That is no network.") from None
        for job in reversed(self._jobs.values()):
            if job.networks == (wanted,) and job.status in ("running", "done"):
                return Reply(job.view(), 202 if job.status == "running" else 200)
        return await self._begin(call, (wanted,), PORTS)

    async def list(self, call: Call) -> Reply:
        return Reply([one.view() for one in self._jobs.values()])

    async def get(self, call: Call) -> Reply:
        return Reply(self._job(call).view())

    async def cancel(self, call: Call) -> Reply:
        job = self._job(call)
        if job.work is not None and job.status == "running":
            job.status = "cancelled"
            job.work.cancel()
        return Reply(job.view())

    def _job(self, call: Call) -> _Job:
        job = self._jobs.get(call.path["id"])
        if job is None:
            raise RefusedError(404, "There is no such search.")
        return job

    async def _begin(
        self, call: Call, networks: Sequence[Network], ports: tuple[int, ...]
    ) -> Reply:
        self._allow(networks)
        if any(one.status == "running" for one in self._jobs.values()):
            raise RefusedError(409, "Another search is running; wait for it, or end it.")
        self._number += 1
        job = _Job(self._number, tuple(networks), ports, self._parts.now())
        job.scans = [Scan(one, ports, self._parts.reactor) for one in networks]
        job.total = sum(one.num_addresses for one in networks)
        self._jobs[job.id] = job
        while len(self._jobs) > KEPT:
            del self._jobs[next(iter(self._jobs))]
        told = ", ".join(str(one) for one in networks)
        job.work = Deferred.fromCoroutine(self._run(job))
        await self._parts.registry.audit.add(call.who.name, "scan", told)
        return Reply(job.view(), 202, (("Location", f"/api/scan/jobs/{job.id}"),))

    def _allow(self, networks: Sequence[Network]) -> None:
        allowed = self._parts.web.scan_networks
        for one in networks:
            inside = any(
                one.version == each.version and one.subnet_of(each)  # type: ignore[arg-type]
                for each in allowed
            )
            if not inside:
                raise RefusedError(403, f"{one} is not inside [web] scan_networks.")
            try:
                # The operator's word is enough for what is not private, never for its size.
                network(str(one), anywhere=True)
            except ScanError as error:
                raise RefusedError(403, str(error).partition(";")[0]) from None
        if sum(one.num_addresses for one in networks) > MOST_HOSTS:
            raise RefusedError(403, f"More than {MOST_HOSTS} addresses are not searched at once.")

    async def _run(self, job: _Job) -> None:
        before = 0
        try:
            for scan in job.scans:

                def progress(done: int, total: int, start: int = before) -> None:
                    job.done = start + done

                await scan.run(progress)
                before += scan.network.num_addresses
                job.done = before
            job.status = "done"
        except CancelledError:
            job.status = "cancelled"
        except Exception:  # noqa: BLE001 - nobody waits for it; its status says so
            job.status = "failed"
            _log.failure("a search for meters failed")


def _networks(first: Any, last: Any) -> tuple[Network, ...]:
    found: list[Network] = list(summarize_address_range(first, last))
    return tuple(found)


def _found(one: Finding) -> FoundView:
    how = one.candidate
    return FoundView(
        one.host,
        one.port,
        how.framing,
        how.client,
        how.logical,
        how.physical,
        clean(one.evidence),
        clean(one.name),
        clean(one.serial),
    )

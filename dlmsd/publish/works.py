"""What can be asked of dlmsd by way of a broker, in whatever form a broker's requests have.

A work has a name, is about one meter or about all, and may have parameters; docs/requests.md
lists them with what each answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Annotated, Any, Final, Literal, Protocol

import msgspec
from attrs import asdict, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dlmsd.errors import DlmsdError
from dlmsd.meter.excerpt import Excerpt
from dlmsd.meter.supply import Supply
from dlmsd.meter.timekeeping import ClockReading
from dlmsd.model import MeterStatus, Reading, ReloadStatus
from dlmsd.publish import payload
from dlmsd.store.metrics import Figures

# Who asks more of us at once is told so: each may wait for a meter.
MOST: Final = 50
# A request names a meter, a few parameters and a transaction, in some hundred bytes at most.
LONGEST: Final = 4096
_SHOWN: Final = 64
# 2100-01-01 in Unix ms: what is beyond was not meant as such.
_LATEST: Final = 4_102_444_800_000


class RequestError(DlmsdError):
    """See docs/requests.md for what can be asked, and how."""

    culprit = "operator"


class Orders(Protocol):
    """What can be ordered; see :class:`dlmsd.orders.Orders`."""

    @property
    def reload(self) -> Callable[[str], Awaitable[ReloadStatus]]: ...
    def read_now(self, meter: str) -> Awaitable[Reading]: ...
    def reconnect(self, meter: str) -> Awaitable[None]: ...
    def status(self, meter: str | None = None) -> msgspec.Raw: ...
    def stats(self, meter: str) -> Awaitable[tuple[MeterStatus, Figures]]: ...
    def profile(self, meter: str, start: int, end: int) -> Awaitable[Excerpt]: ...
    def set_clock(
        self, meter: str, who: str, *, force: bool
    ) -> Awaitable[tuple[ClockReading, ...]]: ...
    def switch(self, meter: str, who: str, *, on: bool) -> Awaitable[Supply]: ...
    async def override(self, meter: str, wanted: Mapping[str, object], who: str) -> None: ...
    async def renamed(self, meter: str, old: str, new: str, who: str) -> None: ...


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No parameters."""


_Moment = Annotated[int, msgspec.Meta(ge=0, le=_LATEST)]


class _Range(msgspec.Struct, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    start: _Moment
    end: _Moment


class _Force(msgspec.Struct, forbid_unknown_fields=True):
    force: bool = False


@frozen
class _Work:
    """``about`` is ``one`` meter, ``all``, or ``either``."""

    do: Callable[[Any, Any], Awaitable[Any]]
    parameters: type = _Nothing
    about: Literal["one", "all", "either"] = "one"


@frozen
class Outcome:
    """``data`` of what was done, or the ``error`` that kept it from it."""

    data: Any = None
    error: str = ""
    advice: str = ""

    @classmethod
    def failed(cls, error: DlmsdError) -> Outcome:
        """The words of an error."""
        return cls(error=str(error), advice=error.advice)


TOO_LARGE: Final = Outcome.failed(
    RequestError("the answer is larger than what the broker takes; ask for less")
)


class Works:
    """Carries out what is asked through the sink of this name.

    It may be asked about ``meters``, and no others; ``overall`` about dlmsd as a whole, too.
    """

    log = Logger()

    def __init__(
        self, orders: Orders, meters: Collection[str], sink: str, *, overall: bool = True
    ) -> None:
        self._orders = orders
        self._meters = meters
        self._sink = sink
        self._who = f"sink {sink}"
        self._running = 0
        works = {
            "get_status": _Work(self._status, about="either"),
            "get_stats": _Work(self._stats),
            "read_now": _Work(self._read_now),
            "read_profile": _Work(self._read_profile, _Range),
            "reconnect": _Work(self._reconnect),
            "reload": _Work(self._reload, about="all"),
            "set_clock": _Work(self._set_clock, _Force),
            "disconnect_supply": _Work(self._disconnect_supply),
            "reconnect_supply": _Work(self._reconnect_supply),
        }
        self._works = {name: one for name, one in works.items() if overall or one.about != "all"}

    @property
    def names(self) -> list[str]:
        """What can be asked."""
        return list(self._works)

    def begin(
        self,
        name: str,
        meter: str | None,
        parameters: Mapping[str, object],
        told: Callable[[Outcome], object],
    ) -> None:
        """Let ``told`` have the outcome, now or later."""
        done = Deferred.fromCoroutine(self._outcome(name, meter, parameters))
        done.addCallback(told)
        done.addErrback(lambda failure: self.log.failure("A request failed", failure))

    async def _outcome(
        self, name: str, meter: str | None, parameters: Mapping[str, object]
    ) -> Outcome:
        self._running += 1
        try:
            if self._running > MOST:
                raise RequestError(f"{MOST} requests are under way already; ask again later")
            work = self._works.get(name)
            if work is None:
                known = ", ".join(self._works)
                raise RequestError(f"{name[:_SHOWN]!a} is no request; there are: {known}")
            about = self._about(work, meter)
            return Outcome(await work.do(about, _taken(parameters, work.parameters)))
        except DlmsdError as error:
            return Outcome.failed(error)
        except Exception:  # noqa: BLE001 - whatever it is, who asked must hear of it
            self.log.failure("{sink}: request {request} failed", sink=self._sink, request=name)
            return Outcome(error="a fault of dlmsd; the log has the details")
        finally:
            self._running -= 1

    def _about(self, work: _Work, meter: str | None) -> str | None:
        if meter is None and work.about == "one":
            raise RequestError("no meter is named")
        if meter is not None and work.about == "all":
            raise RequestError("it concerns all of dlmsd, so no meter is named")
        if meter is not None and meter not in self._meters:
            raise RequestError(f"{meter[:_SHOWN]!a} is no meter of this sink")
        return meter

    # Each of them, with a meter that is known, and parameters that are right.

    async def _read_now(self, meter: str, _: _Nothing) -> Any:
        reading = await self._orders.read_now(meter)
        return {"meter": reading.meter, "ts": reading.ts, "values": payload.values(reading)}

    async def _read_profile(self, meter: str, wanted: _Range) -> Any:
        if wanted.end < wanted.start:
            raise RequestError("'to' is before 'from'; both are Unix milliseconds")
        excerpt = await self._orders.profile(meter, wanted.start, wanted.end)
        rows = [
            {"ts": ts, "values": payload.sayable(values)} for ts, values in excerpt.rows.items()
        ]
        more = {} if excerpt.complete else {"next": excerpt.reached}
        answer = {"meter": meter, "units": excerpt.units, "rows": rows}
        return {**answer, "complete": excerpt.complete, **more}

    async def _reconnect(self, meter: str, _: _Nothing) -> Any:
        await self._orders.reconnect(meter)
        return {"meter": meter}

    async def _reload(self, _: None, __: _Nothing) -> Any:
        return asdict(await self._orders.reload(self._who))

    async def _status(self, meter: str | None, _: _Nothing) -> Any:
        return self._orders.status(meter)

    async def _stats(self, meter: str, _: _Nothing) -> Any:
        status, day = await self._orders.stats(meter)
        return {"meter": meter, "now": _now(status), "day": _day(day)}

    async def _set_clock(self, meter: str, wanted: _Force) -> Any:
        before, after = await self._orders.set_clock(meter, self._who, force=wanted.force)
        return {
            "meter": meter,
            "before": _rounded(before.difference),
            "after": _rounded(after.difference),
            "uncertainty": _rounded(after.uncertainty),
        }

    async def _disconnect_supply(self, meter: str, _: _Nothing) -> Any:
        return {"meter": meter, **asdict(await self._orders.switch(meter, self._who, on=False))}

    async def _reconnect_supply(self, meter: str, _: _Nothing) -> Any:
        return {"meter": meter, **asdict(await self._orders.switch(meter, self._who, on=True))}


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object of a request; RequestError for all else."""
    if len(body) > LONGEST:
        raise RequestError(f"a request of {len(body)} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise RequestError(f"no request: {error}") from None


def _taken(parameters: Mapping[str, object], wanted: type) -> Any:
    try:
        return msgspec.convert(parameters, wanted)
    except msgspec.ValidationError as error:
        raise RequestError(f"no request: {error}") from None


def _now(status: MeterStatus) -> dict[str, Any]:
    return {
        "good": status.good,
        "failed": status.failed,
        "missed": status.missed,
        "connects": status.connects,
        "success_rate": _percent(status.recent),
        "cycle_seconds": _rounded(status.cycle_seconds),
        "latency": _rounded(status.latency),
    }


def _day(day: Figures) -> dict[str, Any]:
    times = (("least", day.least_ms), ("average", day.average_ms), ("most", day.most_ms))
    return {
        "good": day.good,
        "failed": day.failed,
        "missed": day.missed,
        "connects": day.connects,
        "success_rate": _percent(day.success),
        "cycle_seconds": {name: _rounded(ms and ms / 1000) for name, ms in times},
        "delivered": day.delivered,
        "queued": day.queued,
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)

"""Attributes, time series and RPC."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.thingsboard import values
from tests.thingsboard.rest import errors
from tests.thingsboard.rest.devices import found
from tests.thingsboard.rest.errors import RestError
from tests.thingsboard.rest.site import ANYBODY, Call, route
from tests.thingsboard.server import NoAnswer

SCOPES = ("SERVER_SCOPE", "SHARED_SCOPE")
SHORTEST = 5.0  # R13
PATH = "/api/plugins/telemetry/DEVICE/{}"


def _parsed(call: Call) -> Any:
    """The body with its numbers as text, as the traps of V1 to V6 want it."""
    return values.parse(json.dumps(call.body).encode())


def _attributes(call: Call, id: str, scope: str) -> None:
    """R12"""
    device = found(call, id)
    if scope not in SCOPES:
        raise errors.bad(f"Invalid scope: {scope}")
    try:
        given = values.attributes(_parsed(call))
    except values.NotConvertible as error:
        raise errors.bad("Request is not a JSON object") from error
    if scope == "SHARED_SCOPE":
        call.server.share(device, given)
    else:
        device.server.update(given)


@route("POST", f"{PATH}/timeseries/{{}}")
def save_series(call: Call, id: str, scope: str) -> Any:
    """R12"""
    try:
        records = values.telemetry(_parsed(call), call.server.now)
    except values.NotConvertible as error:
        raise errors.bad("Unable to parse timeseries payload") from error
    found(call, id).keep(records)


@route("POST", f"{PATH}/attributes/{{}}")
def save_attributes_longer(call: Call, id: str, scope: str) -> Any:
    _attributes(call, id, scope)


@route("POST", f"{PATH}/{{}}")
def save_attributes(call: Call, id: str, scope: str) -> Any:
    _attributes(call, id, scope)


@route("DELETE", f"{PATH}/{{}}")
def delete_attributes(call: Call, id: str, scope: str) -> Any:
    """R12"""
    device = found(call, id)
    keys = call.query.get("keys", "").split(",")
    if scope == "SHARED_SCOPE":
        call.server.unshare(device, *keys)
    elif scope in ("SERVER_SCOPE", "CLIENT_SCOPE"):
        for key in keys:
            device.scope(scope).pop(key, None)
    else:
        raise errors.bad(f"Invalid scope: {scope}")


@route("GET", f"{PATH}/values/attributes/{{}}", ANYBODY)
def get_attributes(call: Call, id: str, scope: str) -> Any:
    """R12"""
    if scope not in (*SCOPES, "CLIENT_SCOPE"):
        raise errors.bad(f"Invalid scope: {scope}")
    kept = found(call, id).scope(scope)
    keys = call.query["keys"].split(",") if "keys" in call.query else list(kept)
    now = call.server.now
    return [{"lastUpdateTs": now, "key": key, "value": kept[key]} for key in keys if key in kept]


@route("GET", f"{PATH}/values/timeseries", ANYBODY)
def get_series(call: Call, id: str) -> Any:
    """R12: the latest, or all between ``startTs`` and ``endTs``, as text unless asked else."""
    device, query = found(call, id), call.query
    strict = query.get("useStrictDataTypes") == "true"
    keys = query["keys"].split(",") if "keys" in query else list(device.telemetry)
    answer = {}
    for key in keys:
        series = device.series(key)
        if "startTs" in query:
            first, last = int(query["startTs"]), int(query["endTs"])
            series = [one for one in series if first <= one[0] < last]
            series = series[::-1][: int(query.get("limit", 100))]
        else:
            series = series[-1:]
        if series:
            answer[key] = [
                {"ts": ts, "value": value if strict else _text(value)} for ts, value in series
            ]
    return answer


def _text(value: values.Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@route("POST", "/api/rpc/twoway/{}", ANYBODY)
def ask(call: Call, id: str) -> Any:
    return _ask(call, id, oneway=False)


@route("POST", "/api/rpc/oneway/{}", ANYBODY)
def tell(call: Call, id: str) -> Any:
    return _ask(call, id, oneway=True)


def _ask(call: Call, id: str, oneway: bool) -> Deferred[Any]:
    """R13"""
    device, body = found(call, id), call.body
    if not isinstance(body, dict) or not body.get("method") or "params" not in body:
        raise errors.bad("Invalid request body")

    def silent(failure: Failure) -> Failure:
        failure.trap(NoAnswer)
        return Failure(RestError(504, 0, "Timeout"))

    timeout = max(SHORTEST, body.get("timeout", 10000) / 1000)
    asked = call.server.ask(device, body["method"], body["params"], timeout, oneway)
    return asked.addErrback(silent)

"""Many devices at once, from CSV (R11)."""

from __future__ import annotations

import csv
import io
from typing import Any

from tests.thingsboard import values
from tests.thingsboard.device import Credentials
from tests.thingsboard.rest import errors
from tests.thingsboard.rest.devices import save
from tests.thingsboard.rest.errors import RestError
from tests.thingsboard.rest.site import Call, route
from tests.thingsboard.server import ThingsBoard

BASIC = {"MQTT_CLIENT_ID": "clientId", "MQTT_USER_NAME": "userName", "MQTT_PASSWORD": "password"}


@route("POST", "/api/device/bulk_import")
def bulk_import(call: Call) -> Any:
    """R11"""
    try:
        mapping = call.body["mapping"]
        columns, delimiter = mapping["columns"], mapping["delimiter"]
        rows = list(csv.reader(io.StringIO(call.body["file"]), delimiter=delimiter))
    except (KeyError, TypeError) as error:
        raise errors.bad("Invalid mapping") from error
    counts = {"created": 0, "updated": 0}
    failed = []
    for number, row in enumerate(rows, 1):
        if not row or (number == 1 and mapping.get("header")):
            continue
        try:
            counts[_import(call.server, columns, row, mapping.get("update", False))] += 1
        except RestError as error:
            failed.append(f"Line {number}: {error}")
    return {**counts, "errors": len(failed), "errorsList": failed}


def _import(
    server: ThingsBoard, columns: list[dict[str, str]], row: list[str], update: bool
) -> str:
    """One device; whether it was ``created`` or ``updated``."""
    body: dict[str, Any] = {"additionalInfo": {}}
    basic: dict[str, str] = {}
    credentials = None
    attributes: list[tuple[str, str, values.Value]] = []
    for column, cell in zip(columns, row, strict=False):
        kind = column["type"]
        if kind in ("NAME", "TYPE", "LABEL"):
            body[kind.lower()] = cell
        elif kind == "IS_GATEWAY":
            body["additionalInfo"]["gateway"] = cell.lower() == "true"
        elif kind == "DESCRIPTION":
            body["additionalInfo"]["description"] = cell
        elif kind == "ACCESS_TOKEN" and cell:
            credentials = Credentials(id=cell)
        elif kind in BASIC and cell:
            basic[BASIC[kind]] = cell
            credentials = Credentials("MQTT_BASIC", basic=basic)
        elif kind in ("SERVER_ATTRIBUTE", "SHARED_ATTRIBUTE", "TIMESERIES") and cell:
            attributes.append((kind, column["key"], _cell(cell)))
    known = server.named(body.get("name", ""))
    if known is not None:
        if not update:
            raise errors.bad("Device with such name already exists!")
        body["id"] = {"id": known.id}
        body["additionalInfo"] = {**known.info, **body["additionalInfo"]}
    device = save(server, body, credentials)
    for kind, key, value in attributes:
        if kind == "SERVER_ATTRIBUTE":
            device.server[key] = value
        elif kind == "SHARED_ATTRIBUTE":
            server.share(device, {key: value})
        else:
            device.keep([values.Record(server.now, {key: value})])
    return "created" if known is None else "updated"


def _cell(cell: str) -> values.Value:
    return cell == "true" if cell in ("true", "false") else values.value(cell)

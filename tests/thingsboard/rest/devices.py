"""Devices and their credentials."""

from __future__ import annotations

import json
import math
from typing import Any
from uuid import UUID

from tests.thingsboard.device import Credentials, Device
from tests.thingsboard.rest import errors
from tests.thingsboard.rest.site import ANYBODY, Call, route
from tests.thingsboard.server import ThingsBoard

NOBODY = "13814000-1dd2-11b2-8080-808080808080"
KINDS = ("ACCESS_TOKEN", "MQTT_BASIC", "X509_CERTIFICATE")


def found(call: Call, id: str) -> Device:
    """The device of this id (R5)."""
    try:
        device = call.server.devices.get(str(UUID(id)))
    except ValueError as error:
        raise errors.bad(f"Invalid UUID string: {id}") from error
    if device is None:
        raise errors.missing(f"Device with id [{id}] is not found")
    return device


def save(
    server: ThingsBoard, body: Any, credentials: Credentials | None, uniquify: bool = False
) -> Device:
    """R6, R7: make the device of ``body``, or change it where it names an id."""
    if not isinstance(body, dict) or not body.get("name"):
        raise errors.bad("Device name should be specified!")
    name, id = body["name"], (body.get("id") or {}).get("id")
    device = server.devices.get(id) if id else None
    if id and device is None:
        raise errors.missing(f"Device with id [{id}] is not found")
    other = server.named(name)
    if other is not None and other is not device:
        if not uniquify:
            raise errors.bad("Device with such name already exists!")
        name = f"{name}_{server.token()[:6]}"
    if device is not None and body.get("version", device.version) != device.version:
        raise errors.stale()
    if credentials is not None:
        unclaimed(server, credentials, device)
    if device is None:
        device = server.create(name, body.get("type") or "default", credentials)
    else:
        device.type = body.get("type") or device.type
        if device.name != name:
            server.rename(device, name)
        else:
            device.version += 1
        if credentials is not None:
            server.set_credentials(device, credentials)
    device.label = body.get("label") or ""
    device.info = dict(body.get("additionalInfo") or {})
    return device


def unclaimed(server: ThingsBoard, credentials: Credentials, device: Device | None) -> None:
    """No other device has these credentials."""
    for other in server.devices.values():
        if other is not device and other.credentials == credentials:
            raise errors.bad("Device credentials are already assigned to another device!")


def credentials_of(body: Any) -> Credentials:
    """R8: as REST writes them."""
    kind = body.get("credentialsType") if isinstance(body, dict) else None
    if kind not in KINDS:
        raise errors.bad("Device credentials type should be specified!")
    if kind == "MQTT_BASIC":
        try:
            basic = json.loads(body["credentialsValue"])
        except (KeyError, TypeError, ValueError) as error:
            raise errors.bad("Invalid credentials body for simple mqtt credentials!") from error
        basic = {key: one for key, one in basic.items() if one}
        if not basic.keys() & {"clientId", "userName"}:
            raise errors.bad("Both mqtt client id and user name are empty!")
        if "password" in basic and "userName" not in basic:
            raise errors.bad("Password cannot be specified along with client id")
        return Credentials(kind, basic=basic)
    if kind == "X509_CERTIFICATE":
        if not body.get("credentialsValue"):
            raise errors.bad("Device credentials id should be specified!")
        return Credentials.of_certificate(body["credentialsValue"])
    if not body.get("credentialsId"):
        raise errors.bad("Device credentials id should be specified!")
    return Credentials(kind, body["credentialsId"])


def told(device: Device) -> dict[str, Any]:
    """A device as REST writes it."""
    return {
        "id": {"entityType": "DEVICE", "id": device.id},
        "createdTime": device.created,
        "additionalInfo": device.info,
        "customerId": {"entityType": "CUSTOMER", "id": NOBODY},
        "name": device.name,
        "type": device.type,
        "label": device.label,
        "version": device.version,
    }


def _told_credentials(device: Device) -> dict[str, Any]:
    credentials = device.credentials
    basic = credentials.type == "MQTT_BASIC"
    return {
        "id": {"id": device.id},
        "createdTime": device.created,
        "deviceId": {"entityType": "DEVICE", "id": device.id},
        "credentialsType": credentials.type,
        "credentialsId": credentials.id,
        "credentialsValue": json.dumps(dict(credentials.basic))
        if basic
        else credentials.certificate or None,
    }


@route("POST", "/api/device")
def save_device(call: Call) -> Any:
    """R6"""
    token = call.query.get("accessToken")
    uniquify = call.query.get("nameConflictPolicy") == "UNIQUIFY"
    credentials = Credentials(id=token) if token else None
    return told(save(call.server, call.body, credentials, uniquify))


@route("POST", "/api/device-with-credentials")
def save_with_credentials(call: Call) -> Any:
    """R8"""
    body = call.body or {}
    uniquify = call.query.get("nameConflictPolicy") == "UNIQUIFY"
    given = credentials_of(body.get("credentials"))
    return told(save(call.server, body.get("device"), given, uniquify))


@route("GET", "/api/device/{}", ANYBODY)
def get_device(call: Call, id: str) -> Any:
    return told(found(call, id))


@route("DELETE", "/api/device/{}")
def delete_device(call: Call, id: str) -> Any:
    """R15"""
    call.server.delete(found(call, id))


@route("GET", "/api/device/{}/credentials", ANYBODY)
def get_credentials(call: Call, id: str) -> Any:
    """R9"""
    return _told_credentials(found(call, id))


@route("POST", "/api/device/credentials")
def set_credentials(call: Call) -> Any:
    """R9"""
    body = call.body if isinstance(call.body, dict) else {}
    device = found(call, (body.get("deviceId") or {}).get("id", ""))
    if (body.get("id") or {}).get("id") != device.id:
        raise errors.bad("Credentials for this device are already specified!")
    given = credentials_of(body)
    unclaimed(call.server, given, device)
    call.server.set_credentials(device, given)
    return _told_credentials(device)


@route("GET", "/api/tenant/device")
def get_by_name(call: Call) -> Any:
    """R10"""
    device = call.server.named(call.query.get("deviceName", ""))
    if device is None:
        raise errors.missing("Requested item wasn't found!")
    return told(device)


@route("GET", "/api/tenant/devices")
def list_devices(call: Call) -> Any:
    """R10"""
    query = call.query
    if "deviceName" in query:
        return get_by_name(call)
    if not {"pageSize", "page"} <= query.keys():
        raise errors.bad("Required request parameter 'pageSize' is not present")
    size, page = int(query["pageSize"]), int(query["page"])
    if size < 1 or page < 0:
        raise errors.bad("Incorrect page link")
    search = query.get("textSearch", "").lower()
    chosen = [
        device
        for device in call.server.devices.values()
        if query.get("type") in (None, "", device.type)
        and search in f"{device.name}\0{device.type}\0{device.label}".lower()
    ]
    data = [told(device) for device in chosen[page * size : (page + 1) * size]]
    return {
        "data": data,
        "totalPages": math.ceil(len(chosen) / size),
        "totalElements": len(chosen),
        "hasNext": (page + 1) * size < len(chosen),
    }


@route("GET", "/api/device-connectivity/{}", ANYBODY)
def connectivity(call: Call, id: str) -> Any:
    """R14"""
    token = found(call, id).credentials.id
    publish = "mosquitto_pub -d -q 1 -h localhost -p 1883 -t v1/devices/me/telemetry"
    return {"mqtt": {"mqtt": f'{publish} -u "{token}" -m "{{temperature:25}}"'}}

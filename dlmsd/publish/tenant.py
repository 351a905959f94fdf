"""The devices of one ThingsBoard tenant."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import msgspec
from attrs import frozen

from dlmsd.config.credentials import DeviceCredentials, certificate_id, leaf
from dlmsd.publish.rest import Json, MissingError, NoThingsBoardError, RejectedError, Rest
from dlmsd.secret import Secret


@frozen
class Device:
    """A device as ThingsBoard tells it; ``body`` is all of it, to be sent back changed."""

    id: str
    body: Mapping[str, Json]

    @property
    def gateway(self) -> bool:
        """Whether *Is gateway* is enabled."""
        return self._info.get("gateway") is True

    @property
    def _info(self) -> Mapping[str, Json]:
        info = self.body.get("additionalInfo")
        return info if isinstance(info, dict) else {}

    def as_gateway(self) -> dict[str, Json]:
        """Its body with *Is gateway* enabled, all else as it is."""
        return {**self.body, "additionalInfo": {**self._info, "gateway": True}}


@frozen
class NewDevice:
    """A device to be made; ``type`` is its device profile, ``attributes`` are the server's."""

    name: str
    type: str
    credentials: DeviceCredentials
    attributes: Mapping[str, str]
    gateway: bool = False


class Tenant:
    """Every method raises RestError."""

    def __init__(self, rest: Rest) -> None:
        self._call = rest.call

    async def find(self, name: str) -> Device | None:
        """The device of this name."""
        try:
            found = await self._call("GET", "/api/tenant/device", query={"deviceName": name})
        except MissingError:
            return None
        return _device(found)

    async def create(self, new: NewDevice) -> Device:
        """RejectedError if its name or its credentials are taken."""
        device: dict[str, Json] = {"name": new.name, "type": new.type}
        if new.gateway:
            device["additionalInfo"] = {"gateway": True}
        body = {"device": device, "credentials": written(new.credentials)}
        made = _device(await self._call("POST", "/api/device-with-credentials", body))
        await self.set_attributes(made, new.attributes)
        return made

    async def create_many(self, all_new: Sequence[NewDevice]) -> None:
        """All in one request, none of them a gateway and all with tokens; RejectedError if some
        were not made.
        """
        keys = sorted({key for new in all_new for key in new.attributes})
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("name", "type", "token", *keys))
        for new in all_new:
            cells = (new.attributes.get(key, "") for key in keys)
            assert new.credentials.token is not None
            token = new.credentials.token.reveal().decode()
            writer.writerow((new.name, new.type, token, *cells))
        columns = [{"type": "NAME"}, {"type": "TYPE"}, {"type": "ACCESS_TOKEN"}]
        columns += [{"type": "SERVER_ATTRIBUTE", "key": key} for key in keys]
        # Without update, a device that has come in between keeps what it has.
        mapping = {"columns": columns, "delimiter": ",", "header": True, "update": False}
        body = {"file": file.getvalue(), "mapping": mapping}
        answer = await self._call("POST", "/api/device/bulk_import", body)
        if not isinstance(answer, dict):
            raise NoThingsBoardError("an import that is answered by nothing")
        if answer.get("errors"):
            raise RejectedError("; ".join(str(one) for one in answer.get("errorsList", ())[:3]))

    async def make_gateway(self, device: Device) -> None:
        """Enable *Is gateway*."""
        await self._call("POST", "/api/device", device.as_gateway())

    async def token(self, device: Device) -> Secret | None:
        """Its access token; None if it has credentials of another kind."""
        found = await self._credentials(device)
        token = found.get("credentialsId")
        if found.get("credentialsType") != "ACCESS_TOKEN" or not isinstance(token, str):
            return None
        return Secret(token)

    async def has(self, device: Device, credentials: DeviceCredentials) -> bool:
        """Whether these are its credentials."""
        found, ours = await self._credentials(device), written(credentials)
        if found.get("credentialsType") != ours["credentialsType"]:
            return False
        if credentials.type == "MQTT_BASIC":
            return _basic(found.get("credentialsValue")) == _basic(ours["credentialsValue"])
        return bool(found.get("credentialsId") == ours["credentialsId"])

    async def set_credentials(self, device: Device, credentials: DeviceCredentials) -> None:
        """These in place of whatever it has; ends its session."""
        found = await self._credentials(device)
        given = {"credentialsValue": None, **written(credentials)}
        await self._call("POST", "/api/device/credentials", {**found, **given})

    async def set_attributes(self, device: Device, attributes: Mapping[str, str]) -> None:
        """Attributes of the server's scope; others stay."""
        path = f"/api/plugins/telemetry/DEVICE/{device.id}/SERVER_SCOPE"
        await self._call("POST", path, dict(attributes))

    async def _credentials(self, device: Device) -> dict[str, Json]:
        found = await self._call("GET", f"/api/device/{device.id}/credentials")
        if not isinstance(found, dict):
            raise NoThingsBoardError("credentials that are none")
        return found


def written(credentials: DeviceCredentials) -> dict[str, Json]:
    """As DeviceCredentials of ThingsBoard's REST; raises RejectedError for a certificate's file
    that holds none.

    The value of MQTT_BASIC is JSON in a string, and its id is made there (R8).
    """
    body: dict[str, Json] = {"credentialsType": credentials.type}
    if credentials.token is not None:
        return body | {"credentialsId": credentials.token.reveal().decode()}
    if credentials.cert_file is not None:
        text = leaf(credentials.cert_file)
        if text is None:
            raise RejectedError(f"{credentials.cert_file}: no certificate in PEM")
        return body | {"credentialsId": certificate_id(text), "credentialsValue": text.decode()}
    password = credentials.password
    said = {
        "clientId": credentials.client_id,
        "userName": credentials.username,
        "password": None if password is None else password.reveal().decode(),
    }
    return body | {"credentialsId": None, "credentialsValue": msgspec.json.encode(said).decode()}


def _basic(value: Json) -> dict[str, Json]:
    """The parts that are set; empty is not set."""
    try:
        said = msgspec.json.decode(value) if isinstance(value, str) else value
    except msgspec.DecodeError:
        return {}
    return {key: one for key, one in said.items() if one} if isinstance(said, dict) else {}


def _device(body: Json) -> Device:
    try:
        return Device(str(body["id"]["id"]), body)
    except (LookupError, TypeError):
        raise NoThingsBoardError("a device without an id") from None

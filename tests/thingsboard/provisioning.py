"""Devices that ask for themselves: provisioning by key and secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.thingsboard import values
from tests.thingsboard.device import Credentials, Device
from tests.thingsboard.packets import Publish

if TYPE_CHECKING:
    from tests.thingsboard.session import Session

CLOSED_AFTER = 60.0  # P6
NOT_FOUND = {"errorMsg": "Provision data was not found!", "status": "NOT_FOUND"}
FAILURE = {"errorMsg": "Failed to provision device!", "status": "FAILURE"}


class Provisioning:
    """A connection that came as ``provision`` (P1)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._server = session.server

    def publish(self, packet: Publish) -> None:
        if packet.topic != "/provision/request":
            self._session.acknowledge(packet.packet_id, 0x90)
            self._session.close(0x90)
            return
        try:
            body = values.plain(values.parse(packet.payload))
            if not isinstance(body, dict):
                raise values.NotConvertible("no object")
        except values.NotConvertible:
            self._session.invalid(packet.packet_id)
            return
        self._session.acknowledge(packet.packet_id)
        texts = {key: one for key, one in body.items() if isinstance(one, str) and one}
        self._session.send("/provision/response", self._answer(texts, body.get("gateway") is True))
        self._session.later(CLOSED_AFTER, self._session.close)

    def _answer(self, body: dict[str, str], gateway: bool) -> dict[str, Any]:
        """P2, P3"""
        profile = self._server.profiles.get(body.get("provisionDeviceKey", ""))
        if profile is None or profile.secret != body.get("provisionDeviceSecret"):
            return NOT_FOUND
        name = body.get("deviceName") or self._server.token()
        device = self._server.named(name)
        if profile.strategy == "CHECK_PRE_PROVISIONED_DEVICES":
            if device is None or device.provisioned:
                return FAILURE
        elif device is not None:
            return FAILURE
        else:
            device = self._server.create(name, profile.type, self._credentials(body))
            if gateway:  # P5
                device.info["gateway"] = True
        device.provisioned = True
        return _told(device)

    def _credentials(self, body: dict[str, str]) -> Credentials:
        """P4"""
        kind = body.get("credentialsType")
        if kind == "X509_CERTIFICATE" and "hash" in body:
            return Credentials.of_certificate(body["hash"])
        if kind == "MQTT_BASIC":
            names = {"clientId": "clientId", "username": "userName", "password": "password"}
            basic = {ours: body[theirs] for theirs, ours in names.items() if theirs in body}
            return Credentials(kind, basic=basic)
        return Credentials(id=body.get("token") or self._server.token())


def _told(device: Device) -> dict[str, Any]:
    credentials = device.credentials
    value: Any = credentials.id
    if credentials.type == "MQTT_BASIC":
        value = dict(credentials.basic)
    return {
        "credentialsValue": value,
        "credentialsType": credentials.type,
        "status": "SUCCESS",
    }

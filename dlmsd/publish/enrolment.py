"""Devices that ThingsBoard makes for whoever has a device profile's key and secret, over MQTT.

It needs no tenant's credentials, only what the profile's *Device provisioning* shows. A
connection that says ``provision`` is let in, asks once, and is answered once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as OverdueError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from dlmsd.config.credentials import DeviceCredentials
from dlmsd.publish import payload, troubles
from dlmsd.publish.codec import Login
from dlmsd.publish.connection import Connect
from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import Acknowledgement, MqttProtocol
from dlmsd.publish.provision import Granted, Outcome, Wish
from dlmsd.publish.rest import LoginError, RejectedError
from dlmsd.publish.tenant import written
from dlmsd.publish.version import VersionChoice
from dlmsd.secret import Secret

REQUEST: Final = "/provision/request"
RESPONSE: Final = "/provision/response"
TIMEOUT: Final = 30.0


class UnknownKeyError(LoginError):
    """ThingsBoard does not know this key and secret; copy both from the device profile, where
    Device provisioning must allow new devices."""


class TakenError(RejectedError):
    """ThingsBoard made no such device, mostly because there is one of this name; with --url and a
    tenant's credentials its token is fetched."""


class Enrolment:
    """``connect`` reaches the broker; ``key`` and ``secret`` are the device profile's."""

    def __init__(
        self,
        connect: Connect,
        key: Secret,
        secret: Secret,
        clock: IReactorTime,
        protocol: Literal["auto", 5, 311] = "auto",
    ) -> None:
        self._connect = connect
        self._key = key
        self._secret = secret
        self._clock = clock
        self._versions = VersionChoice(protocol)

    async def run(self, wishes: Sequence[Wish], told: Callable[[Granted], None]) -> None:
        """One after the other; whoever has a token needs no device. Raises as ``ask``."""
        for wish in wishes:
            if wish.token is not None:
                told(Granted(wish, Outcome.FOUND, wish.token))
            else:
                told(await self.ask(wish))

    async def ask(self, wish: Wish) -> Granted:
        """A new device; raises Trouble or LoginError for what concerns all wishes."""
        body = {
            "deviceName": wish.device,
            "provisionDeviceKey": self._key.reveal().decode(),
            "provisionDeviceSecret": self._secret.reveal().decode(),
            **_asked(wish.own or DeviceCredentials(wish.token)),
        }
        request = payload.encode({**body, **({"gateway": True} if wish.gateway else {})})
        while True:
            version = self._versions.next
            try:
                answer = await self._exchange(request)
            except troubles.VersionTrouble:
                self._versions.refused(version)
                if self._versions.next == version:
                    raise
            else:
                return _granted(wish, answer)

    async def _exchange(self, request: bytes) -> Any:
        asking = _Asking(request)
        session = MqttProtocol(
            Login("provision", Secret("provision"), who="provision"),
            self._versions.next,
            1,
            self._clock,
            asking,
        )
        try:
            await self._connect(Factory.forProtocol(lambda: session))
        except Exception as error:  # noqa: BLE001 - told in the words of a broker's troubles
            raise troubles.broken(Failure(error)) from None
        try:
            return await asking.answer.addTimeout(TIMEOUT, self._clock)
        except OverdueError:
            raise troubles.SilentTrouble(f"no answer within {TIMEOUT:.0f} s") from None
        finally:
            session.disconnect()
            await asking.ended


class _Asking:
    """One request over one connection."""

    def __init__(self, request: bytes) -> None:
        self.answer: Deferred[Any] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self._request = request

    def accepted(self, session: MqttProtocol) -> None:
        # Old releases do not acknowledge this subscription, so nobody waits for that.
        session.subscribe((RESPONSE,))
        session.publish(Message(REQUEST, self._request))

    def acknowledged(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        for _, reason in acknowledgements:
            if reason >= 0x80:
                self._end(troubles.unpublished(reason, REQUEST))

    def told(self, message: Message) -> bool:
        if message.topic != RESPONSE:
            return False
        if not self.answer.called:
            try:
                self.answer.callback(msgspec.json.decode(message.payload))
            except msgspec.DecodeError:
                self._end(troubles.ProtocolTrouble("an answer that is no JSON"))
        return True

    def lost(self, session: MqttProtocol, error: troubles.Trouble) -> None:
        self._end(error)
        self.ended.callback(None)

    def _end(self, error: troubles.Trouble) -> None:
        if not self.answer.called:
            self.answer.errback(error)


def _asked(wanted: DeviceCredentials) -> dict[str, str]:
    """Credentials as a request names them (JC buildProvisionRequestMsg); without a token one is
    made there. ``hash`` is the certificate, of which the server makes the hash."""
    body: dict[str, str] = {"credentialsType": wanted.type if wanted else "ACCESS_TOKEN"}
    if wanted.cert_file is not None:
        body["hash"] = str(written(wanted)["credentialsValue"])
    for key, secret in (("token", wanted.token), ("password", wanted.password)):
        if secret is not None:
            body[key] = secret.reveal().decode()
    for key, text in (("clientId", wanted.client_id), ("username", wanted.username)):
        if text is not None:
            body[key] = text
    return body


def _granted(wish: Wish, answer: Any) -> Granted:
    said = answer if isinstance(answer, dict) else {}
    token = said.get("credentialsValue")
    if said.get("status") == "SUCCESS" and wish.own is not None:
        return Granted(wish, Outcome.CREATED)
    if said.get("status") == "SUCCESS" and isinstance(token, str) and token:
        return Granted(wish, Outcome.CREATED, Secret(token))
    words = str(said.get("errorMsg") or "an answer without a token")
    if said.get("status") == "NOT_FOUND":
        raise UnknownKeyError(words)
    error = TakenError(words)
    return Granted(wish, Outcome.FAILED, error=words, advice=error.advice)

"""The stand-in of ThingsBoard is no mirror of ours: ThingsBoard's own client works with it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.integration.tb_client import interpreter
from tests.thingsboard.case import populated
from tests.thingsboard.limits import Limits, Rates
from tests.thingsboard.release import LATEST
from tests.thingsboard.server import ProvisioningProfile, ThingsBoard

SCRIPT = Path(__file__).with_name("tb_client_script.py")
VALUES = {"power": 136.5, "energy": 9007199254740993, "on": True}


class ClientTests(TestCase):
    timeout = 400  # the client is installed at first need

    async def run_client(self, part: str, **limits: Any) -> dict[str, Any]:
        """What the script found; ``server`` is what it spoke with."""
        python = await deferToThread(interpreter)
        limits = Limits(**limits)
        self.server = populated(ThingsBoard(reactor, time.time, Random(1), LATEST, limits))
        self.answers: list[Any] = []
        self.server.profiles["key"] = ProvisioningProfile("secret")
        self.server.methods["ready"] = self.ready
        self.server.methods["done"] = lambda params: {"fine": True}
        port = reactor.listenTCP(0, self.server, interface="127.0.0.1")
        try:
            number = port.getHost().port
            arguments = (str(SCRIPT), part, str(number))
            out, err, code = await getProcessOutputAndValue(str(python), arguments)
        finally:
            await port.stopListening()
            for session in tuple(self.server.sessions):
                session.transport.abortConnection()
        self.assertEqual(code, 0, err.decode())
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found

    def ready(self, params: Any) -> dict[str, Any]:
        """The client listens: now the server asks, and changes an attribute."""
        device = self.server.named("A") or self.server["meter"]
        asked = self.server.ask(device, "readNow", {"deep": [1]})
        asked.addBoth(self.answers.append)
        self.server.share(device, {"interval": 60})
        return {"got": params}

    def test_a_device(self) -> Deferred[None]:
        """Telemetry, attributes, requests, RPC both ways, getSessionLimits."""

        async def test() -> None:
            found = await self.run_client("device")
            device = self.server["meter"]
            kept = {key: dict(device.series(key)) for key in VALUES}
            self.assertEqual(kept, {key: {1000: value} for key, value in VALUES.items()})
            self.assertEqual(device.client, {"serial": "ISK-7", "model": "x"})
            self.assertEqual((found["telemetry"], found["attributes"]), (0, 0))
            self.assertEqual((found["update"], found["rpc"]), ({"interval": 60}, {"got": {"n": 1}}))
            asked = {"client": {"serial": "ISK-7"}, "shared": {"interval": 60}}
            self.assertEqual(found["requested"], asked)
            self.assertEqual(found["payload"], 65536 * 8 // 10)
            echo = {"echo": {"method": "readNow", "params": {"deep": [1]}}}
            self.assertEqual(self.answers, [echo])

        return Deferred.fromCoroutine(test())

    def test_a_gateway(self) -> Deferred[None]:
        """Connect, telemetry, attributes, requests and RPC of a sub-device."""

        async def test() -> None:
            found = await self.run_client("gateway")
            device = self.server["A"]
            self.assertEqual(device.type, "DLMS meter")
            self.assertEqual(device.series("energy"), [(1000, VALUES["energy"])])
            self.assertEqual(device.client, {"serial": "ISK-7"})
            results = [found[name] for name in ("connect", "telemetry", "attributes", "disconnect")]
            self.assertEqual(results, [0, 0, 0, 0])
            self.assertEqual(found["update"], {"device": "A", "data": {"interval": 60}})
            self.assertEqual((found["shared"]["device"], found["shared"]["value"]), ("A", 60))
            self.assertEqual(found["client"]["values"], {"serial": "ISK-7"})
            self.assertEqual(self.answers, [{"echo": "readNow"}])

        return Deferred.fromCoroutine(test())

    def test_provisioning(self) -> Deferred[None]:
        async def test() -> None:
            found = await self.run_client("provision")
            device = self.server["new gateway"]
            self.assertEqual(found["credentialsValue"], device.credentials.id)
            self.assertEqual(
                (device.is_gateway, found["telemetry"], found["wrong"]), (True, 0, None)
            )
            self.assertEqual(self.server["B"].series("p"), [(1, 1)])

        return Deferred.fromCoroutine(test())

    def test_a_rate_limit(self) -> Deferred[None]:
        async def test() -> None:
            rates = Rates(telemetry_messages="1:60")
            found = await self.run_client("limited", gateway_devices=rates)
            self.assertEqual(found["reasons"], [0, 0x97])

        return Deferred.fromCoroutine(test())

"""Devices that enrol themselves, against the stand-in of ThingsBoard in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from dlmsd.config.credentials import DeviceCredentials
from dlmsd.publish import troubles
from dlmsd.publish.enrolment import Enrolment, UnknownKeyError
from dlmsd.publish.provision import Granted, Outcome, Wish
from dlmsd.secret import Secret
from tests.publish.wishes import PEM, wish
from tests.thingsboard.case import ThingsBoardCase
from tests.thingsboard.server import ProvisioningProfile


class EnrolmentTests(ThingsBoardCase):
    key, secret = Secret("key"), Secret("secret")

    def begin(self, release: str = "4.3", **limits: Any) -> None:
        super().begin(release, **limits)
        self.server.profiles["key"] = ProvisioningProfile("secret", "DLMS meter")

    def ask(self, one: Wish, seconds: float = 0.0) -> Deferred[Granted]:
        enrolment = Enrolment(self.server.connect, self.key, self.secret, self.clock)
        asked = Deferred.fromCoroutine(enrolment.ask(one))
        for _ in range(20):
            self.clock.advance(0)
        self.clock.run(seconds)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return asked

    def test_a_new_device_of_every_release(self) -> None:
        for release in ("3.4", "3.6", "4.2.1", "4.3"):
            self.begin(release)
            for name, options in (
                ("a", {}),
                ("b", {"token": Secret("mine")}),
                ("c", {"gateway": True}),
            ):
                granted = self.successResultOf(self.ask(wish(name, **options)))
                device = self.server[f"Device {name}"]
                self.assertEqual(granted.outcome, Outcome.CREATED)
                self.assertEqual(granted.token, Secret(device.credentials.id))
                self.assertEqual(device.info, {"gateway": True} if options.get("gateway") else {})
            self.assertEqual(self.server["Device b"].credentials.id, "mine")
            self.assertEqual(self.server.sessions, [])

    def test_other_types_of_credentials(self) -> None:
        """P4"""
        path = Path(self.mktemp())
        path.write_text(PEM)
        user = DeviceCredentials(username="u", password=Secret("canary"), client_id="c")
        for name, own in (("a", user), ("b", DeviceCredentials(cert_file=path))):
            granted = self.successResultOf(self.ask(wish(name, own=own)))
            self.assertEqual((granted.outcome, granted.token), (Outcome.CREATED, None))
        basic = {"clientId": "c", "userName": "u", "password": "canary"}
        self.assertEqual(dict(self.server["Device a"].credentials.basic), basic)
        self.assertEqual(self.server["Device b"].credentials.certificate, "AAEC")

    def test_one_that_is_there(self) -> None:
        granted = self.successResultOf(self.ask(wish("a", device="meter")))
        self.assertEqual((granted.outcome, granted.token), (Outcome.FAILED, None))
        self.assertIn("--url", granted.advice)

    def test_a_wrong_key(self) -> None:
        self.secret = Secret("canary")
        failure = self.failureResultOf(self.ask(wish("a")), UnknownKeyError)
        self.assertNotIn("canary", str(failure))

    def test_nobody_is_there(self) -> None:
        self.server.listening = False
        self.failureResultOf(self.ask(wish("a")), troubles.UnreachableTrouble)

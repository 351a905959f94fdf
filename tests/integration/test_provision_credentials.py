"""``dlmsd provision`` as a process over TLS, for meters with MQTT basic and with certificates."""

from __future__ import annotations

from typing import Any

from tests.certificates import Authority
from tests.integration.processes import wait_until
from tests.integration.test_provision import ProvisionCase
from tests.integration.thingsboard import ThingsBoardProcess

BASIC = """
mqtt_username = "user-{number}"
mqtt_password = "canary-{number}"
mqtt_client_id = "client-{number}"
"""
CERTIFICATE = """
mqtt_cert_file = "{folder}/client.pem"
mqtt_key_file = "{folder}/client.key"
"""


class CredentialsTests(ProvisionCase):
    """Three meters: the first with MQTT basic, the second with a certificate, the third with
    nothing yet, which gets a token."""

    def serve(self) -> ThingsBoardProcess:
        self.authority = Authority(self.folder)
        self.authority.issue("localhost")
        self.authority.issue("a meter", "client")
        return ThingsBoardProcess(folder=self.folder)

    def setUp(self) -> None:
        super().setUp()
        self.begin(3)
        text = self.daemon.config.read_text()
        text = text.replace("mqtt://127.0.0.1", "mqtts://localhost").replace(
            "[[sinks]]\n", f'[[sinks]]\nca_file = "{self.folder}/ca.pem"\n'
        )
        for name, said in zip(self.names, (BASIC, CERTIFICATE), strict=False):
            line = f'name = "{name}"\n'
            self.assertIn(line, text)
            text = text.replace(line, line + said.format(number=1, folder=self.folder))
        self.daemon.config.write_text(text)

    def credentials(self, name: str) -> dict[str, Any]:
        device = self.server.device(name)
        assert device is not None
        found: dict[str, Any] = self.server.call(f"/api/device/{device['id']['id']}/credentials")
        return found

    def provision(self, *options: str, code: int = 0) -> list[dict[str, Any]]:
        if "--key-file" not in options:
            options = (*options, "--ca-file", str(self.folder / "ca.pem"))
        return super().provision(*options, code=code)

    def arrive(self) -> None:
        """Each meter's telemetry does, by credentials of its kind."""
        kinds = [self.credentials(name)["credentialsType"] for name in self.names]
        self.assertEqual(kinds, ["MQTT_BASIC", "X509_CERTIFICATE", "ACCESS_TOKEN"])
        self.daemon.start()
        wait_until(lambda: self.arrived() == 3, "every meter's telemetry", 60)
        log = self.daemon.log.read_text()
        self.assertNotIn("canary", log)
        # Only what was given a token is named in the configuration.
        self.assertEqual(self.daemon.config.read_text().count("token = { file ="), 1)

    def test_by_rest(self) -> None:
        for outcome in ("created", "found"):
            told = self.provision()
            self.assertEqual([one["outcome"] for one in told], [outcome] * 3)
            self.assertNotIn("canary", str(told))
        self.arrive()

    def test_by_key_and_secret(self) -> None:
        key, secret = self.secret("key", "key"), self.secret("secret", "secret")
        options = ("--key-file", str(key), "--secret-file", str(secret))
        told = self.provision(*options)
        self.assertEqual([one["outcome"] for one in told], ["created"] * 3)
        self.arrive()

    def test_other_credentials_are_a_conflict_until_they_are_wished(self) -> None:
        self.provision()
        before = self.daemon.config.read_text()
        self.daemon.config.write_text(before.replace("canary-1", "canary-2"))
        self.authority.issue("another meter", "client")
        outcomes = [one["outcome"] for one in self.provision(code=1)]
        self.assertEqual(outcomes, ["conflict", "conflict", "found"])
        outcomes = [one["outcome"] for one in self.provision("--set-tokens")]
        self.assertEqual(outcomes, ["credentials changed", "credentials changed", "found"])
        self.arrive()

    def test_a_server_that_nobody_vouches_for(self) -> None:
        """Over https nothing is told to whom --ca-file does not know."""
        Authority(self.folder)  # another ca.pem
        self.assertEqual(self.provision(code=1), [])

"""As whom meters come to ThingsBoard: one type each, and nobody twice."""

from __future__ import annotations

from dlmsd.config.credentials import DeviceCredentials, certificate_id, leaf
from dlmsd.secret import Secret
from tests.config.test_checks import PROFILE, QUARREL, meter, sink
from tests.config.test_identities import IdentityCase

PEM = "-----BEGIN CERTIFICATE-----\nAAEC\nAwQF\n-----END CERTIFICATE-----\n"
USER = 'mqtt_username = "u"\n'
PASSWORD = 'mqtt_password = "canary"\n'
CLIENT = 'mqtt_client_id = "c"\n'
CERT = 'mqtt_cert_file = "a.pem"\n'
TB = sink("tb", "thingsboard", "mqtts://h")


class CredentialsTests(IdentityCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ("a.pem", "copy.pem"):
            self.write(name, PEM)
        self.write("b.pem", PEM.replace("AAEC", "AAED"))
        self.write("a.key", "key")

    def of(self, *meters: str, sinks: str = TB) -> list[str]:
        named = [meter("abcdef"[index], one) for index, one in enumerate(meters)]
        return self.told(PROFILE + sinks + "".join(named))

    def test_each_type(self) -> None:
        text = PROFILE + TB + meter("a", USER + PASSWORD + CLIENT) + meter("b", CERT)
        basic, certificate = (one.credentials for one in self.load(text).meters)
        self.assertEqual(basic, DeviceCredentials(None, "u", Secret("canary"), "c"))
        self.assertEqual((basic.type, certificate.type), ("MQTT_BASIC", "X509_CERTIFICATE"))
        self.assertEqual(DeviceCredentials(Secret("t")).type, "ACCESS_TOKEN")
        self.assertNotIn("canary", repr(basic))
        for one in (USER, USER + PASSWORD, CLIENT, USER + CLIENT, CERT):
            self.assertEqual(self.of(one), [])
        self.assertEqual(self.of(CERT + 'mqtt_key_file = "a.key"\n'), [])

    def test_none(self) -> None:
        wrong = "meters[0].token: is required: sink tb needs a token for each meter"
        self.assertEqual(self.of(""), [wrong])
        self.assertEqual(self.of('status = "inactive"\n'), [])

    def test_what_does_not_go_together(self) -> None:
        token = 'token = "canary"\n'
        one_type = "a device has credentials of one type"
        both = f"give token or this, not both: {one_type}"
        beside = f"not beside a token, mqtt_username or mqtt_client_id: {one_type}"
        for text, wrong in (
            (token + USER, f"mqtt_username: {both}"),
            (token + CLIENT, f"mqtt_client_id: {both}"),
            (token + CERT, f"mqtt_cert_file: {beside}"),
            (USER + CERT, f"mqtt_cert_file: {beside}"),
            (CLIENT + PASSWORD, "mqtt_password: needs mqtt_username"),
            (
                token + 'mqtt_key_file = "a.key"\n',
                "mqtt_key_file: needs mqtt_cert_file, the certificate of this key",
            ),
        ):
            self.assertEqual(self.of(text), [f"meters[0].{wrong}"], text)

    def test_a_certificate_needs_tls(self) -> None:
        plain = sink("tb", "thingsboard")
        wrong = "sink tb has no mqtts:// url, and shows no certificate"
        self.assertEqual(self.of(CERT, sinks=plain), [f"meters[0].mqtt_cert_file: {wrong}"])
        (missing,) = self.of('mqtt_cert_file = "none.pem"\n')
        self.assertIn("meters[0].mqtt_cert_file: ", missing)

    def test_one_identity_twice(self) -> None:
        """However it is written; a client id tells two apart only where both have one."""
        fingerprint = Secret("u").fingerprint()
        token = f"one token (fingerprint {fingerprint})"
        user = "one username and password"
        other = 'mqtt_client_id = "d"\n'
        for one, two, key, what in (
            (USER, USER, "mqtt_username", token),
            ('token = "u"\n', USER, "mqtt_username", token),
            (USER, 'token = "u"\n', "token", token),
            (USER + CLIENT, 'token = "u"\n', "token", token),
            (USER + PASSWORD, USER + PASSWORD, "mqtt_username", user),
            (USER + PASSWORD + CLIENT, USER + PASSWORD, "mqtt_username", user),
            (CLIENT, CLIENT, "mqtt_client_id", "one client id"),
            (CERT, CERT, "mqtt_cert_file", "one certificate"),
            (CERT, 'mqtt_cert_file = "copy.pem"\n', "mqtt_cert_file", "one certificate"),
        ):
            labels = "meter a (sink tb) and meter b (sink tb)"
            wrong = f"meters[1].{key}: {labels} use {what} at one broker; {QUARREL}"
            self.assertEqual(self.of(one, two), [wrong], (one, two))
        for one, two in (
            (USER + CLIENT, USER + other),
            (USER + PASSWORD + CLIENT, USER + PASSWORD + other),
            (USER + PASSWORD, USER + 'mqtt_password = "canary-2"\n'),
            (CLIENT, other),
            (CERT, 'mqtt_cert_file = "b.pem"\n'),
        ):
            self.assertEqual(self.of(one, two), [], (one, two))

    def test_a_gateways_identity(self) -> None:
        gateway = sink("gw", "thingsboard-gateway", "mqtt://h", 'username = "u"\n')
        mine = 'sinks = ["tb"]\n'
        (wrong,) = self.of(USER + mine, sinks=gateway + TB)
        self.assertIn("meters[0].mqtt_username: sink gw and meter a (sink tb) use one token", wrong)
        certified = sink("gw", "thingsboard-gateway", "mqtts://h", 'cert_file = "copy.pem"\n')
        (wrong,) = self.of(CERT + mine, sinks=certified + TB)
        self.assertIn("meters[0].mqtt_cert_file: sink gw and meter a (sink tb) use one c", wrong)

    def test_what_cannot_be_judged_is_not_compared(self) -> None:
        (problem,) = self.of(USER + "mqtt_password = 1\n", USER)
        self.assertIn("meters[0].mqtt_password: expected a secret", problem)

    def test_the_id_of_a_certificate(self) -> None:
        """Of the first in the file, whatever its lines; none of a file without one."""
        self.assertEqual(leaf(self.folder / "a.pem"), b"AAECAwQF")
        self.write("chain.pem", "text\r\n" + PEM.replace("\n", "\r\n") + PEM.replace("A", "B"))
        self.assertEqual(leaf(self.folder / "chain.pem"), b"AAECAwQF")
        self.assertIsNone(leaf(self.folder / "a.key"))
        self.assertIsNone(leaf(self.folder / "absent"))
        self.assertEqual(len(certificate_id(b"AAECAwQF")), 64)

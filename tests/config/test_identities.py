from __future__ import annotations

from dlmsd.language import Catalogue
from dlmsd.secret import Secret
from tests.config.case import ConfigurationCase
from tests.config.test_checks import PROFILE, QUARREL, meter, sink

GATEWAY = "thingsboard-gateway"
TOKEN, USERNAME, PASSWORD = (f'{key} = "canary-1"\n' for key in ("token", "username", "password"))
PRINT = Secret("canary-1").fingerprint()
ONE_TOKEN = f"use one token (fingerprint {PRINT}) at one broker; {QUARREL}"
ONE_USER = f"use one username and password at one broker; {QUARREL}"
ONE_CERTIFICATE = f"use one certificate at one broker; {QUARREL}"


class IdentityCase(ConfigurationCase):
    def two(self, one: str, other: str, *urls: str, kind: str = GATEWAY) -> list[str]:
        """What is wrong with two sinks, without the lines, which depend on what is before."""
        first, second = urls or ("mqtt://h", "mqtt://h")
        return self.told(sink("x", kind, first, one) + sink("y", kind, second, other))

    def told(self, text: str) -> list[str]:
        found = self.problems(text)
        self.assertNotIn("canary", str(found))
        return [problem.partition(": ")[2] for problem in found]


class ConnectionTests(IdentityCase):
    def test_a_token_is_a_username(self) -> None:
        for one, other, key in (
            (TOKEN, USERNAME, "username"),
            (USERNAME, TOKEN, "token"),
            (USERNAME, USERNAME, "username"),
            # A client id does not tell two tokens apart.
            (USERNAME + 'client_id = "a"\n', USERNAME + 'client_id = "b"\n', "username"),
        ):
            wrong = f"sinks[1].{key}: sink x and sink y {ONE_TOKEN}"
            self.assertEqual(self.two(one, other), [wrong])

    def test_a_meters_token_is_a_gateways_username(self) -> None:
        sinks = sink("x", GATEWAY, more=USERNAME) + sink("y", "thingsboard")
        self.assertEqual(
            self.told(PROFILE + sinks + meter("a", TOKEN)),
            [f"meters[0].token: sink x and meter a (sink y) {ONE_TOKEN}"],
        )

    def test_username_and_password(self) -> None:
        both = USERNAME + PASSWORD
        wrong = f"sinks[1].username: sink x and sink y {ONE_USER}"
        self.assertEqual(self.two(both, both), [wrong])
        named = 'client_id = "a"\n'
        self.assertEqual(self.two(both + named, both), [wrong])
        third = sink("z", GATEWAY, more=both)
        two = sink("x", GATEWAY, more=both + named) + sink(
            "y", GATEWAY, more=both + 'client_id = "b"\n'
        )
        self.assertEqual(self.told(two), [])
        self.assertEqual(
            self.told(two + third), [f"sinks[2].username: sink x and sink z {ONE_USER}"]
        )

    def test_other_users(self) -> None:
        for one, other in (
            (USERNAME + PASSWORD, USERNAME + 'password = "other"\n'),
            (USERNAME + PASSWORD, 'username = "other"\n' + PASSWORD),
            (TOKEN, 'username = "other"\n'),
            (TOKEN, 'token = "canary-2"\n'),
        ):
            self.assertEqual(self.two(one, other), [])

    def test_a_plain_broker_knows_clients_by_their_ids_alone(self) -> None:
        self.write("x.pem", "x")
        certified = USERNAME + PASSWORD + 'cert_file = "x.pem"\n'
        self.assertEqual(self.two(certified, certified, "mqtts://h", "mqtts://h", kind="mqtt"), [])
        self.assertEqual(self.two(USERNAME, USERNAME, kind="mqtt"), [])
        self.assertEqual(
            self.told(sink("x", "mqtt", more=USERNAME) + sink("y", GATEWAY, more=TOKEN)), []
        )

    def test_one_certificate(self) -> None:
        self.write("x.pem", "x")
        self.write("y.pem", "y")
        (self.folder / "z.pem").symlink_to("x.pem")
        hosts = ("mqtts://h", "mqtts://H:8883")
        one = 'cert_file = "x.pem"\n'
        wrong = [f"sinks[1].cert_file: sink x and sink y {ONE_CERTIFICATE}"]
        for kind in (GATEWAY, "thingsboard"):
            self.assertEqual(self.two(one, one, *hosts, kind=kind), wrong)
            self.assertEqual(self.two(one, 'cert_file = "z.pem"\n', *hosts, kind=kind), wrong)
            self.assertEqual(self.two(one, 'cert_file = "y.pem"\n', *hosts, kind=kind), [])
            self.assertEqual(self.two(one, one, "mqtts://h", "mqtts://other", kind=kind), [])

    def test_ports_of_one_thingsboard(self) -> None:
        both = USERNAME + PASSWORD
        for others in (("mqtt://h", "mqtts://h"), ("mqtts://h:8883", "mqtt://H:1883")):
            self.assertEqual(len(self.two(TOKEN, TOKEN, *others)), 1)
            self.assertEqual(len(self.two(TOKEN, USERNAME, *others)), 1)
            self.assertEqual(len(self.two(both, both, *others)), 1)
        for others in (("mqtt://h:2883", "mqtt://h:3883"), ("mqtt://h", "mqtts://h:8884")):
            self.assertEqual(self.two(TOKEN, TOKEN, *others), [])
            self.assertEqual(self.two(both, both, *others), [])
        self.assertEqual(len(self.two(TOKEN, TOKEN, "mqtt://h:2883", "mqtts://h:2883")), 1)

    def test_names_of_one_host(self) -> None:
        for one, other in (
            ("mqtt://localhost", "mqtt://127.0.0.1"),
            ("mqtt://[::1]:1883", "mqtts://LOCALHOST"),
            ("mqtt://tb.example", "mqtt://tb.example.:1883"),
            ("mqtt://[fd00::1]", "mqtt://[fd00:0::1]"),
        ):
            wrong = f"sinks[1].token: sink x and sink y {ONE_TOKEN}"
            self.assertEqual(self.two(TOKEN, TOKEN, one, other), [wrong])
            named = TOKEN + 'client_id = "a"\n', TOKEN.replace("-1", "-2") + 'client_id = "a"\n'
            [problem] = self.two(*named, one, other)
            self.assertIn("has the same client_id at this host", problem)
        self.assertEqual(self.two(TOKEN, TOKEN, "mqtt://localhost", "mqtt://10.0.0.1"), [])

    def test_what_cannot_be_judged_is_not_compared(self) -> None:
        (problem,) = self.two(USERNAME, USERNAME + "password = 1\n")
        self.assertTrue(problem.startswith("sinks[1].password: "), problem)

    def test_in_spanish(self) -> None:
        (problem,) = self.two(TOKEN, USERNAME)
        self.assertEqual(
            Catalogue.of("es").hear(problem),
            f"sinks[1].username: sink x y sink y usan un mismo token (huella {PRINT}) en un "
            "bróker; cada conexión cortaría la otra",
        )


class DeviceTests(IdentityCase):
    def of(self, url: str, *meters: str) -> list[str]:
        sinks = sink("x", GATEWAY, more=TOKEN) + sink("y", GATEWAY, url, 'token = "canary-2"\n')
        return self.told(PROFILE + sinks + "".join(meters))

    def test_each_meter_goes_by_one_gateway(self) -> None:
        wrong = (
            "meters[0].sinks: sinks x and y are gateways of one ThingsBoard; each meter goes by "
            "one gateway, or each takes the device from the other"
        )
        self.assertEqual(self.of("mqtt://h", meter("a")), [wrong])
        self.assertEqual(self.of("mqtts://h", meter("a", 'sinks = ["x", "y"]\n')), [wrong])
        for url in ("mqtt://other", "mqtt://h:1884"):
            self.assertEqual(self.of(url, meter("a")), [])

    def test_meters_by_different_gateways(self) -> None:
        one = meter("a", 'sinks = ["x"]\n')
        self.assertEqual(self.of("mqtt://h", one, meter("b", 'sinks = ["y"]\n')), [])
        twin = meter("b", 'sinks = ["y"]\ndevice_name = "a"\n')
        self.assertEqual(
            self.of("mqtts://h", one, twin),
            ["meters[1].device_name: meter a is the same device at sink x"],
        )
        self.assertEqual(self.of("mqtt://other", one, twin), [])

    def test_a_gateway_beside_a_plain_broker(self) -> None:
        sinks = sink("x", GATEWAY, more=TOKEN) + sink("y", "mqtt")
        self.assertEqual(self.told(PROFILE + sinks + meter("a")), [])

    def test_sinks_that_cannot_be_judged(self) -> None:
        (problem,) = self.of("mqtt://h", meter("a", "sinks = 1\n"))
        self.assertTrue(problem.startswith("meters[0].sinks"), problem)

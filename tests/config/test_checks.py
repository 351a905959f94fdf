from __future__ import annotations

from dlmsd.secret import Secret
from tests.config.case import ConfigurationCase

PROFILE = '[profiles.p]\nauthentication = "none"\nread = ["frequency"]\n'  # lines 1 to 3
QUARREL = "each connection would end the other"


def sink(name: str, kind: str, url: str = "mqtt://h", more: str = "") -> str:
    """Four lines, and those of ``more``."""
    return f'[[sinks]]\nname = "{name}"\nkind = "{kind}"\nurl = "{url}"\n{more}'


def meter(name: str, more: str = "", host: str = "") -> str:
    """Four lines, and those of ``more``."""
    host = host or f"{name}.example"
    return f'[[meters]]\nname = "{name}"\nhost = "{host}"\nprofile = "p"\n{more}'


class TopicTests(ConfigurationCase):
    """No two meters on one topic, whatever the template."""

    def of(self, topic: str, *meters: str) -> list[str]:
        found = self.problems(
            PROFILE + sink("s", "mqtt", more=f'topic = "{topic}"\n') + "".join(meters)
        )
        return [problem.partition(": ")[2] for problem in found]

    def one(self, name: str, **said: str) -> str:
        return meter(name, "".join(f'{key} = "{value}"\n' for key, value in said.items()))

    def test_what_the_topic_has_a_place_for_is_required(self) -> None:
        wanted = "the topic of sink s has"
        both = f"is required: {wanted}"
        full = self.one("a", serial_number="1", group="g")
        for topic, key, place in (
            ("x/{serial}", "serial_number", "{serial}"),
            ("{node}/{group}/{meter}", "group", "{group}"),
        ):
            self.assertEqual(self.of(topic, full), [])
            self.assertEqual(self.of(topic, self.one("a")), [f"meters[0].{key}: {both} {place}"])
        (problem,) = self.of("x/{serial}", self.one("a", serial_number="1/2"))
        expected = "expected 1 to 64 letters, digits, spaces and . _ - ( )"
        self.assertEqual(problem, f"meters[0].serial_number: {expected}: {wanted} {{serial}}")
        self.assertEqual(self.of("x/{meter}", self.one("a", serial_number="1/2")), [])

    def test_two_meters_on_one_topic(self) -> None:
        for topic, first, second in (
            ("x/{serial}", {"serial_number": "1"}, {"serial_number": "1"}),
            (
                "x/{group}{serial}",
                {"group": "g", "serial_number": "12"},
                {"group": "g1", "serial_number": "2"},
            ),
        ):
            found = self.of(topic, self.one("a", **first), self.one("b", **second))
            self.assertEqual(
                found, ["meters[1].serial_number: meter a has the same topic at sink s"]
            )
            other = {**second, "serial_number": "3"}
            self.assertEqual(self.of(topic, self.one("a", **first), self.one("b", **other)), [])
            # At another sink it disturbs nobody.
            apart = self.one("b", **second) + "sinks = []\n"
            self.assertEqual(self.of(topic, self.one("a", **first), apart), [])

    def test_a_topic_of_ours(self) -> None:
        wrong = "its topic at sink s is one of dlmsd's own"
        for topic, one in (
            ("x/{meter}/availability", self.one("a")),
            ("x/stat{meter}", self.one("us")),
            ("x/{group}/{meter}", self.one("availability", group="availability")),
        ):
            found = [problem.partition(": ")[2] for problem in self.of(topic, one)]
            self.assertEqual(found, [wrong], topic)
        self.assertEqual(self.of("x/{meter}/state", self.one("availability")), [])


class SinkTests(ConfigurationCase):
    def test_options(self) -> None:
        line = "dlmsd.toml:5: sinks[0]."
        url = "expected mqtt://HOST:PORT or mqtts://HOST:PORT"
        topic = (
            "expected a topic with {meter} or {serial} in it, also {group} and {node}, without "
            "+ and # and other braces"
        )
        table = {
            "inflight = 101": f"{line}inflight: expected a whole number from 1 to 100",
            "keepalive = 4": f"{line}keepalive: expected a whole number from 5 to 1200",
            'protocol = "5"': f'{line}protocol: expected "auto", 5 or 311',
            "protocol = 5.0": f'{line}protocol: expected "auto", 5 or 311',
            'topic = "dlmsd"': f"{line}topic: {topic}",
            'topic = "dlmsd/+/{meter}"': f"{line}topic: {topic}",
            'topic = "dlmsd/{meter}/#"': f"{line}topic: {topic}",
            'topic = "dlmsd/{meter}/{name}"': f"{line}topic: {topic}",
            'topic = "dlmsd/{group}/{node}"': f"{line}topic: {topic}",
            'telemetry_topic = "t"': f"{line}telemetry_topic: only for kind = "
            '"thingsboard": no device profile changes other topics',
            "latency_metadata = true": f"{line}latency_metadata: only for kind = "
            '"thingsboard-gateway"; ThingsBoard reads it nowhere else',
            "home_assistant = 1": f"{line}home_assistant: expected true or false",
            'password = "x"': f"{line}password: needs username",
            'token = "x"': f'{line}token: only for kind = "thingsboard-gateway"; give it in '
            "username",
            'ca_file = "none.pem"': f"{line}ca_file: no such file; relative paths start at this "
            "configuration's folder",
        }
        self.expect({text: (wrong,) for text, wrong in table.items()}, sink("x", "mqtt"))
        for bad in (
            *("localhost", "http://h", "tcp://h:1883", "mqtt://", "mqtt://:1883", "mqtt://h:x"),
            *(
                "mqtt://h:0",
                "mqtt://h:65536",
                "mqtt://[::1",
                "mqtt://h/",
                "mqtt://h?a",
                "mqtt://h#a",
            ),
            *("mqtt://u@h", "mqtt://u:p@h", "mqtt://h h", " mqtt://h"),
        ):
            (problem,) = self.problems(sink("x", "mqtt", bad))
            self.assertTrue(problem.startswith(f"dlmsd.toml:4: sinks[0].url: {url}"), problem)
        for good in ("mqtt://h", "mqtts://h.example:1", "mqtt://[::1]:1883", "MQTT://H"):
            self.assertEqual(self.problems(sink("x", "mqtt", good)), [])

    def test_a_keepalive_that_thingsboard_does_not_wait_for(self) -> None:
        wrong = (
            "dlmsd.toml:5: sinks[0].keepalive: at most 600: ThingsBoard ends a session that is "
            "silent for so long"
        )
        self.assertEqual(self.problems(sink("x", "thingsboard") + "keepalive = 601\n"), [wrong])
        self.assertEqual(self.problems(sink("x", "thingsboard") + "keepalive = 600\n"), [])
        self.assertEqual(self.problems(sink("x", "mqtt") + "keepalive = 1200\n"), [])

    def test_topics_of_a_device_profile(self) -> None:
        line = "dlmsd.toml:5: sinks[0]."
        shape = (
            "expected one topic of the device profile, without + and # and braces, and none of "
            "v1/gateway"
        )
        twice = "telemetry and attributes need a topic each: ThingsBoard takes all for attributes"
        table = {
            **{
                f'{key} = "{bad}"': f"{line}{key}: {shape}"
                for key in ("telemetry_topic", "attributes_topic")
                for bad in ("plant/+/t", "#", "v1/gateway/telemetry", "plant/{meter}")
            },
            f'telemetry_topic = "{"t" * 256}"': f"{line}telemetry_topic: expected text of 1 to "
            "255 printable characters",
            'telemetry_topic = ""': f"{line}telemetry_topic: expected text of 1 to 255 printable "
            "characters",
            'telemetry_topic = "v1/devices/me/attributes"': f"{line}telemetry_topic: {twice}",
            'attributes_topic = "v1/devices/me/telemetry"': f"{line}attributes_topic: {twice}",
        }
        self.expect({text: (wrong,) for text, wrong in table.items()}, sink("x", "thingsboard"))
        good = 'telemetry_topic = "plant/t"\nattributes_topic = "v1/devices/me/telemetry"\n'
        self.assertEqual(self.problems(sink("x", "thingsboard") + good), [])

    def test_required(self) -> None:
        self.assertEqual(
            self.problems("[[sinks]]\n"),
            [f"dlmsd.toml:1: sinks[0].{key}: is required" for key in ("name", "kind", "url")],
        )

    def test_tls_files_need_tls(self) -> None:
        files = "".join(f'{key}_file = "x.pem"\n' for key in ("ca", "cert", "key"))
        self.write("x.pem", "x")
        self.assertEqual(self.problems(sink("x", "mqtt", "mqtts://h", files)), [])
        self.assertEqual(
            self.problems(sink("x", "mqtt", "mqtt://h", files)),
            [
                f"dlmsd.toml:{line}: sinks[0].{key}_file: only with an mqtts:// url"
                for line, key in ((5, "ca"), (6, "cert"), (7, "key"))
            ],
        )
        self.assertEqual(
            self.problems(sink("x", "mqtt", "mqtts://h", 'key_file = "x.pem"')),
            ["dlmsd.toml:5: sinks[0].key_file: needs cert_file, the certificate of this key"],
        )

    def test_credentials_of_thingsboard(self) -> None:
        gateway = "thingsboard-gateway"
        self.write("x.pem", "x")
        self.assertEqual(
            self.problems(sink("x", gateway)),
            [
                "dlmsd.toml:1: sinks[0].token: is required: the gateway's token (or username, or "
                "cert_file)"
            ],
        )
        for more in ('token = "t"', 'username = "u"', 'username = "u"\npassword = "p"'):
            self.assertEqual(self.problems(sink("x", gateway, more=more)), [])
        more = 'cert_file = "x.pem"'
        self.assertEqual(self.problems(sink("x", gateway, "mqtts://h", more)), [])
        self.assertEqual(
            self.problems(sink("x", gateway, more='token = "t"\nusername = "u"')),
            [
                "dlmsd.toml:6: sinks[0].username: give token or username, not both: a token is a "
                "username"
            ],
        )
        self.assertEqual(
            self.problems(
                sink("x", "thingsboard", more='token = "t"\nusername = "u"\ntopic = "{meter}"')
            ),
            [
                'dlmsd.toml:5: sinks[0].token: only for kind = "thingsboard-gateway"; give it in '
                "each meter",
                'dlmsd.toml:6: sinks[0].username: not for kind = "thingsboard": each meter\'s '
                "token is it",
                'dlmsd.toml:7: sinks[0].topic: only for kind = "mqtt"; ThingsBoard has topics of '
                "its own",
            ],
        )

    def test_a_bad_url_hides_nothing_else(self) -> None:
        more = 'password = "x"\ninflight = 0'
        self.assertEqual(
            self.problems(sink("x", "mqtt") + sink("x", "thingsboard", "ftp://h", more)),
            [
                "dlmsd.toml:6: sinks[1].name: another sink has this name (line 2)",
                "dlmsd.toml:8: sinks[1].url: expected mqtt://HOST:PORT or mqtts://HOST:PORT",
                "dlmsd.toml:9: sinks[1].password: needs username",
                "dlmsd.toml:10: sinks[1].inflight: expected a whole number from 1 to 100",
            ],
        )

    def test_client_ids(self) -> None:
        one = 'client_id = "c"\n'
        self.assertEqual(
            self.problems(sink("x", "mqtt", more=one) + sink("y", "mqtt", "mqtt://H:1883", one)),
            [
                "dlmsd.toml:10: sinks[1].client_id: sink x (line 5) has the same client_id at this "
                f"host; {QUARREL}"
            ],
        )

    def test_client_ids_at_other_ports(self) -> None:
        """1883 and 8883 are mostly one broker, and two brokers at one host two easy names."""
        one, other = 'client_id = "c"\n', 'client_id = "d"\n'
        for url in ("mqtts://h", "mqtts://H:8883", "mqtt://h:1884"):
            (found,) = self.problems(sink("x", "mqtt", more=one) + sink("y", "mqtt", url, one))
            self.assertIn("sinks[1].client_id: sink x (line 5)", found)
            self.assertEqual(
                self.problems(sink("x", "mqtt", more=one) + sink("y", "mqtt", url, other)), []
            )
        two = sink("x", "mqtt", more=one) + sink("y", "mqtt", "mqtts://other", one)
        self.assertEqual(self.problems(two), [])
        self.assertEqual(self.problems(sink("x", "mqtt") + sink("y", "mqtt", "mqtts://h")), [])


class NameTests(ConfigurationCase):
    def test_unique(self) -> None:
        text = PROFILE + meter("a") + meter("a", host="b") + meter("A", host="c")
        self.assertEqual(
            self.problems(text),
            ["dlmsd.toml:9: meters[1].name: another meter has this name (line 5)"],
        )

    def test_a_sink_and_a_meter_may_share_a_name(self) -> None:
        self.assertEqual(self.problems(PROFILE + sink("a", "mqtt") + meter("a")), [])


class TokenTests(ConfigurationCase):
    def test_each_active_meter_needs_one(self) -> None:
        text = PROFILE + sink("tb", "thingsboard") + sink("x", "mqtt", "mqtt://x")
        self.assertEqual(
            self.problems(
                text
                + meter("a")
                + meter("b", 'status = "inactive"\n')
                + meter("c", 'sinks = ["x"]\n')
            ),
            ["dlmsd.toml:12: meters[0].token: is required: sink tb needs a token for each meter"],
        )

    def test_the_same_token_twice(self) -> None:
        print_of = Secret("canary-token").fingerprint()
        token = 'token = "canary-token"\n'
        text = PROFILE + sink("tb", "thingsboard", "mqtt://H:1883")
        (problem,) = self.problems(text + meter("a", token) + meter("b", token))
        self.assertEqual(
            problem,
            "dlmsd.toml:17: meters[1].token: meter a (sink tb) and meter b (sink tb) use one token "
            f"(fingerprint {print_of}) at one broker; {QUARREL}",
        )
        gateways = sink("x", "thingsboard-gateway", more=token) + sink(
            "y", "thingsboard-gateway", "mqtt://h:1883", token
        )
        (problem,) = self.problems(gateways)
        self.assertEqual(
            problem,
            f"dlmsd.toml:10: sinks[1].token: sink x and sink y use one token (fingerprint "
            f"{print_of}) at one broker; {QUARREL}",
        )
        self.assertEqual(
            len(
                self.problems(
                    text + sink("x", "thingsboard-gateway", more=token) + meter("a", token)
                )
            ),
            1,
        )

    def test_the_same_token_at_two_sinks_of_one_broker(self) -> None:
        text = PROFILE + sink("x", "thingsboard") + sink("y", "thingsboard")
        (problem,) = self.problems(text + meter("a", 'token = "t"\n'))
        self.assertIn("meter a (sink x) and meter a (sink y) use one token", problem)

    def test_the_same_token_at_two_brokers(self) -> None:
        token = 'token = "canary-token"\n'
        meters = meter("a", token + 'sinks = ["x"]\n') + meter("b", token + 'sinks = ["y"]\n')
        for other in ("mqtt://other", "mqtt://h:1884", "mqtts://h:8884"):
            sinks = sink("x", "thingsboard") + sink("y", "thingsboard", other)
            self.assertEqual(self.problems(PROFILE + sinks + meters), [])

    def test_one_device_for_two_meters(self) -> None:
        text = PROFILE + sink("tb", "thingsboard-gateway", more='token = "t"\n')
        self.assertEqual(
            self.problems(text + meter("a") + meter("b", 'device_name = "a"\n')),
            ["dlmsd.toml:17: meters[1].device_name: meter a is the same device at sink tb"],
        )


class SharedLineTests(ConfigurationCase):
    def both(self, one: str, other: str) -> list[str]:
        return self.problems(PROFILE + meter("a", one, "gw") + meter("b", other, "GW"))

    def test_different_addresses_share_a_line(self) -> None:
        wrapper = 'framing = "wrapper"\n'
        for one, other in (
            ("physical_device = 17\n", "physical_device = 18\n"),
            ("logical_device = 1\n", "logical_device = 2\n"),
            ("client = 1\n", "client = 16\n"),
            ("port = 1\n", "port = 2\n"),
            (wrapper + "logical_device = 1\n", wrapper + "logical_device = 2\n"),
            ("port = 1\n", wrapper + "port = 2\n"),
        ):
            self.assertEqual(self.both(one, other), [])

    def test_one_address_twice(self) -> None:
        wrapper = 'framing = "wrapper"\n'
        message = "meters[1].host: meter a has this client and address on this connection"
        for one, other in (
            ("", ""),
            ("address_size = 1\n", "address_size = 4\n"),
            # Both go out as the one octet 03.
            (
                "address_size = 1\nlogical_device = 1\nphysical_device = 0\n",
                "address_size = 1\nlogical_device = 0\nphysical_device = 1\n",
            ),
            (wrapper + "physical_device = 5\n", wrapper + "physical_device = 6\n"),
        ):
            with self.subTest(one):
                (problem,) = self.both(one, other)
                self.assertTrue(problem.endswith(message), problem)

    def test_one_line_has_one_framing(self) -> None:
        self.assertEqual(
            self.both("", 'framing = "wrapper"\nlogical_device = 1\n'),
            [
                "dlmsd.toml:12: meters[1].framing: differs from that of meter a, which shares the "
                "connection"
            ],
        )

    def test_a_meter_with_a_bad_address_is_not_compared(self) -> None:
        (problem,) = self.both("", "physical_device = -1\n")
        self.assertIn("physical_device: expected a whole number", problem)

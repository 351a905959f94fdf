"""Ways to a meter that cannot work are refused, where they are written."""

from __future__ import annotations

from tests.config.case import ConfigurationCase

PROFILE = '[profiles.p]\nauthentication = "none"\nread = ["frequency"]\n'
METER = '[[meters]]\nname = "a"\nprofile = "p"\n'
HOST = 'host = "h"\n'


class TransportTests(ConfigurationCase):
    """Line 7 is the first of a meter's own keys, and line 5 its name."""

    def of(self, text: str) -> list[str]:
        return self.problems(PROFILE + METER + text)

    def test_udp_needs_wrapper(self) -> None:
        self.assertEqual(
            self.of(HOST + 'transport = "udp"\n'),
            [
                'dlmsd.toml:4: meters[0].framing: transport "udp" needs framing = "wrapper": '
                "HDLC is not sent in datagrams"
            ],
        )
        self.assertEqual(self.of(HOST + 'transport = "udp"\nframing = "wrapper"\n'), [])

    def test_unknown(self) -> None:
        (problem,) = self.of(HOST + 'transport = "pigeon"\n')
        self.assertIn("meters[0].transport: expected ", problem)

    def test_nothing_follows_from_a_profile_that_is_not_there(self) -> None:
        self.assertEqual(
            self.problems('[[meters]]\nname = "a"\nprofile = "p"\nhost = "h"\ntransport = "udp"\n'),
            ["dlmsd.toml:3: meters[0].profile: no such profile"],
        )

    def test_tcp_and_udp_of_one_port_are_two_lines(self) -> None:
        both = 'framing = "wrapper"\nport = 1\n' + HOST
        other = METER.replace('"a"', '"b"') + both + 'transport = "udp"\n'
        self.assertEqual(self.of(both + other), [])
        self.assertEqual(len(self.of(both + 'transport = "udp"\n' + other)), 1)

    def test_tls(self) -> None:
        self.write("x.pem", "x")
        good = 'tls = true\nserver_name = "g"\nca_file = "x.pem"\ncert_file = "x.pem"\n'
        self.assertEqual(self.of(HOST + good), [])
        self.assertEqual(
            self.of(HOST + 'ca_file = "x.pem"\nkey_file = "x.pem"\n'),
            [
                "dlmsd.toml:8: meters[0].ca_file: only with tls = true",
                "dlmsd.toml:9: meters[0].key_file: only with tls = true",
                "dlmsd.toml:9: meters[0].key_file: needs cert_file, the certificate of this key",
            ],
        )
        self.assertEqual(
            self.of(HOST + 'transport = "udp"\nframing = "wrapper"\ntls = true\n'),
            ['dlmsd.toml:10: meters[0].tls: only with transport = "tcp"'],
        )

    def test_one_connection_has_one_way(self) -> None:
        one, other = HOST + "tls = true\n", METER.replace('"a"', '"b"') + "physical_device = 2\n"
        self.assertEqual(
            self.of(one + other + HOST),
            [
                "dlmsd.toml:9: meters[1].tls: differs from that of meter a, which shares the "
                "connection"
            ],
        )

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

    def test_short_names_over_udp_need_security(self) -> None:
        udp = HOST + 'framing = "wrapper"\ntransport = "udp"\nreferencing = "sn"\n'
        self.assertEqual(
            self.of(udp),
            [
                'dlmsd.toml:10: meters[0].referencing: over transport "udp" short names need '
                "security: their answers bear no invoke-id, so that a late one would be taken for "
                "the value of another object"
            ],
        )
        secured = (
            'security = "authenticated-encrypted"\nsystem_title = "DLM00001"\n'
            f'encryption_key = "{16 * "0A"}"\nauthentication_key = "{16 * "0B"}"\n'
        )
        self.assertEqual(self.of(udp + secured), [])
        self.assertEqual(self.of(udp.replace("udp", "tcp")), [])

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

    def test_serial(self) -> None:
        device = 'transport = "serial"\ndevice = "/dev/ttyUSB0"\n'
        self.assertEqual(self.of(device), [])
        self.assertEqual(self.of(device + 'opening = "mode-e"\nopening_address = "1234"\n'), [])
        for text, problem in (
            ('transport = "serial"\n', "4: meters[0].device: is required"),
            (device + HOST, '9: meters[0].host: not with transport = "serial"'),
            (
                HOST + 'device = "/dev/x"\n',
                '8: meters[0].device: not with transport = "tcp"',
            ),
            (
                device + 'framing = "wrapper"\n',
                '9: meters[0].framing: transport "serial" needs framing = "hdlc"',
            ),
            (
                HOST + 'opening = "mode-e"\n',
                '8: meters[0].opening: only with transport = "serial": no other changes its baud '
                "rate",
            ),
            (
                device + 'opening_address = "1"\n',
                '9: meters[0].opening_address: only with opening = "mode-e"',
            ),
            (
                device + 'opening = "mode-e"\nbaudrate = 115200\n',
                '10: meters[0].baudrate: opening "mode-e" has at most 19200 Bd',
            ),
            (device + "tls = true\n", '9: meters[0].tls: only with transport = "tcp"'),
            (
                device.replace("/dev/", ""),
                "8: meters[0].device: expected the path of a serial port, such as /dev/ttyUSB0",
            ),
        ):
            self.assertIn(f"dlmsd.toml:{problem}", self.of(text))

    def test_meters_of_one_device_share_it(self) -> None:
        device = 'transport = "serial"\ndevice = "/dev/ttyUSB0"\n'
        other = METER.replace('"a"', '"b"') + device
        self.assertEqual(self.of(device + other + "physical_device = 2\n"), [])
        (problem,) = self.of(device + other + "physical_device = 2\nbaudrate = 300\n")
        self.assertIn("baudrate: differs from that of meter a", problem)
        (problem,) = self.of(device + other)
        self.assertIn("has this client and address on this connection", problem)

    def test_dial_in(self) -> None:
        listen, calls = '[dial_in]\nlisten = "tcp:4060"\n', 'transport = "dial-in"\n'
        for words in ('announces = "m-1"\n', 'announces = "hex:7EA0"\n', 'host = "10.0.0.1"\n'):
            self.assertEqual(self.of(calls + words + listen), [])
        meter = "meters[0]."
        for text, problem in (
            (calls, f"8: {meter}announces: is required, or host: by what is the meter known when"),
            (calls + HOST, f"9: {meter}host: an address is needed to know a caller by"),
            (HOST + 'announces = "x"\n', f'8: {meter}announces: only with transport = "dial-in"'),
            (calls + 'announces = "hex:7"\n', f"8: {meter}announces: expected pairs of hex digits"),
            (calls + 'announces = ""\n', f"8: {meter}announces: expected text of at most 128"),
            (calls + 'host = "10.0.0.1"\ntls = true\n', f'9: {meter}tls: only with transport = "t'),
        ):
            found = "\n".join(self.of(text + listen))
            self.assertIn(problem.partition(": ")[2], found)
        (problem,) = self.of(calls + 'announces = "m"\n')
        self.assertIn("dial_in.listen: is required: meter a calls in", problem)
        (problem,) = self.of(HOST + '[dial_in]\nlisten = "unix:/x"\n')
        self.assertIn("dial_in.listen: expected an endpoint", problem)

    def test_a_call_is_one_meter_s(self) -> None:
        listen, calls = '[dial_in]\nlisten = "tcp:4060"\n', 'transport = "dial-in"\n'
        second = METER.replace('"a"', '"b"') + calls

        def both(one: str, other: str) -> list[str]:
            return self.of(calls + one + second + other + listen)

        for one, other in (
            ('announces = "m-1"\n', 'announces = "m-10"\n'),
            ('host = "10.0.0.1"\n', 'announces = "m"\n'),
            ('host = "10.0.0.1"\n', 'host = "10.0.0.1"\nannounces = "m"\n'),
        ):
            (problem,) = both(one, other)
            self.assertIn("who calls so is taken for meter a", problem)
        for one, other in (
            ('announces = "m-1"\n', 'announces = "m-2"\n'),
            ('host = "10.0.0.1"\n', 'host = "10.0.0.2"\n'),
            ('host = "10.0.0.1"\nannounces = "m"\n', 'host = "10.0.0.2"\nannounces = "m"\n'),
            ('announces = "m"\n', 'announces = "m"\nphysical_device = 2\n'),
        ):
            self.assertEqual(both(one, other), [])

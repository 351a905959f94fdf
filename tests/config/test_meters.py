"""``[[meters]]``: its own keys, names, hosts, addresses."""

from __future__ import annotations

from tests.config.case import METER, ConfigurationCase

NAME = "expected 1 to 64 letters, digits, spaces and . _ - ( )"
ZONE = "expected a time zone such as America/Bogota"
RATIO = "expected a number above 0, of size 1e-9 to 1e9, such as 40 for 200/5"


class MeterTests(ConfigurationCase):
    def test_its_own_keys(self) -> None:
        line = "dlmsd.toml:7: meters[0]."
        self.expect(
            {
                "port = 0": (f"{line}port: expected a whole number from 1 to 65535",),
                "port = true": (f"{line}port: expected a whole number from 1 to 65535",),
                "port = 3333.0": (f"{line}port: expected a whole number from 1 to 65535",),
                "client = 128": (f"{line}client: expected a whole number from 1 to 127",),
                "max_info = 31": (f"{line}max_info: expected a whole number from 32 to 2030",),
                "max_info = 2031": (f"{line}max_info: expected a whole number from 32 to 2030",),
                "timeout = 0": (f"{line}timeout: expected a number from 0.1 to 3600",),
                "interval = -inf": (f"{line}interval: expected a number from 0.1 to 31622400",),
                "interval = 1e-310": (f"{line}interval: expected a number from 0.1 to 31622400",),
                'framing = "tcp"': (f'{line}framing: expected "hdlc" or "wrapper"',),
                'address_size = "1"': (f'{line}address_size: expected "auto", 1, 2 or 4',),
                "address_size = true": (f'{line}address_size: expected "auto", 1, 2 or 4',),
                'authentication = "high"': (
                    f'{line}authentication: expected "none", "low", "high-manufacturer", '
                    '"high-md5", "high-sha1", "high-gmac", "high-sha256" or "high-ecdsa"',
                ),
                'timezone = "Bogota"': (f"{line}timezone: {ZONE}",),
                'timezone = "../etc/passwd"': (f"{line}timezone: {ZONE}",),
                'timezone = "America"': (f"{line}timezone: {ZONE}",),
                'timezone = ""': (f"{line}timezone: {ZONE}",),
                "timezone = -5": (f"{line}timezone: {ZONE}",),
                "ct_ratio = 0": (f"{line}ct_ratio: {RATIO}",),
                "vt_ratio = -1": (f"{line}vt_ratio: {RATIO}",),
                'vt_ratio = "200/5"': (f"{line}vt_ratio: {RATIO}",),
                'status = "error"': (f'{line}status: expected "active" or "inactive"',),
                'sinks = "tb"': (f"{line}sinks: expected a list of names",),
                'sinks = ["tb"]': (f"{line}sinks[0]: no such sink",),
                'sinks = ["tb", "tb"]': (f"{line}sinks: a name stands here twice",),
                'profile = "microsta"': (
                    f'{line}profile: no such profile; did you mean "microstar"?',
                ),
                "hos = 1": (f'{line}hos: unknown key; did you mean "host"?',),
            },
            before=METER,
        )

    def test_names(self) -> None:
        line = "dlmsd.toml:1: meters[0].name: "
        rest = ', host = "h", authentication = "none", read = ["frequency"] }]'
        letter = "a name holds a letter or digit, and no space at its ends"
        self.expect(
            {
                '"planta ñ (1)_a.b-c"': (),
                '"Status"': (),
                f'"{"x" * 64}"': (),
                f'"{"x" * 65}"': (line + NAME,),
                '""': (line + NAME,),
                '"a/b"': (line + NAME,),
                '"a+b"': (line + NAME,),
                '"a#b"': (line + NAME,),
                '"a\\n"': (line + NAME,),
                "7": (line + NAME,),
                '" a"': (line + letter,),
                '".."': (line + letter,),
                '"status"': (line + '"status" is reserved; choose another name',),
                '"bridge"': (line + '"bridge" is reserved; choose another name',),
            },
            before="meters = [{ name = ",
            after=rest,
        )

    def test_hosts(self) -> None:
        line = "dlmsd.toml:1: meters[0].host: "
        self.expect(
            {
                '"fe80::1%eth0"': (),
                '"meter-1.example"': (),
                '"10.0.0.1:3333"': (
                    line + "expected a host without port; the port goes to its own key, port",
                ),
                '"tcp://10.0.0.1"': (line + "expected a host name or IP address",),
                '""': (line + "expected a host name or IP address",),
                "1": (line + "expected a host name or IP address",),
            },
            before='meters = [{ name = "a", host = ',
            after=', authentication = "none", read = ["frequency"] }]',
        )

    def test_what_is_missing(self) -> None:
        self.assertEqual(
            self.problems("\n[[meters]]\n"),
            [
                "dlmsd.toml:2: meters[0].name: is required",
                "dlmsd.toml:2: meters[0].read: nothing to read; name a profile, or list "
                "measurements here",
                "dlmsd.toml:2: meters[0].host: is required",
                'dlmsd.toml:2: meters[0].password: authentication "low" needs a password; give '
                'one, or authentication = "none"',
            ],
        )

    def test_addresses(self) -> None:
        line = "dlmsd.toml:"
        self.expect(
            {
                "logical_device = 1\nphysical_device = 9999": (),
                "logical_device = 16384": (
                    f"{line}7: meters[0].logical_device: logical 16384 or physical 1 is not 0 to "
                    "16383",
                ),
                "address_size = 1\nlogical_device = 1": (
                    f"{line}8: meters[0].logical_device: devices 1/1 do not fit one octet",
                ),
                "address_size = 2\nphysical_device = 128": (
                    f"{line}8: meters[0].physical_device: devices 0/128 do not fit two octets",
                ),
                'framing = "wrapper"\nlogical_device = 65535': (),
                "logical_device = 65536": (
                    f"{line}7: meters[0].logical_device: expected a whole number from 0 to 65535",
                ),
            },
            before=METER,
        )

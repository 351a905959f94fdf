from __future__ import annotations

from dlmsd.config.push import host_port
from dlmsd.config.values import PushOptions, PushUnit
from dlmsd.dlms.cosem.obis import Obis
from tests.config.case import ConfigurationCase

PUSH = '[[push]]\nname = "han"\nlisten = "tcp:4059"\n'
METER = '[[meters]]\nname = "a"\ntransport = "push"\n'
WHERE = "is required, or another that tells who pushes: push, host, serial_number, "


class ListenerTests(ConfigurationCase):
    def test_all_options(self) -> None:
        text = '[[push]]\nname = "head"\nconnect = "192.0.2.9:2001"\nframing = "mbus"\n'
        port = '[[push]]\nname = "usb"\ndevice = "/dev/ttyUSB0"\nparity = "even"\n'
        self.assertEqual(
            self.load(port).push, (PushOptions("usb", device="/dev/ttyUSB0", parity="even"),)
        )
        self.assertEqual(self.load(port).push[0].address, "/dev/ttyUSB0 at 2400 Bd")
        found = self.load(PUSH + text + "by_address = true\n").push
        self.assertEqual(
            found,
            (
                PushOptions("han", listen="tcp:4059"),
                PushOptions("head", connect="192.0.2.9:2001", framing="mbus", by_address=True),
            ),
        )
        self.assertEqual(self.load("").push, ())
        self.assertEqual(host_port("[2001:db8::1]:2001"), ("2001:db8::1", 2001))

    def test_refused(self) -> None:
        listen = "expected tcp:PORT or udp:PORT, with :interface=ADDRESS where one is meant"
        connect = "expected HOST:PORT of a serial server, an IPv6 address in brackets"
        ways = "give listen (others connect to us), connect or device, one of them"
        self.expect(
            {
                'name = "h"': (f"dlmsd.toml:1: push[0].listen: {ways}",),
                'name = "h"\nlisten = "tcp:1"\nconnect = "a:1"': (
                    f"dlmsd.toml:4: push[0].connect: {ways}",
                ),
                'name = "h"\nlisten = "tcp:1"\nbaudrate = 2400\nparity = "even"': tuple(
                    f"dlmsd.toml:{line}: push[0].{key}: only with device: no other changes it"
                    for line, key in ((4, "baudrate"), (5, "parity"))
                ),
                'name = "h"\ndevice = "ttyUSB0"': (
                    "dlmsd.toml:3: push[0].device: expected the path of a serial port, such as "
                    "/dev/ttyUSB0",
                ),
                'listen = "tcp:1"': ("dlmsd.toml:1: push[0].name: is required",),
                **{
                    f'name = "h"\nlisten = {value}': (f"dlmsd.toml:3: push[0].listen: {listen}",)
                    for value in ("4059", '"4059"', '"ssl:1"', '"udp:x"', '"udp:1:backlog=5"')
                },
                **{
                    f'name = "h"\nconnect = {value}': (f"dlmsd.toml:3: push[0].connect: {connect}",)
                    for value in ("1", '"host"', '"host:0"', '"host:99999"', '"a b:1"', '"::1:1"')
                },
                'name = "h"\nlisten = "tcp:1"\nxyz = 1': (
                    "dlmsd.toml:4: push[0].xyz: unknown key",
                ),
            },
            before="[[push]]\n",
        )
        twice = PUSH + PUSH
        self.assertEqual(
            self.problems(twice),
            [
                "dlmsd.toml:5: push[1].name: another [[push]] has this (line 2)",
                "dlmsd.toml:6: push[1].listen: another [[push]] has this (line 3)",
            ],
        )


class MeterTests(ConfigurationCase):
    def test_a_pushing_meter_needs_neither_host_nor_password_nor_read(self) -> None:
        (meter,) = self.load(PUSH + METER + 'push = "han"').meters
        self.assertEqual((meter.transport, meter.read, meter.authentication), ("push", (), "none"))
        (meter,) = self.load(PUSH + METER + 'push = "han"\nprofile = "kaifa-han"').meters
        self.assertEqual([len(one) for one in meter.push_lists], [1, 9, 13, 14, 18])
        self.assertIn(PushUnit(Obis.parse("1-0:31.7.0"), -3, 33), meter.push_units)

    def test_what_tells_it_from_others(self) -> None:
        for said in (
            'push = "han"',
            'host = "192.0.2.1"',
            'serial_number = "x"',
            'meter_system_title = "ABCDEFGH"',
        ):
            self.assertEqual(self.problems(PUSH + METER + said), [])
        self.expect(
            {
                "": (f"dlmsd.toml:4: meters[0].push: {WHERE}meter_system_title",),
                'push = "hun"': (
                    'dlmsd.toml:7: meters[0].push: no such [[push]]; did you mean "han"?',
                ),
                'host = "meter.local"': (
                    "dlmsd.toml:7: meters[0].host: expected the IP address that it sends from",
                ),
            },
            before=PUSH + METER,
        )
        self.assertEqual(self.problems(PUSH + "by_address = true\n" + METER), [])
        self.assertEqual(
            self.problems(METER + 'serial_number = "x"'),
            ["dlmsd.toml:3: meters[0].transport: needs a [[push]] that hears it"],
        )

    def test_two_that_nothing_tells_apart(self) -> None:
        two = PUSH + METER + 'push = "han"\n' + METER.replace('"a"', '"b"') + 'push = "han"\n'
        message = "nothing tells its pushes from those of meter a"
        self.assertEqual(self.problems(two), [f"dlmsd.toml:8: meters[1].serial_number: {message}"])
        self.assertEqual(self.problems(two + 'serial_number = "2"\n'), [])
        by_address = two.replace('"tcp:4059"', '"tcp:4059"\nby_address = true')
        self.assertEqual(self.problems(by_address + "physical_device = 2\n"), [])

    def test_security_needs_keys_and_the_meters_title(self) -> None:
        keys = 'encryption_key = "' + "00" * 16 + '"\nauthentication_key = "' + "11" * 16 + '"\n'
        title = 'meter_system_title = "ABCDEFGH"\n'
        text = PUSH + METER + 'push = "han"\nsecurity = "authenticated-encrypted"\n'
        self.assertEqual(self.problems(text + keys + title), [])
        self.assertEqual(len(self.problems(text)), 3)
        (problem,) = self.problems(text + keys)
        self.assertIn("meter_system_title: security", problem)
        self.assertIn("whose pushes these keys open", problem)
        for form, needed in (
            ("wrapped", ["system_title", "master_key"]),
            ("static", ["system_title", "agreement_key", "meter_agreement_key"]),
            ("one-pass", ["meter_signing_key", "system_title", "agreement_key"]),
        ):
            once = f'ciphering = "{form}"\nsecurity_suite = 1\n'
            problems = self.problems(text + keys + title + once)
            self.assertEqual([one.split(": ")[1].partition("].")[2] for one in problems], needed)
        (problem,) = self.problems(text + keys + title + "dedicated_key = true")
        self.assertIn("not for a meter that pushes", problem)

    def test_only_for_pushes(self) -> None:
        meter = '[[meters]]\nname = "a"\nhost = "h"\nprofile = "microstar"\n'
        for said in ('push = "p"', "expect_every = 9", "push_lists = []"):
            (problem,) = self.problems(PUSH + meter + said)
            self.assertIn('only with transport = "push"', problem)
        both = '[profiles.p]\npassword = "x"\nexpect_every = 60\nread = ["frequency"]\n'
        self.assertEqual(self.problems(both + meter.replace("microstar", "p")), [])

    def test_lists_and_units(self) -> None:
        lists = 'expected lists of OBIS codes, "" for a value that is not wanted'
        units = 'expected { "1-0:31.7.0" = { scaler = -3, unit = "A" }, ... }'
        self.expect(
            {
                "push_lists = 1": (f"dlmsd.toml:8: meters[0].push_lists: {lists}",),
                "push_lists = [[]]": (f"dlmsd.toml:8: meters[0].push_lists: {lists}",),
                'push_lists = [["x"]]': (
                    "dlmsd.toml:8: meters[0].push_lists: expected an OBIS code such as 1-1:32.7.0",
                ),
                'push_lists = [["1-0:1.7.0"], ["1-0:2.7.0"]]': (
                    "dlmsd.toml:8: meters[0].push_lists: two lists have the same length, and "
                    "nothing else tells them apart",
                ),
                "push_units = []": (f"dlmsd.toml:8: meters[0].push_units: {units}",),
                'push_units = { "1-0:1.7.0" = { scaler = 1 } }': (
                    f"dlmsd.toml:8: meters[0].push_units: {units}",
                ),
                'push_units = { "1-0:1.7.0" = { unit = "kW" } }': (
                    f"dlmsd.toml:8: meters[0].push_units: {units}; the unit as a meter tells it, "
                    "without prefix: W, Wh, A, V, var",
                ),
                'push_units = { "1-0:1.7.0" = { unit = "W", scaler = 200 } }': (
                    "dlmsd.toml:8: meters[0].push_units: expected a whole number from -128 to 127",
                ),
            },
            before=PUSH + METER + 'push = "han"\n',
        )

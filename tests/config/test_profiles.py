from __future__ import annotations

from dlmsd.config.profiles import shipped
from tests.config.case import ConfigurationCase

METER = '[[meters]]\nname = "a"\nhost = "h"\nprofile = "microstar"\n'
FILE = 'port = {}\npassword = "x"\nread = ["frequency"]\n'


class ProfileTests(ConfigurationCase):
    def test_main_before_beside_before_shipped(self) -> None:
        self.assertTrue((shipped() / "microstar.toml").is_file())
        (meter,) = self.load(METER).meters
        self.assertEqual((meter.port, len(meter.read)), (3333, 10))
        self.write("profiles/microstar.toml", FILE.format(4059))
        (meter,) = self.load(METER).meters
        self.assertEqual((meter.port, len(meter.read)), (4059, 1))
        (meter,) = self.load("[profiles.microstar]\n" + FILE.format(4061) + METER).meters
        self.assertEqual((meter.port, len(meter.read)), (4061, 1))

    def test_a_meter_overrides_any_key(self) -> None:
        said = 'port = 1\nclient = 16\npassword = "y"\ninterval = 60\n'
        (meter,) = self.load(METER + said).meters
        assert meter.password is not None
        self.assertEqual((meter.port, meter.client, meter.interval), (1, 16, 60.0))
        self.assertEqual(meter.password.reveal(), b"y")
        self.assertEqual(meter.profile, "microstar")

    def test_problems_name_the_profile_file(self) -> None:
        self.write("profiles/own.toml", "password = 'x'\nprot = 5\n[read]\na = {}\n")
        self.write("profiles/broken.toml", "port = \n")
        self.write("profiles/.#own.toml", "an editor's")
        self.assertEqual(
            self.problems("[web]\nx = 1\n" + METER.replace("microstar", "own")),
            [
                "dlmsd.toml:2: web.x: unknown key",
                "profiles/broken.toml:1: is not valid TOML: a value is missing or not understood "
                "here; text needs quotes (column 8)",
                'profiles/own.toml:2: prot: unknown key; did you mean "port"?',
                "profiles/own.toml:4: read.a: needs an OBIS code",
            ],
        )

    def test_a_profile_that_cannot_be_read_makes_no_second_problem(self) -> None:
        self.write("profiles/broken.toml", b"\xff")
        self.assertEqual(
            self.problems(METER.replace("microstar", "broken")),
            ["profiles/broken.toml:1: is not UTF-8 here; save the file as UTF-8"],
        )

    def test_a_shadowed_file_is_not_read(self) -> None:
        self.write("profiles/microstar.toml", b"\xff")
        self.assertEqual(self.problems("[profiles.microstar]\n" + FILE.format(4061) + METER), [])

    def test_secrets_of_a_profile_file_start_at_the_main_file(self) -> None:
        self.write(
            "profiles/own.toml", 'password = { file = "own.password" }\nread = ["frequency"]'
        )
        self.write("own.password", "canary")
        (meter,) = self.load(METER.replace("microstar", "own")).meters
        assert meter.password is not None
        self.assertEqual(meter.password.reveal(), b"canary")

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlmsd.config.load import load, load_meter
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.security.keys import Keys
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy
from dlmsd.errors import ConfigurationError
from dlmsd.secret import Secret
from tests.config.case import ConfigurationCase

METER = '[[meters]]\nname = "a"\nhost = "h"\nread = ["voltage_l1"]\n'  # lines 1 to 4
LINE = "dlmsd.toml:{}: meters[0]."
AUTHENTICATIONS = (
    "none", "low", "high-md5", "high-sha1", "high-gmac", "high-sha256", "high-ecdsa"
)  # fmt: skip
POLICIES = tuple(policy.value for policy in SecurityPolicy)

KEY = "C0FFEE" + "5a" * 13
KEY32 = "C0FFEE" + "5a" * 29

# RFC 6979 A.2.5 and A.2.6: private key, public key's x and y.
P256 = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"
P256_POINT = (
    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
P384 = (
    "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8"
    "96D5724E4C70A825F872C9EA60D2EDF5"
)
P384_POINT = (
    "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64"
    "DEF8F0EA9055866064A254515480BC13"
    "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1"
    "288B231C3AE0D4FE7344FD2533264720"
)
GIVEN = {
    "password": "canary-low",
    "system_title": "DLM00001",
    "encryption_key": KEY,
    "authentication_key": KEY,
    "signing_key": P256,
    "meter_signing_key": P256_POINT,
}
"""What one may need, for suite 1."""

CANARY = "CA4A5ECCA4A5ECCA4A5ECCA4A5EC"
VALUES = st.sampled_from(
    (CANARY, CANARY + "4A5E", CANARY + "4A5", CANARY * 2 + "CA4A5ECC", CANARY + "xy", "C4N4RY",
     P256, P384, P256_POINT, P384_POINT, "00" * 32, "DLM00001", "CA4A5ECCA4A5ECCA")
)  # fmt: skip


def lines(**options: object) -> str:
    """TOML, one line an option."""
    return "".join(
        f"{key} = {str(value).lower() if isinstance(value, int) else repr(value)}\n"
        for key, value in options.items()
    )


class ValueTests(ConfigurationCase):
    def meter(self, **options: object) -> MeterOptions:
        (meter,) = self.load(METER + lines(**options)).meters
        return meter

    def test_defaults(self) -> None:
        meter = self.meter(authentication="none")
        self.assertEqual((meter.security, meter.security_suite), ("none", 0))
        self.assertEqual((meter.system_title, meter.meter_system_title), (None, None))
        self.assertIs(meter.dedicated_key, False)

    def test_everything(self) -> None:
        for suite, key, scalar, point, curve in (
            (1, KEY, P256, P256_POINT, ec.SECP256R1),
            (2, KEY32, P384, P384_POINT, ec.SECP384R1),
        ):
            meter = self.meter(
                authentication="high-ecdsa",
                security="authenticated-encrypted",
                security_suite=suite,
                system_title="DLM00001",
                meter_system_title="4d4d4D0000BC614E",
                encryption_key=key,
                authentication_key=key.lower(),
                dedicated_key=True,
                signing_key=scalar,
                meter_signing_key=point,
            )
            self.assertEqual(meter.system_title, b"DLM00001")
            self.assertEqual(meter.meter_system_title, bytes.fromhex("4D4D4D0000BC614E"))
            self.assertEqual(meter.encryption_key, Secret(bytes.fromhex(key)))
            self.assertEqual(meter.authentication_key, meter.encryption_key)
            self.assertIs(meter.dedicated_key, True)
            self.assertEqual(meter.meter_signing_key, bytes.fromhex(point))
            keys = Keys(
                encryption=meter.encryption_key,
                authentication=meter.authentication_key,
                signing=meter.signing_key,
                peer_signing=meter.meter_signing_key,
            )
            keys.check(SUITES[suite])
            private = keys.private(SUITES[suite], "signing")
            self.assertIsInstance(private.curve, curve)
            self.assertEqual(private.public_key(), keys.public(SUITES[suite], "peer_signing"))

    def test_keys_are_secrets_in_every_form(self) -> None:
        self.write("a.key", f" {KEY} \nrest")
        self.write("credentials/a", KEY)
        for form in (f'"{KEY}"', '{ file = "a.key" }', '{ env = "KEY" }', '{ credential = "a" }'):
            text = f'{METER}authentication = "none"\nsecurity = "none"\nencryption_key = {form}\n'
            credentials = str(self.folder / "credentials")
            (meter,) = self.load(text, KEY=KEY, CREDENTIALS_DIRECTORY=credentials).meters
            self.assertEqual(meter.encryption_key, Secret(bytes.fromhex(KEY)))
            self.assertNotIn(KEY.lower(), repr(meter).lower())
            self.assertNotIn(repr(bytes.fromhex(KEY)), repr(meter))

    def test_a_meter_that_stands_in_no_file(self) -> None:
        table = {
            "name": "m", "host": "h", "read": ["voltage_l1"], "authentication": "high-gmac",
            "system_title": "DLM00001", "encryption_key": {"env": "EK"}, "authentication_key": KEY,
        }  # fmt: skip
        meter = load_meter(table, environ={"EK": KEY}, cwd=self.folder)
        self.assertEqual(meter.encryption_key, meter.authentication_key)
        with self.assertRaises(ConfigurationError) as caught:
            load_meter(table, environ={"EK": KEY32}, cwd=self.folder)
        self.assertEqual(
            str(caught.exception),
            "the meter: encryption_key: this key has 32 bytes, security suite 0 takes 16",
        )

    def test_refused(self) -> None:
        line = LINE.format(5)
        title = "expected a system title: 16 hex digits, or 8 ASCII characters"
        aes, scalar = "expected 32 or 64 hex digits", "expected 64 or 96 hex digits"
        table: dict[str, str] = {}
        for value in ('"DLM0001"', '"DLM0001ñ"', '"4D4D4D0000BC614G"', '"4D4D4D0000BC61"', "1"):
            table[f"system_title = {value}"] = f"system_title: {title}"
            table[f"meter_system_title = {value}"] = f"meter_system_title: {title}"
        for key in ("encryption_key", "authentication_key"):
            table |= {
                f'{key} = "{KEY}5"': f"{key}: {aes}, not 33",
                f'{key} = "{KEY * 3}"': f"{key}: {aes}, not 96",
                f'{key} = "{KEY[:-1]}G"': f"{key}: {aes}",
                f'{key} = "0x{KEY[2:]}"': f"{key}: {aes}",
                f'{key} = "{KEY[:-2]}é"': f"{key}: {aes}",
                f'{key} = "{KEY[:-1]}\\n"': f"{key}: {aes}",
                f"{key} = 5": f'{key}: expected a secret: "text", {{ file = "..." }}, '
                '{ env = "..." }, { credential = "..." } or { sealed = "..." }',
                f'{key} = {{ env = "BINARY" }}': f"{key}: {aes}",
            }
        table |= {
            f'signing_key = "{KEY}"': f"signing_key: {scalar}, not 32",
            f'meter_signing_key = "04{P256_POINT}"': "meter_signing_key: expected 128 or 192 hex "
            "digits, not 130",
            'security = "high"': 'security: expected "none", "authenticated", "encrypted" or '
            '"authenticated-encrypted"',
            "security_suite = 3": "security_suite: expected 0, 1 or 2",
            "security_suite = false": "security_suite: expected 0, 1 or 2",
            "dedicated_key = 1": "dedicated_key: expected true or false",
        }
        for text, message in table.items():
            with self.subTest(text):
                problems = self.problems(
                    f'{METER}{text}\nauthentication = "none"\n', BINARY="\udcff" * 32
                )
                self.assertEqual(problems, [line + message])


class NeedTests(ConfigurationCase):
    """Which keys the mechanisms and policies need."""

    def wanted(self, authentication: str, security: str) -> list[str]:
        """The keys that are told as missing, in the order of telling, each with its reason."""
        problems = self.problems(
            METER + lines(authentication=authentication, security=security, security_suite=1)
        )
        start = LINE.format(1)
        for problem in problems:
            self.assertTrue(problem.startswith(start), problem)
        return [problem.removeprefix(start) for problem in problems]

    def test_the_words(self) -> None:
        self.assertEqual(
            self.wanted("high-md5", "authenticated"),
            [
                'password: authentication "high-md5" needs a password; give one, or '
                'authentication = "none"',
                'system_title: security "authenticated" needs a system title of this client, 8 '
                "bytes unlike any meter's",
                'encryption_key: security "authenticated" needs the meter\'s global unicast '
                "encryption key",
                'authentication_key: security "authenticated" needs the meter\'s authentication '
                "key",
            ],
        )
        self.assertEqual(
            self.wanted("high-ecdsa", "none"),
            [
                'system_title: authentication "high-ecdsa" needs a system title of this client, 8 '
                "bytes unlike any meter's",
                'signing_key: authentication "high-ecdsa" needs this client\'s private key',
                'meter_signing_key: authentication "high-ecdsa" needs the meter\'s public key',
            ],
        )

    def test_every_pair(self) -> None:
        for authentication in AUTHENTICATIONS:
            for security in POLICIES:
                policy = SecurityPolicy(security)
                ciphered = policy is not SecurityPolicy.NONE
                mechanism = authentication.removeprefix("high-")
                wanted = [
                    ("password", mechanism in ("low", "md5", "sha1", "sha256")),
                    ("system_title", ciphered or mechanism in ("gmac", "sha256", "ecdsa")),
                    ("encryption_key", ciphered or mechanism == "gmac"),
                    ("authentication_key", policy.authenticated or mechanism == "gmac"),
                    ("signing_key", mechanism == "ecdsa"),
                    ("meter_signing_key", mechanism == "ecdsa"),
                ]
                with self.subTest(f"{authentication} {security}"):
                    told = [one.partition(":")[0] for one in self.wanted(authentication, security)]
                    self.assertEqual(told, [key for key, needed in wanted if needed])
                    given = {key: GIVEN[key] for key in told}
                    said = {"authentication": authentication, "security": security}
                    text = METER + lines(**said, security_suite=1, **given)
                    self.assertEqual(self.problems(text), [])

    def test_what_cannot_be_judged_needs_nothing(self) -> None:
        for text, bad in (
            ('security = "high"\nauthentication = "none"', "security: expected"),
            ('authentication = "high"', "authentication: expected"),
            ('profile = "none"', "profile: no such profile"),
            ('security = "encrypted"\nprofile = "none"', "profile: no such profile"),
            ('security = "encrypted"\nprofile = 5', "profile: expected"),
        ):
            with self.subTest(text):
                (problem,) = self.problems(METER + text)
                self.assertIn(bad, problem)

    def test_a_wrong_key_is_not_a_missing_one(self) -> None:
        given = GIVEN | {"encryption_key": "5A"}
        del given["signing_key"], given["meter_signing_key"]
        self.assertEqual(
            self.problems(METER + lines(authentication="high-gmac", **given)),
            [LINE.format(8) + "encryption_key: expected 32 or 64 hex digits, not 2"],
        )


class CombinationTests(ConfigurationCase):
    def combined(self, **options: object) -> list[str]:
        return self.problems(METER + lines(**options))

    def test_signatures_need_a_curve(self) -> None:
        wanted = 'security_suite: authentication "high-ecdsa" needs security_suite 1 or 2'
        given = {
            "authentication": "high-ecdsa",
            "system_title": "DLM00001",
            "signing_key": P256,
            "meter_signing_key": P256_POINT,
        }
        self.assertEqual(self.combined(**given), [LINE.format(1) + wanted])
        self.assertEqual(self.combined(**given, security_suite=0), [LINE.format(9) + wanted])
        self.assertEqual(self.combined(**given, security_suite=1), [])

    def test_keys_of_another_suite(self) -> None:
        given: dict[str, object] = {
            "authentication": "none",
            "security": "authenticated-encrypted",
            "system_title": "DLM00001",
        }
        for suite, key in ((0, KEY32), (1, KEY32), (2, KEY)):
            wrong = f"this key has {len(key) // 2} bytes, security suite {suite} takes "
            told = self.combined(
                **given, security_suite=suite, encryption_key=key, authentication_key=key
            )
            self.assertEqual(
                told,
                [
                    f"{LINE.format(9)}encryption_key: {wrong}{48 - len(key) // 2}",
                    f"{LINE.format(10)}authentication_key: {wrong}{48 - len(key) // 2}",
                ],
            )

    def test_keys_of_another_curve(self) -> None:
        given: dict[str, object] = {"authentication": "high-ecdsa", "system_title": "DLM00001"}
        start = (LINE.format(8) + "signing_key: ", LINE.format(9) + "meter_signing_key: ")
        order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"
        for suite, scalar, point, wrong in (
            (
                1, P384, P384_POINT,
                ("a private key of 48 bytes, security suite 1 takes 32",
                 "a public key of 96 bytes under security suite 1"),
            ),
            (
                1, order, "00" * 64,
                ("a private key that is outside the curve of security suite 1",
                 "a public key that is no point of the curve of security suite 1"),
            ),
        ):  # fmt: skip
            told = self.combined(
                **given, security_suite=suite, signing_key=scalar, meter_signing_key=point
            )
            self.assertEqual(told, [a + b for a, b in zip(start, wrong, strict=True)])

    def test_a_dedicated_key_travels_encrypted(self) -> None:
        given = {key: GIVEN[key] for key in ("system_title", "encryption_key")}
        given |= {"authentication_key": KEY, "authentication": "none"}
        wrong = (
            'dedicated_key: needs security = "encrypted" or "authenticated-encrypted": the meter '
            "is told the key in the first request"
        )
        for security in POLICIES:
            told = self.combined(**given, security=security, dedicated_key=True)
            encrypted = SecurityPolicy(security).encrypted
            self.assertEqual(told, [] if encrypted else [LINE.format(10) + wrong])
            self.assertEqual(self.combined(**given, security=security, dedicated_key=False), [])

    def test_each_end_has_its_own_title(self) -> None:
        told = self.combined(
            authentication="none", system_title="ABCDEFGH", meter_system_title="4142434445464748"
        )
        wrong = "is that of system_title; each end needs its own, or nonces repeat"
        self.assertEqual(told, [f"{LINE.format(7)}meter_system_title: {wrong}"])

    def test_keys_do_not_suggest_a_security_that_is_not_there(self) -> None:
        wrong = (
            'has no effect without security; say security = "authenticated-encrypted", or "none" '
            "if plain text is meant"
        )
        given = {"authentication": "none", "encryption_key": KEY, "authentication_key": KEY}
        self.assertEqual(
            self.combined(**given),
            [
                f"{LINE.format(6)}encryption_key: {wrong}",
                f"{LINE.format(7)}authentication_key: {wrong}",
            ],
        )
        self.assertEqual(self.combined(**given, security="none"), [])
        gmac = given | {"authentication": "high-gmac", "system_title": "DLM00001"}
        self.assertEqual(self.combined(**gmac), [])
        public = METER.replace("read", 'profile = "p"\nread')
        profile = f'[profiles.p]\nauthentication = "none"\nencryption_key = "{KEY}"\n'
        self.assertEqual(
            self.problems(profile + public),
            [f"dlmsd.toml:3: profiles.p.encryption_key: {wrong}"],
        )
        self.assertEqual(self.problems(profile + public + 'security = "none"\n'), [])
        self.assertEqual(self.problems(profile + 'security = "none"\n' + public), [])

    def test_a_profile_and_its_meters(self) -> None:
        said = {"authentication": "high-gmac", "security": "encrypted"}
        profile = lines(**said, security_suite=2, system_title="DLM00001")
        text = f"[profiles.p]\n{profile}" + METER.replace("read", 'profile = "p"\nread')
        given = lines(encryption_key=KEY32, authentication_key=KEY32)
        (meter,) = self.load(text + given).meters
        self.assertEqual((meter.security, meter.security_suite), ("encrypted", 2))
        self.assertEqual(
            self.problems(text + given + "security_suite = 1\n"),
            [
                f"dlmsd.toml:{line}: meters[0].{key}: this key has 32 bytes, security suite 1 "
                "takes 16"
                for line, key in ((11, "encryption_key"), (12, "authentication_key"))
            ],
        )


class SilenceTests(ConfigurationCase):
    @settings(
        max_examples=50, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(
        st.dictionaries(st.sampled_from((*GIVEN, "meter_system_title")), VALUES, min_size=1),
        st.sampled_from(AUTHENTICATIONS),
        st.sampled_from(POLICIES),
        st.integers(0, 2),
    )
    def test_a_problem_never_repeats_a_value_and_the_rest_is_fit_for_use(
        self, given: dict[str, str], authentication: str, security: str, suite: int
    ) -> None:
        said = {"authentication": authentication, "security": security, "security_suite": suite}
        path = self.folder / "values.toml"
        path.write_text(METER + lines(**said, **given))
        try:
            (meter,) = load(path, environ={}).meters
        except ConfigurationError as error:
            for value in given.values():
                for part in (value, value[:8], value[-8:]):
                    self.assertNotIn(part, str(error))
            return
        keys = Keys(encryption=meter.encryption_key, authentication=meter.authentication_key)
        keys.check(SUITES[suite])
        if authentication == "high-ecdsa":
            keys = Keys(signing=meter.signing_key, peer_signing=meter.meter_signing_key)
            keys.check(SUITES[suite])

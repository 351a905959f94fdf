"""How what is protected is sent, and a manufacturer's own mechanism."""

from __future__ import annotations

from dlmsd.dlms.security.manufacturer import AES_ECB
from tests.config.case import ConfigurationCase
from tests.config.test_security import GIVEN, METER, P256, P256_POINT, lines


class FormTests(ConfigurationCase):
    GMAC = {"authentication": "high-gmac", "security": "authenticated-encrypted"}
    KEYS = {name: GIVEN[name] for name in ("system_title", "encryption_key", "authentication_key")}

    def wanted(self, **options: object) -> list[str]:
        problems = self.problems(METER + lines(**self.GMAC, **self.KEYS, **options))
        return [problem.partition("meters[0].")[2] for problem in problems]

    def test_each_form_needs_its_keys(self) -> None:
        for form, keys in (
            ("wrapped", ["master_key"]),
            ("static", ["agreement_key", "meter_agreement_key"]),
            (
                "one-pass",
                ["signing_key", "meter_signing_key", "agreement_key", "meter_agreement_key"],
            ),
        ):
            told = self.wanted(ciphering=form, security_suite=1)
            self.assertEqual([one.partition(":")[0] for one in told], keys)
            self.assertIn(f'ciphering "{form}" needs', told[0])

    def test_agreement_and_signatures_need_a_curve(self) -> None:
        keys = {"agreement_key": P256, "meter_agreement_key": P256_POINT}
        told = self.wanted(ciphering="static", **keys)
        self.assertEqual(told, ['security_suite: ciphering "static" needs security_suite 1 or 2'])
        keys = {"signing_key": P256, "meter_signing_key": P256_POINT}
        told = self.wanted(signed=True, **keys)
        self.assertEqual(told, ["security_suite: signed true needs security_suite 1 or 2"])

    def test_a_form_of_nothing(self) -> None:
        for option in ({"ciphering": "general"}, {"signed": True}):
            told = self.problems(METER + lines(authentication="none", security="none", **option))
            self.assertIn("needs security = ", "\n".join(told))

    def test_a_manufacturers_own(self) -> None:
        own = {"authentication": "high-manufacturer", "password": "0123456789abcdef"}
        (told,) = self.problems(METER + lines(**own))
        self.assertIn('manufacturer: authentication "high-manufacturer" needs its name', told)
        (told,) = self.problems(METER + lines(manufacturer="acme", **own))
        self.assertIn("expected the name of a mechanism: aes-ecb", told)
        (meter,) = self.load(METER + lines(manufacturer="aes-ecb", **own)).meters
        self.assertIs(meter.manufacturer, AES_ECB)

    def test_short_names_are_as_secure(self) -> None:
        options = lines(**self.GMAC, **self.KEYS, referencing="sn")
        (meter,) = self.load(METER + options).meters
        self.assertEqual(meter.referencing, "sn")

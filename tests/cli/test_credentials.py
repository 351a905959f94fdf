"""Which secrets a HOST gets, and from where."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.credentials import VARIABLES, lacks_password, with_secrets

ENVIRONMENT = dict.fromkeys(VARIABLES.values(), "00")
KEYS = VARIABLES.keys() - {"password"}


class SecretsTests(SynchronousTestCase):
    def named(self, **way: object) -> set[str]:
        return set(VARIABLES) & with_secrets(way, ENVIRONMENT).keys()

    def test_a_file_is_before_the_environment(self) -> None:
        table = with_secrets({"encryption_key_file": "ek", "security": "encrypted"}, ENVIRONMENT)
        self.assertEqual(table["encryption_key"], {"file": "ek"})
        self.assertEqual(table["master_key"], {"env": "DLMSD_MASTER_KEY"})
        self.assertNotIn("encryption_key_file", table)

    def test_keys_of_the_environment_go_only_where_keys_are_used(self) -> None:
        for way in ({}, {"authentication": "high-md5"}, {"security": "none"}):
            self.assertEqual(self.named(**way), {"password"}, way)
        for way in (
            {"profile": "dsmr5"},
            {"security": "authenticated"},
            {"authentication": "high-gmac"},
            {"authentication": "high-ecdsa"},
        ):
            self.assertEqual(self.named(**way), {"password", *KEYS}, way)

    def test_numbers_are_numbers(self) -> None:
        self.assertEqual(with_secrets({"security_suite": "2"}, {})["security_suite"], 2)

    def test_a_password_is_asked_for_only_where_one_proves_something(self) -> None:
        for table, lacks in (
            ({}, True),
            ({"authentication": "high-sha256"}, True),
            ({"authentication": "high-gmac"}, False),
            ({"authentication": "none"}, False),
            ({"profile": "microstar"}, False),
            ({"password": {"env": "X"}}, False),
        ):
            self.assertIs(lacks_password(table), lacks, table)

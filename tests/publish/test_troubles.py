from __future__ import annotations

import errno

from OpenSSL import SSL
from twisted.internet import error
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish import troubles


class TroublesTests(SynchronousTestCase):
    def test_credentials_in_both_versions(self) -> None:
        for code in (4, 5, 0x86, 0x87):
            trouble = troubles.refused(code, "the token with fingerprint 3fa2")
            self.assertIsInstance(trouble, troubles.CredentialsTrouble)
            self.assertIn("fingerprint 3fa2", str(trouble))
            self.assertTrue(trouble.patient)
        self.assertIn("0x86", str(troubles.refused(0x86, "x")))

    def test_other_refusals(self) -> None:
        for code, kind in (
            (1, troubles.VersionTrouble),
            (0x84, troubles.VersionTrouble),
            (2, troubles.ClientIdTrouble),
            (3, troubles.UnavailableTrouble),
            (0x8A, troubles.BannedTrouble),
            (0x9A, troubles.RetainTrouble),
            (0x9B, troubles.QualityTrouble),
            (0x9D, troubles.MovedTrouble),
            (0x9F, troubles.UnavailableTrouble),
        ):
            self.assertIsInstance(troubles.refused(code, "x"), kind)

    def test_takeover(self) -> None:
        trouble = troubles.disconnected(0x8E)
        self.assertIsInstance(trouble, troubles.TakenOverTrouble)
        self.assertIn("session taken over", str(trouble))
        self.assertIn("same client id or token", trouble.advice)

    def test_an_unknown_code_is_told_by_number(self) -> None:
        self.assertIn("0xEE", str(troubles.disconnected(0xEE)))

    def test_failures_of_the_way(self) -> None:
        for value, kind, word in (
            (error.ConnectionRefusedError(), troubles.UnreachableTrouble, "refused"),
            (error.DNSLookupError("no x"), troubles.UnresolvedTrouble, "name"),
            (error.TimeoutError(), troubles.UnreachableTrouble, "no answer"),
            (
                error.ConnectBindError(errno.EMFILE, "Too many"),
                troubles.CrowdedTrouble,
                "open files",
            ),
            (OSError(errno.ENFILE, "Too many"), troubles.CrowdedTrouble, "open files"),
            (error.NoRouteError(), troubles.UnreachableTrouble, ""),
            (error.ConnectionDone(), troubles.ClosedTrouble, "without a reason"),
            (error.ConnectionLost(), troubles.ClosedTrouble, "broke off"),
            (
                SSL.Error([("SSL routines", "", "certificate verify failed")]),
                troubles.TLSTrouble,
                "certificate verify failed",
            ),
            (ValueError("odd"), troubles.UnreachableTrouble, "ValueError: odd"),
        ):
            trouble = troubles.broken(Failure(value))
            self.assertIs(type(trouble), kind)
            self.assertIn(word, str(trouble))

    def test_every_trouble_advises_in_one_line(self) -> None:
        kinds = [kind for kind in vars(troubles).values() if isinstance(kind, type)]
        kinds = [kind for kind in kinds if issubclass(kind, troubles.Trouble)]
        self.assertGreater(len(kinds), 10)
        for kind in kinds:
            self.assertRegex(kind("x").advice, r"\A[A-Z\w][^\n\\]+\.\Z")

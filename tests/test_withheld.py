"""Secrets of which a command only knows that they are there."""

from __future__ import annotations

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.sealing import Seal, WithheldKeyError
from dlmsd.secret import Secret
from dlmsd.withheld import WithheldError, WithheldSecret, refuse_withheld, withheld

HIDDEN = WithheldSecret("credential canary")


@frozen
class Part:
    name: str
    password: Secret | None = None
    headers: dict[str, Secret] | None = None


@frozen
class Whole:
    token: Secret
    parts: tuple[Part, ...]


WHOLE = Whole(
    HIDDEN, (Part("a", Secret("seen")), Part("b", HIDDEN, {"X": Secret("seen"), "Y": HIDDEN}))
)


class WithheldTests(SynchronousTestCase):
    def test_it_is_never_revealed(self) -> None:
        error = self.assertRaises(WithheldError, HIDDEN.reveal)
        for told in (str(error), repr(HIDDEN), f"{HIDDEN}", HIDDEN.fingerprint()):
            self.assertNotIn("canary", told)
        self.assertTrue(HIDDEN)

    def test_two_of_one_name_are_one(self) -> None:
        self.assertEqual(HIDDEN, WithheldSecret("credential canary"))
        self.assertNotEqual(HIDDEN, WithheldSecret("credential other"))

    def test_what_is_sealed_under_one_stays_so(self) -> None:
        secrets = {"password": Secret("canary")}
        closed = Seal(Secret(bytes(32)), bytes).close("a", secrets)
        self.assertRaises(WithheldKeyError, Seal(HIDDEN).open, "a", closed)
        self.assertEqual(Seal(HIDDEN).open("a", Seal(None).close("a", secrets)), secrets)

    def test_where_they_are(self) -> None:
        self.assertEqual(list(withheld(WHOLE)), ["token", "parts.b.password", "parts.b.headers.Y"])
        self.assertEqual(list(withheld(WHOLE.parts[0])), [])

    def test_refused_by_name(self) -> None:
        refuse_withheld(WHOLE.parts[0], None)
        error = self.assertRaises(WithheldError, refuse_withheld, *WHOLE.parts)
        self.assertEqual(str(error), "this command is not given: b.password, b.headers.Y")

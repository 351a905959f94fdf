"""A secret cannot be printed, however hard one tries."""

import json
import pickle

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.secret import MASK, Secret


@frozen
class Holder:
    """Something that holds a secret."""

    password: Secret


class SecretTests(SynchronousTestCase):
    def test_no_way_of_printing_shows_it(self) -> None:
        secret = Secret("hunter22")
        shown = [
            str(secret),
            repr(secret),
            f"{secret}",
            f"{secret!r:>20}",
            "%s %r" % (secret, secret),  # noqa: UP031
            str(Holder(secret)),
            str([secret]),
            json.dumps({"password": secret}, default=str),
        ]
        for text in shown:
            self.assertNotIn("hunter", text)
            self.assertIn(MASK, text)

    def test_it_is_never_pickled(self) -> None:
        self.assertRaises(TypeError, pickle.dumps, Secret("hunter22"))

    def test_it_can_be_used_and_compared(self) -> None:
        self.assertEqual(Secret("ñ").reveal(), "ñ".encode())
        self.assertEqual(Secret("a"), Secret(b"a"))
        self.assertNotEqual(Secret("a"), Secret("b"))
        self.assertNotEqual(Secret("a"), "a")
        self.assertEqual(len({Secret("a"), Secret("a"), Secret("b")}), 2)
        self.assertFalse(Secret(""))

    def test_fingerprints_tell_two_apart_and_tell_no_more(self) -> None:
        # SHA-256 of "abc" begins with ba78 (FIPS 180-4).
        self.assertEqual(Secret("abc").fingerprint(), "ba78")

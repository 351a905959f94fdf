"""What the daemon keeps of itself."""

from os import urandom
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.identity import instance_id, web_token


class IdentityTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def test_the_same_at_every_start_and_another_in_another_folder(self) -> None:
        first = instance_id(self.folder, "host", urandom)
        self.assertEqual(instance_id(self.folder, "host", urandom), first)
        other = Path(self.mktemp())
        other.mkdir()
        self.assertNotEqual(instance_id(other, "host", urandom), first)

    def test_a_host_name_becomes_fit_for_a_client_id(self) -> None:
        self.assertRegex(
            instance_id(self.folder, "pl/an+t#.example", urandom), r"^pl-an-t-example-\w{8}$"
        )

    def test_the_token_is_kept_and_readable_by_nobody_else(self) -> None:
        token = web_token(self.folder, urandom)
        self.assertEqual(web_token(self.folder, urandom), token)
        self.assertGreaterEqual(len(token.reveal()), 32)
        self.assertEqual((self.folder / "web.token").stat().st_mode & 0o777, 0o600)
        self.assertEqual(len(list(self.folder.iterdir())), 1)

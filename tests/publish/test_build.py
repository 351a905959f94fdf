from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.secret import Secret
from tests.publish.bench import Bench, meter


class BuildTests(SynchronousTestCase):
    def connects(self, *args: object, **options: object) -> list[tuple[object, ...]]:
        bench = Bench(*args, **options)  # type: ignore[arg-type]
        bench.start()
        return [(one.client_id, one.username, one.password) for one in bench.broker.connects]

    def test_client_ids(self) -> None:
        self.assertEqual(self.connects(meter("a")), [("dlmsd-host-1a2b-s", None, None)])
        self.assertEqual(self.connects(client_id="mine"), [("mine", None, None)])
        ids = self.connects(meter("a"), meter("b"), kind="thingsboard", client_id="mine")
        self.assertEqual([one[0] for one in ids], ["mine-a", "mine-b"])

    def test_username_and_password(self) -> None:
        found = self.connects(username="bob", password=Secret("pw"))
        self.assertEqual(found, [("dlmsd-host-1a2b-s", b"bob", b"pw")])

    def test_only_meters_that_name_the_sink(self) -> None:
        meters = meter("a"), meter("b", sinks=("other",))
        self.assertEqual(len(self.connects(*meters, kind="thingsboard")), 1)

    def test_a_token_is_not_in_a_repr(self) -> None:
        bench = Bench(meter("a"), kind="thingsboard")
        self.assertNotIn("token-of-a", repr(vars(bench.sink)))

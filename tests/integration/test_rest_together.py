"""Requests of several people at once, about one meter."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.integration.rest import RestCase

ROUNDS = 15


class TogetherTests(RestCase):
    def test_a_meter_that_goes_while_others_change_it(self) -> None:
        """Each hears what became of it, or that it is gone; never that dlmsd failed."""
        self.begin(2)
        heard: Counter[int] = Counter()
        with ThreadPoolExecutor(8) as people:
            for turn in range(ROUNDS):
                body = self.documented() | {"name": f"short-lived {turn}", "status": "inactive"}
                path = f"/api/meters/{self.good('POST', '/api/meters', body)['id']}"
                asked = [
                    ("POST", f"{path}/stop"),
                    ("POST", f"{path}/start"),
                    ("GET", path),
                    ("DELETE", path),
                    ("POST", f"{path}/stop"),
                    ("PUT", path),
                    ("GET", f"{path}/status"),
                ]
                answers = people.map(
                    lambda one, to=body: self.ask(*one, to if one[0] == "PUT" else None),
                    asked,
                )
                heard.update(answer.status for answer in answers)
                self.assertEqual(self.ask("GET", path).status, 404)
        self.assertLessEqual(set(heard), {200, 204, 404, 409}, heard)
        self.assertGreater(heard[404], 0)
        self.end()

"""A test of a receiver through the running daemon."""

from __future__ import annotations

from tests.integration.mosquitto import free_port
from tests.integration.rest import SINK, RestCase

NOTICES = """
[watch]
notice_hosts = ["127.0.0.1"]
[[notices]]
name = "hook"
kind = "webhook"
url = "http://127.0.0.1:{port}/x"
"""


class NoticeTests(RestCase):
    def test_who_is_told_and_what_he_answers(self) -> None:
        self.begin(text=SINK + NOTICES.format(port=free_port()))
        (receiver,) = self.good("GET", "/api/notices")
        self.assertEqual((receiver["name"], receiver["failures"]), ("hook", 0))
        told = self.good("POST", "/api/notices/hook/test")
        self.assertEqual((told["success"], told["error"]), (False, "connection refused"))
        self.assertEqual(self.ask("POST", "/api/notices/other/test").status, 404)
        nobody = self.ask("POST", "/api/notices/hook/test", Authorization="")
        self.assertIn(nobody.status, (401, 403))

"""Paths, methods, headers; the files of the page."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import OutboxStatus
from dlmsd.web.connections import CONNECTIONS
from dlmsd.web.routes import HEADERS
from dlmsd.web.site import PATIENCE
from tests.web.visitor import Visitor


class RouteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.visitor = Visitor()

    def test_unknown_paths(self) -> None:
        for path in (
            "/api/",
            "/api/nothing",
            "/static/",
            "/static/../site.py",
            "//",
            "/index.html",
        ):
            answer = self.visitor.ask(path)
            self.assertEqual(answer.status, 404, path)
            self.assertEqual(answer.headers["content-type"], "application/problem+json")
            self.assertEqual(answer.json["title"], "Not Found")

    def test_other_methods(self) -> None:
        for method in ("POST", "PUT", "DELETE", "BREW"):
            answer = self.visitor.ask("/api/status", method)
            self.assertEqual((answer.status, answer.json["status"]), (405, 405), method)
            self.assertEqual(answer.headers["allow"], "GET, HEAD, OPTIONS")
        answer = self.visitor.ask("/api/status", "OPTIONS")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.headers["allow"], "GET, HEAD, OPTIONS")

    def test_head_tells_the_length_and_no_more(self) -> None:
        for path in ("/", "/api/status", "/livez"):
            whole, head = self.visitor.ask(path), self.visitor.ask(path, "HEAD")
            self.assertEqual(head.status, 200)
            self.assertEqual(head.body, b"")
            self.assertEqual(int(head.headers["content-length"]), len(whole.body))
        self.assertEqual(self.visitor.ask("/api/live", "HEAD").body, b"")

    def test_every_answer_has_the_security_headers(self) -> None:
        for path in ("/", "/api/status", "/api/live", "/api/nothing", "/livez", "/static/main.js"):
            headers = self.visitor.ask(path).headers
            for name, value in HEADERS:
                if name != "Cache-Control":
                    self.assertEqual(headers[name.lower()], value, path)
        policy = headers["content-security-policy"]
        self.assertNotIn("unsafe", policy)
        self.assertTrue(policy.startswith("default-src 'none'; script-src 'self'"))
        self.assertEqual(self.visitor.ask("/api/status").headers["cache-control"], "no-store")

    def test_a_failure_of_ours_is_a_problem_document_and_is_logged(self) -> None:
        def fail() -> float:
            raise ZeroDivisionError("secret detail")

        self.visitor.service._document._wall = fail
        answer = self.visitor.ask("/api/status")
        self.assertEqual(answer.status, 500)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        self.assertNotIn(b"secret detail", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_live_and_ready(self) -> None:
        self.assertEqual(self.visitor.ask("/livez").body, b"ok")
        self.assertEqual(self.visitor.ask("/readyz").body, b"ok")
        self.visitor.ready = False
        answer = self.visitor.ask("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertIn(b"starting", answer.body)
        self.assertEqual(self.visitor.ask("/livez").status, 200)

    def test_not_ready_while_the_outbox_fails(self) -> None:
        self.visitor.board.post(OutboxStatus(error="/secret/path: disk full"))
        answer = self.visitor.ask("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.body, b"not ready: readings cannot be stored")

    def test_a_body_without_end_is_cut_off(self) -> None:
        for head in (b"Content-Length: 999999999", b"Transfer-Encoding: chunked"):
            protocol, transport = self.visitor.connect()
            protocol.dataReceived(
                b"POST /api/status HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n" % head
            )
            chunk = b"x" * 4096
            for _ in range(PATIENCE // 4096):
                protocol.dataReceived(chunk if b"Length" in head else b"1000\r\n%b\r\n" % chunk)
            self.assertFalse(transport.disconnecting)
            protocol.dataReceived(chunk if b"Length" in head else b"1000\r\n%b\r\n" % chunk)
            self.assertTrue(transport.disconnecting)

    def test_more_connections_than_allowed_are_refused(self) -> None:
        for _ in range(CONNECTIONS):
            self.assertIsNotNone(self.visitor.connect()[0])
        self.assertIsNone(self.visitor.connect()[0])

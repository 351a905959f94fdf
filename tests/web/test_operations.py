"""What every operation is spared: wrong bodies, queries, paths, methods, and its own errors."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.web.operation import BODY
from tests.web.operations import ERRORS, Things
from tests.web.visitor import TOKEN, Answer, Visitor, bearer

DEEP = b'{"name":' + b"[" * 30_000
WRONG = (
    (b"", 400, None),
    (b"{", 400, None),
    (b"\xff\xfe", 400, None),
    (b'{"name": NaN}', 400, None),
    (b'{"port": Infinity, "name": "a"}', 400, None),
    (DEEP, 400, None),
    (b"9" * 5000, 400, None),
    (b"null", 422, [""]),
    (b"[]", 422, [""]),
    (b'"text"', 422, [""]),
    (b"{}", 422, ["name"]),
    (b'{"name": null}', 422, ["name"]),
    (b'{"name": 5}', 422, ["name"]),
    (b'{"name": "a/b"}', 422, ["name"]),
    (b'{"name": "\\ud800"}', 422, ["name"]),
    (b'{"name": "a\\u0000"}', 422, ["name"]),
    (b'{"name": "' + b"a" * 65 + b'"}', 422, ["name"]),
    (b'{"name": {"$ne": 1}}', 422, ["name"]),
    (b'{"name": "status"}', 422, ["name"]),
    (b'{"name": "a", "port": 0}', 422, ["port"]),
    (b'{"name": "a", "port": 65536}', 422, ["port"]),
    (b'{"name": "a", "port": "3333"}', 422, ["port"]),
    (b'{"name": "a", "port": 1.0}', 422, ["port"]),
    (b'{"name": "a", "port": true}', 422, ["port"]),
    (b'{"name": "a", "port": 1e400}', 422, ["port"]),
    (b'{"name": "a", "share": 1.01}', 422, ["share"]),
    (b'{"name": "a", "share": 1e999999}', 422, ["share"]),
    (b'{"name": "a", "share": "x"}', 422, ["share"]),
    (b'{"name": "a", "tags": "x"}', 422, ["tags"]),
    (b'{"name": "a", "tags": ["a", 5, "toolong"]}', 422, ["tags[1]", "tags[2]"]),
    (b'{"name": "a", "tags": ["a", "b", "c", "d"]}', 422, ["tags"]),
    (b'{"name": "a", "inner": [5, {"size": 0}]}', 422, ["inner[0]", "inner[1].size"]),
    (b'{"name": "a", "inner": {"size": 1}}', 422, ["inner"]),
    (b'{"name": "a", "nme": 1, "__class__": 2}', 422, ["__class__", "nme"]),
    (b'{"port": 0, "x": 1}', 422, ["name", "port", "x"]),
    (b'{"name": "[{", "inner": ' + b"[" * 5000, 400, ["inner"]),
)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.things = Things()
        self.visitor = Visitor(operations=self.things.operations())

    def post(self, body: bytes, **headers: str) -> Answer:
        given = {"Content_Type": "application/json", "Authorization": bearer(TOKEN)} | headers
        return self.visitor.ask("/api/things", "POST", body=body, **given)

    def problem(self, answer: Answer) -> Any:
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        found = answer.json
        self.assertEqual(found["status"], answer.status)
        return found


class BodyTests(Case):
    def test_what_is_wrong_is_named(self) -> None:
        for body, status, fields in WRONG:
            answer = self.post(body, Content_Length=str(len(body)))
            self.assertEqual(answer.status, status, body[:80])
            if fields is not None:
                named = sorted(one["field"] for one in self.problem(answer)["errors"])
                self.assertEqual(named, fields, body[:80])
        self.assertEqual(self.things.calls, [])

    def test_no_value_comes_back(self) -> None:
        for body in (b'{"name": "canary/"}', b'{"name": "a", "port": "canary"}'):
            self.assertNotIn(b"canary", self.post(body).body)

    def test_what_is_right_arrives(self) -> None:
        answer = self.post(b'{"name": "a b", "port": null, "share": 0.5, "inner": [{"size": 9}]}')
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json["body"]["inner"], [{"size": 9}])
        self.assertEqual(answer.json["who"], "web")

    def test_other_media_types(self) -> None:
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
            self.assertEqual(self.post(b'{"name": "a"}', Content_Type=media_type).status, 415)
        answer = self.post(b"--x\r\n", Content_Type="multipart/form-data; boundary=x")
        self.assertEqual((answer.status, self.problem(answer)["errors"]), (415, []))
        utf8 = "application/json; charset=utf-8"
        self.assertEqual(self.post(b'{"name": "a"}', Content_Type=utf8).status, 200)

    def test_a_body_that_is_too_large(self) -> None:
        body = json.dumps({"name": "a" * BODY}).encode()
        answer = self.post(body)
        self.assertEqual(answer.status, 413)
        self.assertIn(str(BODY), self.problem(answer)["detail"])

    def test_a_body_where_none_belongs(self) -> None:
        for body, status in ((b'{"a": 1}', 415), (b"x", 415), (b" {} ", 200)):
            answer = self.visitor.ask(
                "/api/things/5", "DELETE", body=body, Authorization=bearer(TOKEN)
            )
            self.assertEqual(answer.status, status, body)


class QueryTests(Case):
    def test_queries(self) -> None:
        for query, status, told in (
            ("", 200, {"limit": 5, "seen": None, "from_": None}),
            ("?limit=10&seen=true", 200, {"limit": 10, "seen": True, "from_": None}),
            ("?from=1000", 200, {"limit": 5, "seen": None, "from_": 1000}),
            ("?from=1970-01-01T00:00:01Z", 200, {"limit": 5, "seen": None, "from_": 1000}),
            ("?from=1970-01-01T01:00:01%2B01:00", 200, {"limit": 5, "seen": None, "from_": 1000}),
            ("?limit=11", 422, ["limit"]),
            ("?limit=", 422, ["limit"]),
            ("?limit=1&limit=2", 422, ["limit"]),
            ("?limit=%EF%BC%91", 422, ["limit"]),
            ("?seen=yes", 422, ["seen"]),
            ("?from=yesterday", 422, ["from"]),
            ("?from=9999-99-99", 422, ["from"]),
            ("?lmit=1", 422, ["lmit"]),
            ("?limit=%ff", 422, None),
            ("?" + "&".join(f"a{n}=1" for n in range(99)), 422, None),
        ):
            answer = self.visitor.ask(f"/api/things{query}")
            self.assertEqual(answer.status, status, query)
            if status == 200:
                self.assertEqual(answer.json["query"], told, query)
            elif told is not None:
                named = [one["field"] for one in self.problem(answer)["errors"]]
                self.assertEqual(named, told, query)

    def test_a_query_where_none_belongs(self) -> None:
        self.assertEqual(self.visitor.ask("/api/things/5?x=1").status, 422)


class PathTests(Case):
    def test_paths(self) -> None:
        for path, status in (
            ("/api/things/5", 200),
            ("/api/things/0", 404),
            ("/api/things/-1", 404),
            ("/api/things/5/", 404),
            ("/api/things/x", 404),
            ("/api/things/", 404),
            ("/api/things/%35", 404),
            ("/api/things/99999999999999999999999", 404),
            ("/api/things/5/6", 404),
            ("/api" + "/x" * 5000, 404),
        ):
            self.assertEqual(self.visitor.ask(path).status, status, path[:60])

    def test_methods(self) -> None:
        answer = self.visitor.ask("/api/things/5", "PUT")
        self.assertEqual(answer.status, 405)
        self.assertEqual(answer.headers["allow"], "DELETE, GET, HEAD, OPTIONS")
        answer = self.visitor.ask("/api/things", "OPTIONS")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.headers["allow"], "GET, HEAD, OPTIONS, POST")

    def test_head(self) -> None:
        get, head = (self.visitor.ask("/api/things/5", method) for method in ("GET", "HEAD"))
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(int(head.headers["content-length"]), len(get.body))
        self.assertEqual(self.visitor.ask("/api/long", "HEAD").body, b"")

    def test_piece_by_piece(self) -> None:
        answer = self.visitor.ask("/api/long")
        self.assertEqual((answer.headers["content-type"], answer.body), ("text/csv", b"0,1,2,"))


class ErrorTests(Case):
    def test_errors_of_the_rooms_below(self) -> None:
        for error, status in ERRORS:
            self.things.error = error
            self.assertEqual(self.visitor.ask("/api/things").status, status)

    def test_a_fault_of_ours(self) -> None:
        self.things.error = ZeroDivisionError("canary")
        answer = self.visitor.ask("/api/things")
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"canary", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_before_the_daemon_is_ready(self) -> None:
        self.visitor.ready = False
        answer = self.visitor.ask("/api/things")
        self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "1"))

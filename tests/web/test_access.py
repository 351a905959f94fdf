"""Who may read what, from where, and what a wrong token costs."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.secret import Secret
from dlmsd.tokens import Token, Tokens, digest, list_file, save
from dlmsd.web.access import ADDRESSES
from tests.web.operations import Things
from tests.web.visitor import TOKEN, Visitor, bearer

LOOPBACK = "tcp:0:interface=127.0.0.1"
EVERYWHERE = "tcp:0"
WRONG = bearer("wrong")


class MatrixTests(SynchronousTestCase):
    """Where the page listens, what the request carries, what it gets."""

    def test_matrix(self) -> None:
        for listen, proxy, path, token, status in (
            (LOOPBACK, False, "/api/status", None, 200),
            (LOOPBACK, False, "/api/status", "wrong", 200),
            (LOOPBACK, False, "/", None, 200),
            (LOOPBACK, True, "/api/status", None, 401),
            (LOOPBACK, True, "/api/status", TOKEN, 200),
            (EVERYWHERE, False, "/api/status", None, 401),
            (EVERYWHERE, False, "/api/status", "wrong", 401),
            (EVERYWHERE, False, "/api/status", TOKEN, 200),
            (EVERYWHERE, False, "/api/live", None, 401),
            (EVERYWHERE, False, "/api/nothing", None, 401),
            (EVERYWHERE, False, "/api", None, 401),
            (EVERYWHERE, False, "/", None, 200),
            (EVERYWHERE, False, "/static/main.js", None, 200),
            (EVERYWHERE, False, "/livez", None, 200),
            (EVERYWHERE, False, "/readyz", None, 200),
        ):
            headers = {} if token is None else {"Authorization": bearer(token)}
            answer = Visitor(listen, proxy).ask(path, **headers)
            self.assertEqual(answer.status, status, (listen, proxy, path, token))

    def test_what_a_refusal_looks_like(self) -> None:
        answer = Visitor(EVERYWHERE).ask("/api/status")
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        self.assertEqual(answer.headers["www-authenticate"], 'Bearer realm="dlmsd"')
        self.assertEqual(answer.json["status"], 401)

    def test_other_schemes_and_bytes_that_are_no_text(self) -> None:
        visitor = Visitor(EVERYWHERE)
        for value in (f"Basic {TOKEN}", TOKEN, "Bearer", "Bearer ", "Bearer \xff\xfe"):
            answer = visitor.ask("/api/status", address="10.0.0.1", Authorization=value)
            self.assertEqual(answer.status, 401, value)
        self.assertEqual(visitor.ask("/api/status", Authorization=f"bearer  {TOKEN}").status, 200)

    def test_until_it_listens_nothing_is_free(self) -> None:
        visitor = Visitor(LOOPBACK)
        visitor.service._access.loopback = False
        self.assertEqual(visitor.ask("/api/status").status, 401)


class UseTests(SynchronousTestCase):
    """When a token was last used."""

    def setUp(self) -> None:
        self.now = 1000.0
        self.path = list_file(Path(self.mktemp()))
        self.path.parent.mkdir()
        self.tokens = self.begin()
        self.wall = self.tokens.add("wall", "read", lambda size: b"x" * size, 5)

    def begin(self) -> Tokens:
        return Tokens(Secret(TOKEN), self.path, lambda: self.now)

    def test_it_is_noted_at_most_once_a_minute_and_outlives_the_daemon(self) -> None:
        self.assertEqual(self.tokens.used("wall"), 0)
        self.assertIsNone(self.tokens.find(b"wrong"))
        for now, noted in ((1000, 1000), (1059, 1000), (1060, 1060), (900, 900)):
            self.now = now
            self.tokens.find(self.wall.reveal())
            self.assertEqual(self.tokens.used("wall"), noted)
            self.assertEqual(self.begin().used("wall"), noted)
        self.assertEqual(self.tokens.used("web"), 0)

    def test_one_that_is_gone_opens_nothing_and_leaves_nothing(self) -> None:
        self.tokens.find(self.wall.reveal())
        self.assertTrue(self.tokens.remove("wall"))
        self.assertFalse(self.tokens.remove("wall"))
        self.assertIsNone(self.tokens.find(self.wall.reveal()))
        self.assertEqual((self.tokens.used("wall"), self.begin().used("wall")), (0, 0))
        self.assertEqual([one.name for one in self.tokens.all()], ["web"])

    def test_a_file_of_uses_that_is_none(self) -> None:
        self.path.with_name("web.tokens.used").write_text("[5]")
        self.assertEqual(self.begin().used("web"), 0)
        self.begin().find(TOKEN.encode())
        self.assertEqual(self.begin().used("web"), 1000)


class SessionTests(SynchronousTestCase):
    """What the page may offer to whoever looks."""

    def test_roles(self) -> None:
        wrong = "This token is wrong; `dlmsd token` shows one that is right."
        for proxy, legacy_open, token, found in (
            (False, False, None, ("", "read", "")),
            (False, False, TOKEN, ("web", "admin", "")),
            (False, False, "wrong", ("", "read", wrong)),
            (False, True, None, ("loopback", "admin", "")),
            (False, True, TOKEN, ("web", "admin", "")),
            (False, True, "wrong", ("loopback", "admin", wrong)),
            (True, False, TOKEN, ("web", "admin", "")),
        ):
            headers = {} if token is None else {"Authorization": bearer(token)}
            visitor = Visitor(LOOPBACK, proxy, legacy_open)
            answer = visitor.ask("/api/session", **headers)
            self.assertEqual(tuple(answer.json[key] for key in ("name", "role", "detail")), found)

    def test_a_token_that_only_reads(self) -> None:
        visitor = Visitor(LOOPBACK)
        save(list_file(visitor.folder), [Token("wall", "read", digest(b"any"), 0)])
        answer = visitor.ask("/api/session", Authorization=bearer("any"))
        self.assertEqual(answer.json, {"name": "wall", "role": "read", "detail": ""})

    def test_guessing_is_counted(self) -> None:
        visitor = Visitor(LOOPBACK)
        details = [
            visitor.ask("/api/session", Authorization=WRONG).json["detail"] for _ in range(6)
        ]
        self.assertEqual(details[-1], "Too many wrong tokens; wait a minute.")


class GuessTests(SynchronousTestCase):
    """Five wrong tokens a minute and address."""

    def setUp(self) -> None:
        self.visitor = Visitor(EVERYWHERE)

    def guess(self, token: str, address: str = "10.0.0.9", **headers: str) -> int:
        answer = self.visitor.ask("/api/status", "GET", address, Authorization=token, **headers)
        self.retry_after = answer.headers.get("retry-after")
        return answer.status

    def test_the_sixth_is_not_even_looked_at(self) -> None:
        self.assertEqual([self.guess(WRONG) for _ in range(6)], [401] * 5 + [429])
        self.assertEqual(self.retry_after, "61")
        self.assertEqual(self.guess(bearer(TOKEN)), 429)

    def test_each_is_counted_for_the_audit_trail(self) -> None:
        for _ in range(8):
            self.guess(WRONG)
        self.assertEqual(self.visitor.board.door.wrong, 8)
        self.assertEqual(list(self.visitor.board.door.take().values()), [8])
        self.assertEqual(self.visitor.board.door.take(), {})

    def test_other_addresses_are_not_punished(self) -> None:
        for _ in range(6):
            self.guess(WRONG)
        self.assertEqual(self.guess(bearer(TOKEN), "10.0.0.10"), 200)

    def test_a_minute_later_it_is_forgotten(self) -> None:
        for _ in range(6):
            self.guess(WRONG)
        self.visitor.reactor.advance(59)
        self.assertEqual(self.guess(bearer(TOKEN)), 429)
        self.visitor.reactor.advance(1)
        self.assertEqual(self.guess(bearer(TOKEN)), 200)

    def test_a_missing_token_is_no_wrong_one(self) -> None:
        for _ in range(9):
            self.visitor.ask("/api/status", address="10.0.0.9")
        self.assertEqual(self.guess(bearer(TOKEN)), 200)

    def test_memory_of_guesses_is_bounded(self) -> None:
        for number in range(ADDRESSES + 10):
            self.guess(WRONG, f"10.1.{number // 256}.{number % 256}")
        self.assertEqual(len(self.visitor.service._access._wrong), ADDRESSES)

    def test_behind_a_proxy_the_last_forwarded_address_counts(self) -> None:
        self.visitor = Visitor(EVERYWHERE, proxy=True)
        for number in range(6):
            status = self.guess(WRONG, X_Forwarded_For=f"1.1.1.{number}, 192.0.2.7")
        self.assertEqual(status, 429)
        self.assertEqual(self.guess(bearer(TOKEN), X_Forwarded_For="192.0.2.7, 192.0.2.8"), 200)


class HostTests(SynchronousTestCase):
    """DNS rebinding: a foreign name that resolves to this machine."""

    def test_names_of_this_machine(self) -> None:
        for host in ("localhost", "LOCALHOST:8425", "127.0.0.1:1", "[::1]:8425", "[::1]"):
            self.assertEqual(Visitor().ask("/api/status", Host=host).status, 200, host)

    def test_every_other_name(self) -> None:
        for host in (
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "",
            "localhost:",
        ):
            for path in ("/", "/api/status", "/livez"):
                answer = Visitor().ask(path, Host=host)
                self.assertEqual(answer.status, 403, host)
                self.assertNotIn(b"planta-a", answer.body)

    def test_elsewhere_the_name_is_the_operators(self) -> None:
        answer = Visitor(EVERYWHERE).ask(
            "/api/status", Host="meters.example", Authorization=bearer(TOKEN)
        )
        self.assertEqual(answer.status, 200)


class RoleTests(SynchronousTestCase):
    """Tokens by role, on each kind of listener, for each kind of request."""

    def visitor(self, listen: str = LOOPBACK, **options: bool) -> Visitor:
        found = Visitor(listen, operations=Things().operations(), **options)
        tokens = [
            Token("reader", "read", digest(b"r-token"), 0),
            Token("boss", "admin", digest(b"b-token"), 0),
        ]
        save(list_file(found.folder), tokens)
        return found

    def ask(self, visitor: Visitor, what: str, token: str | None, **headers: str) -> int:
        method, path = what.split()
        if token is not None:
            headers["Authorization"] = bearer(token)
        return visitor.ask(path, method, **headers).status

    def test_matrix(self) -> None:
        read, change, secret = "GET /api/things", "DELETE /api/things/1", "GET /api/secret"
        loop = self.visitor()
        free = self.visitor(legacy_open=True)
        far = self.visitor(EVERYWHERE)
        proxied = self.visitor(proxy=True)
        for visitor, what, statuses in (
            # without a token, with a wrong one, a reader's, an admin's, the first one
            (loop, read, (200, 200, 200, 200, 200)),
            (loop, change, (401, 401, 403, 200, 200)),
            (loop, secret, (401, 401, 403, 200, 200)),
            (free, read, (200, 200, 200, 200, 200)),
            (free, change, (200, 200, 200, 200, 200)),
            (free, secret, (401, 401, 403, 200, 200)),
            (far, read, (401, 401, 200, 200, 200)),
            (far, change, (401, 401, 403, 200, 200)),
            (proxied, read, (401, 401, 200, 200, 200)),
            (proxied, change, (401, 401, 403, 200, 200)),
        ):
            given = (None, "wrong", "r-token", "b-token", TOKEN)
            found = tuple(self.ask(visitor, what, token) for token in given)
            self.assertEqual(found, statuses, what)

    def test_who_is_known_by_a_token_that_none_needed(self) -> None:
        """A change may be free; whether it lends secrets depends on who asks."""
        things = Things()
        found = Visitor(LOOPBACK, legacy_open=True, operations=things.operations())
        save(list_file(found.folder), [Token("reader", "read", digest(b"r-token"), 0)])
        for token in (None, "wrong", "r-token", TOKEN):
            self.assertEqual(self.ask(found, "DELETE /api/things/1", token), 200)
        who = [(one.who.name, one.who.known) for one in things.calls]
        self.assertEqual(who, [("loopback", False)] * 3 + [("web", True)])

    def test_guesses_are_counted_where_no_token_is_needed(self) -> None:
        things = Things()
        found = Visitor(LOOPBACK, legacy_open=True, operations=things.operations())
        for token in (*("wrong",) * 5, TOKEN):
            self.assertEqual(self.ask(found, "DELETE /api/things/1", token), 200)
        self.assertEqual({one.who.name for one in things.calls}, {"loopback"})

    def test_another_sites_page_changes_nothing(self) -> None:
        visitor = self.visitor(legacy_open=True)
        what = "DELETE /api/things/1"
        for headers, status in (
            ({"Origin": "http://localhost:8425"}, 200),
            ({"Sec_Fetch_Site": "same-origin"}, 200),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": "http://[bad"}, 403),
            ({"Sec_Fetch_Site": "cross-site"}, 403),
            ({"Sec_Fetch_Site": "same-site"}, 403),
        ):
            self.assertEqual(self.ask(visitor, what, None, **headers), status, headers)

    def test_a_list_that_changes_is_known_at_once(self) -> None:
        visitor = self.visitor(EVERYWHERE)
        self.assertEqual(self.ask(visitor, "GET /api/things", "r-token"), 200)
        save(list_file(visitor.folder), [])
        self.assertEqual(self.ask(visitor, "GET /api/things", "r-token"), 401)

    def test_a_damaged_list_opens_nothing_and_the_first_token_still_does(self) -> None:
        visitor = self.visitor(EVERYWHERE)
        list_file(visitor.folder).write_text("{")
        self.assertEqual(self.ask(visitor, "GET /api/things", "r-token"), 401)
        self.assertEqual(self.ask(visitor, "GET /api/things", TOKEN), 200)

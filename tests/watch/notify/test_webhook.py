"""Notices to a webhook over loopback: JSON, templates, TLS, redirects, silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from attrs import evolve
from twisted.internet import reactor, ssl
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from dlmsd.config.notice import NoticeOptions
from dlmsd.secret import Secret
from dlmsd.watch.language import Language
from dlmsd.watch.notify.exchange import exchange, sender
from dlmsd.watch.notify.message import Author
from dlmsd.watch.notify.notifier import tried
from dlmsd.watch.notify.trouble import RefusedNoticeError, SecurityError, UnreachedError
from dlmsd.watch.notify.webhook import body
from tests.certificates import Authority
from tests.watch.notify.duty import BUSY, DUTY, NOON, configured
from tests.watch.notify.words import document

EVIL = 'a"},\r\n{"to": "\u202e&x=1 ñ'


class Hook(Resource):
    """Answers ``status`` and ``answer``, or nothing if it is ``mute``; ``asked`` is what came."""

    isLeaf = True
    status = 200
    answer = b"thanks"
    where = b""
    mute = False

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Any, bytes]] = []

    def render_POST(self, request: Any) -> Any:
        self.asked.append((request.requestHeaders, request.content.read()))
        if self.mute:
            return NOT_DONE_YET
        request.setResponseCode(self.status)
        if self.where:
            request.setHeader("Location", self.where)
        return self.answer


class WebhookTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        Authority(self.folder).issue("localhost")
        pem = (self.folder / "server.pem").read_bytes() + (self.folder / "server.key").read_bytes()
        context = ssl.PrivateCertificate.loadPEM(pem).options()
        self.hook = Hook()
        listen: Any = reactor
        self.port = listen.listenSSL(0, Site(self.hook), context, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.receiver = evolve(
            DUTY,
            url=f"https://localhost:{self.port.getHost().port}/send?x=1",
            headers={"Authorization": Secret("Bearer canary-hook")},
            ca_file=self.folder / "ca.pem",
            timeout=5.0,
        )

    async def refused(self, kind: type[Exception], receiver: NoticeOptions | None = None) -> str:
        with self.assertRaises(kind) as caught:
            await tried(receiver or self.receiver, configured(), reactor, NOON)
        self.assertNotIn("canary", str(caught.exception))
        return str(caught.exception)

    async def test_all_that_is_known_as_json(self) -> None:
        author = Author(self.receiver, Language.of("en"), "https://page")
        finding = evolve(BUSY, subject=EVIL, meters=(EVIL,))
        message = author.write(7, [document(finding)], 0)
        way = sender(self.receiver, reactor)
        answer = await exchange(way, message, 5.0, reactor)
        self.assertEqual(answer, "200 thanks")
        ((headers, octets),) = self.hook.asked
        told = json.loads(octets)
        self.assertEqual(
            (told["alarm"], told["rule"], told["state"], told["severity"], told["ts"]),
            (17, "meter-busy", "raised", "error", int(NOON * 1000)),
        )
        self.assertEqual(
            told["subject"], EVIL.replace("\r\n", "\ufffd" * 2).replace("\u202e", "\ufffd")
        )
        self.assertEqual(told["link"], "https://page/")
        self.assertEqual(headers.getRawHeaders("authorization"), ["Bearer canary-hook"])
        self.assertEqual(headers.getRawHeaders("idempotency-key"), [message.id])
        self.assertEqual(told["id"], message.id)

    async def test_refusals_in_its_words_and_no_way_elsewhere(self) -> None:
        self.hook.status, self.hook.answer = 403, b"wrong\x00 key"
        self.assertEqual(await self.refused(RefusedNoticeError), "403 wrong\ufffd key")
        elsewhere = f"https://127.0.0.1:{self.port.getHost().port}/other"
        self.hook.status, self.hook.where = 307, elsewhere.encode()
        self.assertIn("sends us elsewhere", await self.refused(RefusedNoticeError))
        self.assertEqual(len(self.hook.asked), 2)

    async def test_an_endless_answer_is_an_answer(self) -> None:
        self.hook.answer = b"x" * (1 << 20)
        answer = await tried(self.receiver, configured(), reactor, NOON)
        self.assertLess(len(answer), 400)

    async def test_who_is_mute_unknown_or_not_there(self) -> None:
        self.hook.mute = True
        said = await self.refused(UnreachedError, evolve(self.receiver, timeout=0.3))
        self.assertEqual(said, "no answer within 0 s")
        await self.refused(SecurityError, evolve(self.receiver, ca_file=None))
        await self.port.stopListening()
        self.assertEqual(await self.refused(UnreachedError), "connection refused")


class TemplateTests(SynchronousTestCase):
    def test_what_is_filled_in_stays_text(self) -> None:
        author = Author(DUTY, Language.of("en"), None)
        finding = evolve(BUSY, subject=EVIL, meters=(EVIL,))
        message = author.write(7, [document(finding)], 0)
        template = '{"to": "+57", "text": "{text} {severity} {actions} {link}"}'
        told = json.loads(body(evolve(DUTY, body=template), message))
        self.assertEqual(set(told), {"to", "text"})
        self.assertTrue(told["text"].startswith(message.title + " error "))
        form = evolve(
            DUTY, body="to=%2B57&text={text}", content_type="application/x-www-form-urlencoded"
        )
        fields = parse_qs(body(form, message).decode(), strict_parsing=True)
        self.assertEqual(fields, {"to": ["+57"], "text": [message.title]})
        plain = evolve(DUTY, body="{severity} {alarm} {id}", content_type="text/plain")
        self.assertEqual(body(plain, message).decode(), f"error 17 {message.id}")

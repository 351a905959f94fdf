"""Notices by mail to a server over loopback: TLS, logins, refusals, hostile names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.mail.smtp import SMTPServerError
from twisted.trial.unittest import TestCase

from dlmsd.config.notice import NoticeOptions
from dlmsd.errors import ConfigurationError
from dlmsd.secret import Secret
from dlmsd.watch.language import Language
from dlmsd.watch.notify.exchange import exchange, sender
from dlmsd.watch.notify.message import Author
from dlmsd.watch.notify.notifier import tried
from dlmsd.watch.notify.trouble import (
    NoticeError,
    RefusedNoticeError,
    SecurityError,
    UnreachedError,
)
from tests.certificates import Authority
from tests.watch.notify.duty import BUSY, NOON, configured
from tests.watch.notify.postoffice import PostOffice
from tests.watch.notify.words import document

MAIL = NoticeOptions(
    "duty",
    "mail",
    host="localhost",
    sender="dlmsd@example.com",
    recipients=("operator@example.com",),
    timeout=5.0,
)
PASSWORD = Secret("canary-mail")


class MailTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        Authority(self.folder).issue("localhost")

    def open(self, **how: Any) -> PostOffice:
        plain = how.pop("plain", False)
        office = PostOffice(None if plain else self.folder, **how)
        self.addCleanup(office.stop)
        return office

    def to(self, office: PostOffice, **more: Any) -> NoticeOptions:
        return evolve(MAIL, port=office.port, **{"ca_file": self.folder / "ca.pem", **more})

    async def refused(self, receiver: NoticeOptions, kind: type[Exception]) -> str:
        with self.assertRaises(kind) as caught:
            await tried(receiver, configured(), reactor, NOON)
        self.assertNotIn("canary", str(caught.exception))
        return str(caught.exception)

    async def test_over_tls_either_way_with_a_login(self) -> None:
        for implicit in (False, True):
            office = self.open(implicit=implicit, login=True)
            tls: Any = "implicit" if implicit else "starttls"
            receiver = self.to(office, tls=tls, username="op", password=PASSWORD)
            answer = await tried(receiver, configured(), reactor, NOON)
            self.assertTrue(answer.startswith("250 "), answer)
            self.assertEqual(office.logins, [b"op"])
            mail = office.mail()
            self.assertEqual(mail["Subject"], "[dlmsd] Test")
            self.assertEqual(mail["Date"].datetime.timestamp(), NOON)
            self.assertIn("what goes wrong is told here: duty.", mail.get_content().lower())

    async def test_without_tls_on_this_machine(self) -> None:
        office = self.open(plain=True)
        await tried(self.to(office, tls="none", ca_file=None), configured(), reactor, NOON)
        self.assertEqual(len(office.mails), 1)

    async def test_nothing_is_sent_where_tls_cannot_be_had(self) -> None:
        office = self.open(plain=True)
        said = await self.refused(self.to(office), NoticeError)
        self.assertIn("TLS", said)
        other = self.folder / "other"
        other.mkdir()
        Authority(other)
        for implicit in (False, True):
            tls: Any = "implicit" if implicit else "starttls"
            office = self.open(implicit=implicit)
            receiver = self.to(office, tls=tls, ca_file=other / "ca.pem")
            said = await self.refused(receiver, SecurityError)
            self.assertIn("certificate", said)
            self.assertEqual(office.mails, [])
        gone = self.to(office, ca_file=self.folder / "gone.pem")
        await self.refused(gone, ConfigurationError)

    async def test_what_the_server_refuses_is_told_in_its_words(self) -> None:
        office = self.open(login=True)
        wrong = self.to(office, username="op", password=Secret("canary-wrong"))
        self.assertIn("535", await self.refused(wrong, RefusedNoticeError))
        office = self.open()
        nobody = self.to(office, recipients=("nobody@example.com",))
        self.assertIn("550", await self.refused(nobody, RefusedNoticeError))
        office.full = True
        said = await self.refused(self.to(office), RefusedNoticeError)
        self.assertEqual(said, "550 Could not send e-mail")
        self.flushLoggedErrors(SMTPServerError)
        office.full = False
        both = self.to(office, recipients=("nobody@example.com", "operator@example.com"))
        answer = await tried(both, configured(), reactor, NOON)
        self.assertIn("nobody@example.com: 550", answer)
        self.assertEqual(len(office.mails), 1)

    async def test_who_is_mute_or_not_there(self) -> None:
        office = self.open()
        office.mute = True
        said = await self.refused(self.to(office, timeout=0.2), UnreachedError)
        self.assertEqual(said, "no answer within 0 s")
        port = office.port
        await office.stop()
        said = await self.refused(evolve(MAIL, port=port), UnreachedError)
        self.assertEqual(said, "connection refused")

    async def test_a_hostile_name_stays_text(self) -> None:
        office = self.open()
        receiver = self.to(office)
        evil = "a\r\nBcc: all@example.com\r\n\r\n.\r\nQUIT\x1b[2J\u202e ñ"
        finding = evolve(BUSY, subject=evil, quotes=("\r\n.\r\n", "x" * 300), meters=(evil,))
        author = Author(receiver, Language.of("es"), "https://page")
        message = author.write(7, [document(finding)], 0)
        way = sender(receiver, reactor)
        await exchange(way, message, 5.0, reactor)
        way.close()
        (recipients, octets), mail = office.mails[0], office.mail()
        self.assertEqual(recipients, ["operator@example.com"])
        self.assertNotIn("Bcc", mail)
        self.assertNotIn("Bcc", octets.partition(b"\n\n")[0].decode())
        self.assertIn("a\ufffd\ufffdBcc", mail["Subject"])
        self.assertIn("QUIT\ufffd[2J\ufffd ñ", mail.get_content())
        self.assertIn("https://page/", mail.get_content())
        domain = "@example.com>"
        self.assertEqual(mail["Message-ID"], f"<{message.id}{domain}")
        self.assertEqual(mail["References"], f"<{message.thread}{domain}")

"""Receivers of notices: what goes together, and where they may be."""

from __future__ import annotations

import re

from dlmsd.config.notice import CATEGORIES
from dlmsd.watch.remedies import TREATMENTS
from tests.config.case import ConfigurationCase

WATCH = '[watch]\nnotice_hosts = ["hooks.example.com", "127.0.0.1"]\n'
HEAD = '[[notices]]\nname = "duty"\n'
MAIL = (
    HEAD + 'kind = "mail"\nhost = "mail.example.com"\nsender = "a@b.example"\n'
    'recipients = ["c@d.example"]\n'
)
HOOK = HEAD + 'kind = "webhook"\n'
URL = HOOK + 'url = "https://hooks.example.com/x"\n'
PLACE = "expected https://HOST/PATH, or http on this machine's loopback address"


class NoticeTests(ConfigurationCase):
    def test_what_goes_together(self) -> None:
        expected: dict[str, tuple[str, ...]] = {
            URL: (),
            MAIL: (),
            MAIL + 'username = "a"': ("password: goes with username",),
            MAIL + 'tls = "none"': (
                "tls: others would read along; only on this machine's loopback address",
            ),
            MAIL + 'url = "https://hooks.example.com"': ('url: only for kind = "webhook"',),
            HOOK: ('url: is required for kind = "webhook"',),
            HOOK + 'url = "http://hooks.example.com"': (f"url: {PLACE}",),
            HOOK + 'url = "https://a:canary@hooks.example.com"': (
                f"url: {PLACE}, without user, password and fragment; headers have secrets",
            ),
            HOOK + 'url = "https://hooks.example.com.evil.example"': (
                "url: its host is not among watch.notice_hosts; add it there",
            ),
            HOOK + 'url = "http://127.0.0.1:80/x"': (),
            HOOK + 'url = "http://localhost/x"': (
                "url: its host is not among watch.notice_hosts; add it there",
            ),
            URL + URL.partition("\n")[0] + '\nname = "duty"\nkind = "webhook"\n'
            'url = "https://hooks.example.com"': ("name: another receiver has this name (line 4)",),
            URL + 'body = "{canary}"': (
                "body: has another name in braces than actions, "
                "alarm, evidence, id, link, message, rule, severity, state, subject, text, "
                "title, ts",
            ),
            URL + 'headers = { "X: y" = "canary" }': (
                "headers: expected names of header fields that the request does not set",
            ),
            URL + 'headers = { X = "canary\\r\\nY: z" }': (
                "headers: expected values of printable ASCII characters",
            ),
            MAIL.replace("c@d.example", "c@d.example\\nBcc: e@f.example"): (
                "recipients: expected an e-mail address such as operator@example.com",
            ),
            URL + 'quiet = "22-6"': ("quiet: expected a part of the day such as 22:00-06:00",),
            URL + 'daily = "24:00"': ("daily: expected a time of day such as 07:00",),
        }
        for text, messages in expected.items():
            with self.subTest(text):
                found = [
                    re.sub(r"^.*?notices\[\d\]\.", "", one) for one in self.problems(WATCH + text)
                ]
                self.assertEqual(found, list(messages))

    def test_the_categories_are_those_of_the_alarms(self) -> None:
        self.assertEqual({one.category for one in TREATMENTS.values()}, set(CATEGORIES))

"""ThingsBoard's REST interface over TLS, with certificates good and bad."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.server import Site as WebSite

from dlmsd.publish.rest import Account, CertificateError, KeptConnections, Rest, Site
from dlmsd.publish.tenant import Tenant
from dlmsd.secret import Secret
from dlmsd.tls import client_contexts
from tests.certificates import Authority
from tests.thingsboard.case import populated
from tests.thingsboard.rest.build import rest
from tests.thingsboard.server import ThingsBoard

ACCOUNT = Account(username="tenant@thingsboard.org", password=Secret("tenant"))


class CertificateTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.authority = Authority(self.folder)

    def find(self, name: str, ca_file: Path | None, days: float = 1) -> Deferred[Any]:
        """Ask a server whose certificate is made out to ``name`` for a device."""
        self.authority.issue(name, days=days)
        key, certificate = (str(self.folder / f"server.{end}") for end in ("key", "pem"))
        web = WebSite(rest(populated(ThingsBoard(reactor, time.time, Random(1)))))
        contexts = ssl.DefaultOpenSSLContextFactory(key, certificate)
        port = reactor.listenSSL(0, web, contexts, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        site = Site.parse(f"https://127.0.0.1:{port.getHost().port}")
        trusted = client_contexts(site.host, where="provision", ca_file=ca_file)
        http = KeptConnections(reactor, trusted)
        self.addCleanup(http.close)
        tenant = Tenant(Rest(site, ACCOUNT, http, reactor))
        return Deferred.fromCoroutine(tenant.find("meter"))

    def refused(
        self, name: str, ca_file: Path | None, words: str, days: float = 1
    ) -> Deferred[Any]:
        asked = self.assertFailure(self.find(name, ca_file, days), CertificateError)
        return asked.addCallback(lambda error: self.assertIn(words, str(error)))

    def test_one_that_is_good(self) -> Deferred[Any]:
        found = self.find("localhost", self.folder / "ca.pem")
        return found.addCallback(lambda device: self.assertEqual(device.body["name"], "meter"))

    def test_one_of_another_host(self) -> Deferred[Any]:
        return self.refused("other.example", self.folder / "ca.pem", "not made out to the host")

    def test_one_that_nobody_vouches_for(self) -> Deferred[Any]:
        return self.refused("localhost", None, "certificate verify failed")

    def test_one_that_has_ended(self) -> Deferred[Any]:
        ca_file = self.folder / "ca.pem"
        return self.refused("localhost", ca_file, "certificate", days=-1)

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import SinkOptions
from dlmsd.errors import ConfigurationError
from dlmsd.publish.endpoint import endpoint


class EndpointTests(SynchronousTestCase):
    def connected(self, url: str) -> tuple[Any, ...]:
        reactor = MemoryReactorClock()
        attempt = endpoint(reactor, SinkOptions("s", "mqtt", url))(Factory.forProtocol(Protocol))
        self.assertIsInstance(attempt, Deferred)
        reactor.advance(0)
        (client,) = reactor.tcpClients
        attempt.addErrback(lambda _: None)
        attempt.cancel()
        return client[:2]

    def test_host_and_default_port(self) -> None:
        self.assertEqual(self.connected("mqtt://127.0.0.1"), ("127.0.0.1", 1883))
        self.assertEqual(self.connected("mqtts://127.0.0.1"), ("127.0.0.1", 8883))
        self.assertEqual(self.connected("mqtt://127.0.0.1:1884"), ("127.0.0.1", 1884))

    def refused(self, **options: Any) -> str:
        with self.assertRaises(ConfigurationError) as caught:
            endpoint(MemoryReactorClock(), SinkOptions("s", "mqtt", **options))
        return str(caught.exception)

    def test_files_that_cannot_be_used(self) -> None:
        junk = Path(self.mktemp())
        missing = Path(self.mktemp())
        junk.write_text("junk")
        url = "mqtts://h"
        self.assertRegex(self.refused(url=url, ca_file=missing), r"ca_file: .*No such file")
        self.assertRegex(self.refused(url=url, ca_file=junk), r"ca_file: .*no certificate")
        broken = Path(self.mktemp())
        broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        self.assertRegex(self.refused(url=url, ca_file=broken), r"ca_file: .*damaged")
        self.assertRegex(self.refused(url=url, cert_file=junk), r"cert_file: cannot be used")
        self.assertRegex(self.refused(url=url, cert_file=junk, key_file=missing), r"key_file: .*No")

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import SinkOptions
from dlmsd.errors import ConfigurationError
from dlmsd.publish.endpoint import endpoint

CROWDED = """
import os, resource, sys
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.protocol import Factory, Protocol
from dlmsd.config.values import SinkOptions
from dlmsd.publish import endpoint, troubles

held = []

def begin():
    reactor.callLater(20, os._exit, 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        while True:
            held.append(os.dup(1))
    except OSError:
        pass
    urls = ("mqtt://127.0.0.1:1", "mqtt://localhost:1")
    tries = [
        endpoint.endpoint(reactor, SinkOptions("s", "mqtt", url))(Factory.forProtocol(Protocol))
        .addErrback(lambda reason: troubles.broken(reason)) for url in urls
    ]
    gatherResults(tries).addCallback(tell)

def tell(told):
    for one in held:
        os.close(one)
    print([(type(one).__name__, str(one)) for one in told])
    reactor.stop()

reactor.callWhenRunning(begin)
reactor.run()
"""


class CrowdedTests(SynchronousTestCase):
    def test_neither_broker_nor_name_server_is_to_blame(self) -> None:
        """In a process of its own, which may open no more files."""
        command = [sys.executable, "-c", CROWDED]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        told = ("CrowdedTrouble", "too many open files")
        self.assertEqual((ended.stdout.strip(), ended.stderr), (str([told, told]), ""))


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

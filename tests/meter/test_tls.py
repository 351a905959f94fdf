"""TLS to a gateway: a connection is one when its certificate was found good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import ssl
from twisted.internet.protocol import Factory, Protocol

from dlmsd.errors import ConfigurationError
from dlmsd.meter.build import make_way
from dlmsd.simulator.medium import Medium
from tests.certificates import Authority
from tests.meter.fleet import FleetCase

METER = "virtual-001"


class TlsTests(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.authority = Authority(self.folder)

    def begin(self, name: str = "localhost", meters: int = 1, **changes: Any) -> None:
        """The gateway's certificate is made out to ``name``."""
        self.authority.issue(name)
        pem = b"".join((self.folder / f"server.{end}").read_bytes() for end in ("pem", "key"))
        contexts: Any = ssl.PrivateCertificate.loadPEM(pem)
        self.simulate(meters, medium=Medium(tls=contexts.options()), gateway=True)
        given = {"tls": True, "ca_file": self.folder / "ca.pem", **changes}
        self.read(self.options(**given))

    def error(self) -> str:
        return self.statuses[METER].error

    def test_meters_behind_a_gateway(self) -> None:
        self.begin(meters=3)
        self.run_for(60)
        self.assertEqual({one.good for one in self.statuses.values()}, {12})
        self.assertEqual({one.connects for one in self.statuses.values()}, {1})
        (pipe,) = self.network.connections
        self.assertTrue(pipe.no_delay)

    def test_the_name_of_the_certificate_may_be_another(self) -> None:
        self.begin("gateway.example", server_name="gateway.example")
        self.run_for(7)
        self.assertEqual(self.statuses[METER].good, 2)

    def test_another_name(self) -> None:
        self.begin("other.example")
        self.run_for(60)
        self.assertIn("certificate is not made out to the host", self.error())
        self.assertIn("server_name", self.statuses[METER].advice)
        self.assertLess(self.statuses[METER].connects, 10)

    def test_an_unknown_authority(self) -> None:
        self.begin(ca_file=None)
        self.run_for(60)
        self.assertIn("certificate verify failed", self.error())
        self.assertIn("ca_file", self.statuses[METER].advice)
        self.assertEqual(self.readings, [])

    def test_a_server_without_tls(self) -> None:
        self.simulate()
        self.read(self.options(tls=True))
        self.run_for(60)
        self.assertEqual(self.error(), "no answer to the TLS handshake")
        self.assertLess(self.statuses[METER].connects, 6)

    def test_a_server_that_closes(self) -> None:
        class Closing(Protocol):
            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.loseConnection()

        self.simulate()
        (options,) = self.options(tls=True)
        self.network.listenTCP(options.port, Factory.forProtocol(Closing))
        self.read([options])
        self.run_for(60)
        self.assertRegex(self.error(), "the meter closed|the connection broke|TLS")
        self.assertLess(self.statuses[METER].connects, 10)

    def test_stopped_in_the_middle_of_a_handshake(self) -> None:
        self.simulate()
        self.read(self.options(tls=True))
        self.run_for(1)
        self.assertLess(self.stop(), 1)

    def test_reads_again_after_a_reset(self) -> None:
        self.begin()
        self.run_for(7)
        self.network.connections[0].abortConnection()
        self.run_for(20)
        self.assertEqual(self.statuses[METER].connects, 2)
        self.assertGreater(self.statuses[METER].good, 4)

    def test_a_file_that_is_none(self) -> None:
        self.simulate()
        junk = self.folder / "junk.pem"
        junk.write_text("junk")
        (options,) = self.options(tls=True, ca_file=junk)
        with self.assertRaises(ConfigurationError) as caught:
            make_way(options, self.network)
        self.assertIn(f"{junk}: meters.{METER}.ca_file: cannot be used", str(caught.exception))

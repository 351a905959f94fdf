from __future__ import annotations

from twisted.internet.endpoints import serverFromString
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.listen import Listen
from dlmsd.config.rules import Refusal

HERE = (
    "tcp:8425:interface=127.0.0.1",
    "tcp:port=8425:interface=127.9.9.9:backlog=5",
    "tcp:0:interface=localhost",
    r"tcp:8425:interface=\:\:1",
    "unix:/run/dlmsd/page.sock:mode=660",
    r"unix:address=/run/a\:b",
)
EVERYWHERE = (
    "tcp:8425",
    "tcp:8425:interface=0.0.0.0",
    "tcp:8425:interface=192.168.1.5",
    r"tcp:8425:interface=\:\:",
    "tcp:8425:interface=meter-gateway",
)
BAD = (
    "",
    "8425",
    "tcp",
    "tcp:",
    "tcp::interface=127.0.0.1",
    "tcp:http",
    "tcp:65536",
    "tcp:-1",
    "tcp:interface=127.0.0.1",
    "tcp:8425:::1",
    "tcp:8425:interface=::1",
    "tcp:8425:host=127.0.0.1",
    "tcp:8425:port=8425",
    "tcp:8425:127.0.0.1",
    "udp:8425",
    "unix:",
    "unix:mode=660",
    "tcp:8425\\",
)


class ListenTests(SynchronousTestCase):
    def test_loopback(self) -> None:
        for text in HERE:
            self.assertFalse(Listen.parse(text).exposed, text)

    def test_exposed(self) -> None:
        for text in EVERYWHERE:
            self.assertTrue(Listen.parse(text).exposed, text)

    def test_tls_is_never_exposed(self) -> None:
        endpoint = Listen.parse("ssl:8425:privateKey=key.pem:certKey=cert.pem")
        self.assertFalse(endpoint.exposed)
        self.assertEqual(endpoint.arguments["privateKey"], "key.pem")

    def test_refused(self) -> None:
        for text in BAD:
            with self.subTest(text), self.assertRaises(Refusal):
                Listen.parse(text)

    def test_twisted_takes_what_is_accepted(self) -> None:
        for text in HERE + EVERYWHERE:
            endpoint = serverFromString(MemoryReactorClock(), text)
            arguments = Listen.parse(text).arguments
            if text.startswith("tcp"):
                self.assertEqual(endpoint._port, int(arguments["port"]))
                self.assertEqual(endpoint._interface, arguments.get("interface", ""))
            else:
                self.assertEqual(endpoint._address, arguments["address"])

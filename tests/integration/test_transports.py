"""Every way to a meter with real sockets: virtual meters, the daemon, and ``dlmsd read``."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.certificates import Authority
from tests.integration.mosquitto import free_port
from tests.integration.processes import DaemonProcess, wait_until
from tests.integration.simulated import SimulatorProcess
from tests.integration.test_errands import errand


class TransportCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def simulate(self, *arguments: str) -> None:
        """Virtual meters, and in ``self.text`` what the daemon must know of them."""
        file = self.folder / "virtual.toml"
        simulator = SimulatorProcess(*arguments, f"--config-out={file}").__enter__()
        self.addCleanup(simulator.__exit__, None, None, None)
        self.endpoints = simulator.endpoints
        text = file.read_text().replace("interval = 5.0", "interval = 0.5")
        self.text = text[text.index("[profiles.virtual]") :]

    def run_daemon(self, text: str) -> DaemonProcess:
        daemon = DaemonProcess(self.folder / "daemon", text, port=free_port())
        self.addCleanup(daemon.kill)
        daemon.start()
        return daemon

    def assert_read(self, daemon: DaemonProcess, count: int = 1) -> None:
        """All meters are read, over and over, without one failure."""

        def all_good() -> bool:
            meters = daemon.status()["meters"]
            return len(meters) == count and all(meter["good"] >= 4 for meter in meters)

        wait_until(all_good, "all meters are read")
        self.assertEqual({meter["failed"] for meter in daemon.status()["meters"]}, {0})
        daemon.stop()


class UdpTests(TransportCase):
    def test_daemon_and_command(self) -> None:
        self.simulate("--udp", "--personality=wrapper", "--meters=3", "--gateway")
        self.assert_read(self.run_daemon(self.text), 3)
        port = self.endpoints[0]["port"]
        ended = errand(
            *("read", "127.0.0.1", f"--port={port}", "--transport=udp", "--framing=wrapper"),
            *("--logical=2", "voltage_l1"),
            password="22222222",
        )
        self.assertEqual(ended.returncode, 0, ended)
        self.assertRegex(ended.stdout, r"^voltage_l1  2\d\d\.\d V$")


class TlsTests(TransportCase):
    def test_daemon_and_command(self) -> None:
        Authority(self.folder).issue("localhost")
        both = self.folder / "both.pem"
        both.write_bytes(
            b"".join((self.folder / f"server.{end}").read_bytes() for end in ("pem", "key"))
        )
        self.simulate(f"--tls={both}")
        ca = self.folder / "ca.pem"
        tls = f'[profiles.virtual]\ntls = true\nca_file = "{ca}"\n'
        self.assert_read(self.run_daemon(self.text.replace("[profiles.virtual]\n", tls, 1)))
        port = self.endpoints[0]["port"]
        read = ("read", "127.0.0.1", f"--port={port}", "--profile=microstar", "voltage_l1", "--tls")
        ended = errand(*read, f"--ca-file={ca}")
        self.assertEqual(ended.returncode, 0, ended)
        ended = errand(*read)
        self.assertEqual(ended.returncode, 1, ended)
        self.assertIn("certificate verify failed", ended.stderr)


class SerialTests(TransportCase):
    def test_daemon_and_command_on_one_line_with_several_meters(self) -> None:
        self.simulate("--serial", "--gateway", "--meters=3")
        daemon = self.run_daemon(self.text)
        self.assert_read(daemon, 3)
        device = self.endpoints[0]["device"]
        ended = errand("read", device, "--profile=microstar", "--physical=2", "voltage_l1")
        self.assertEqual(ended.returncode, 0, ended)
        self.assertRegex(ended.stdout, r"^voltage_l1  2\d\d\.\d V$")

    def test_an_optical_head(self) -> None:
        self.simulate("--optical")
        opening = '[profiles.virtual]\nopening = "mode-e"\n'
        self.assert_read(self.run_daemon(self.text.replace("[profiles.virtual]\n", opening, 1)))
        device = self.endpoints[0]["device"]
        read = ("read", device, "--profile=microstar", "--opening=mode-e", "--json", "voltage_l1")
        ended = errand(*read)
        self.assertEqual(ended.returncode, 0, ended)
        self.assertEqual(json.loads(ended.stdout)["device"], device)

    def test_no_such_port(self) -> None:
        ended = errand("read", "/dev/none", "--profile=microstar", "voltage_l1")
        self.assertEqual(ended.returncode, 1, ended)
        self.assertIn("/dev/none: No such file or directory", ended.stderr)
        self.assertIn("check device", ended.stderr)


class DialInTests(TransportCase):
    def test_daemon_and_command(self) -> None:
        port = free_port()
        self.simulate(f"--call=127.0.0.1:{port}", "--meters=2")
        daemon = self.run_daemon(f'[dial_in]\nlisten = "tcp:{port}"\n' + self.text)
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.send(b"GET / HTTP/1.0\r\n")
            self.assert_read(daemon, 2)
        ended = errand(
            *("read", f"tcp:{port}", "--transport=dial-in", "--announces=virtual-002"),
            *("--profile=microstar", "voltage_l1"),
        )
        self.assertEqual(ended.returncode, 0, ended)
        self.assertRegex(ended.stdout, r"^voltage_l1  2\d\d\.\d V$")

    def test_a_port_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ended = errand(
                *("read", f"tcp:{port}:interface=127.0.0.1", "--transport=dial-in"),
                *("--announces=x", "--profile=microstar", "voltage_l1"),
            )
        self.assertEqual(ended.returncode, 1, ended)
        self.assertIn("Address already in use", ended.stderr)

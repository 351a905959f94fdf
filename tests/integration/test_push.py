"""Virtual meters that push, ``twistd dlmsd`` and mosquitto: each push arrives once, exact."""

from __future__ import annotations

import json
import re
import socket
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.security.gcm import Gcm
from dlmsd.dlms.security.suite import SUITES
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.ciphered import GeneralCiphered
from dlmsd.dlms.xdlms.notification import DataNotification
from dlmsd.secret import Secret
from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.processes import DaemonProcess, Meters, wait_until
from tests.integration.rest import ask
from tests.integration.subscriber import Subscriber
from tests.push.test_meter import power
from tests.push.test_security import KEYS, TAGGED, TITLE, protect

NAMES = {
    "1-0:1.7.0": "active_power",
    "1-0:2.7.0": "active_power_export",
    "1-0:31.7.0": "current_l1",
    "1-0:51.7.0": "current_l2",
    "1-0:71.7.0": "current_l3",
    "1-0:32.7.0": "voltage_l1",
    "1-0:52.7.0": "voltage_l2",
    "1-0:72.7.0": "voltage_l3",
    "1-0:14.7.0": "frequency",
    "1-0:1.8.0": "active_energy",
    "1-0:2.8.0": "active_energy_export",
}
VALUES = dict[str, Decimal]
CONFIRMED = """
[[sinks]]
name = "broker"
kind = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
[[push]]
name = "han"
listen = "tcp:{port}:interface=127.0.0.1"
[[meters]]
name = "m"
transport = "push"
push = "han"
security = "authenticated-encrypted"
system_title = "DLM00001"
meter_system_title = "{title}"
encryption_key = "{ek}"
authentication_key = "{ak}"
"""
PLAIN = CONFIRMED.partition("security = ")[0]


def of_device(serial: bytes, watts: int) -> bytes:
    """A frame with a push that tells whose it is."""
    pairs = [
        Data(Tag.OCTET_STRING, Obis.parse("0-0:96.1.0").raw),
        Data(Tag.OCTET_STRING, serial),
        Data(Tag.OCTET_STRING, Obis.parse("1-0:1.7.0").raw),
        Data(Tag.DOUBLE_LONG_UNSIGNED, watts),
    ]
    push = DataNotification(1, None, Data(Tag.STRUCTURE, tuple(pairs))).encode()
    return WrapperFrame(1, 16, push).encode()


class PushTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.broker = Mosquitto(self.folder / "broker")
        self.broker.start()
        self.addCleanup(self.broker.stop)
        self.subscriber = Subscriber(self.broker.port, "dlmsd/#")
        self.addCleanup(self.subscriber.close)

    def begin(self, count: int, transport: str, *arguments: str) -> None:
        """The daemon first: with UDP nothing is sent twice."""
        config = self.folder / "dlmsd.toml"
        self.port = free_port()
        options = (
            f"--push={transport}:127.0.0.1:{self.port}",
            "--push-interval=0.5",
            f"--config-out={config}",
            *arguments,
        )
        self.meters = Meters(self.folder, count, *options)
        self.addCleanup(self.meters.stop)
        text = config.read_text().replace("localhost:1883", f"127.0.0.1:{self.broker.port}")
        text = re.sub(r"\[daemon\]\nstate_dir = .*\n", "", text)
        self.daemon = DaemonProcess(self.folder / "daemon", text, port=free_port())
        self.addCleanup(self.daemon.kill)
        self.daemon.start()

    def pushed(self) -> dict[str, list[VALUES]]:
        found: dict[str, list[VALUES]] = defaultdict(list)
        for answer in self.meters.answers():
            values: VALUES = {}
            scaler = 0
            for obis, attribute, raw in answer["results"]:
                if attribute == 3:
                    scaler = json.loads(raw)[0]
                else:
                    values[NAMES[obis]] = Decimal(raw).scaleb(scaler)
            found[answer["meter"]].append(values)
        return found

    def arrived(self) -> dict[str, list[VALUES]]:
        found: dict[str, list[Any]] = defaultdict(list)
        for topic, payload, _ in self.subscriber.messages:
            if re.fullmatch(r"dlmsd/virtual-\d+", topic):
                message = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
                found[topic.split("/")[1]].append(message["values"])
        return found

    def compare(self, at_least: int) -> int:
        """From the first that arrived on, each push once and in order."""
        wait_until(
            lambda: (
                len(self.arrived()) == len(self.meters.endpoints)
                and all(len(got) >= at_least for got in self.arrived().values())
            ),
            f"{at_least} pushes of each",
            40,
        )
        arrived = self.arrived()
        expected = {
            name: sent[sent.index(arrived[name][0]) :] for name, sent in self.pushed().items()
        }

        def came() -> bool:
            arrived = self.arrived()
            return all(len(arrived[name]) >= len(sent) for name, sent in expected.items())

        wait_until(came, "what was pushed")
        arrived = self.arrived()
        for name, sent in expected.items():
            self.assertGreaterEqual(len(sent), at_least)
            self.assertEqual(arrived[name][: len(sent)], sent)
        (listener,) = self.daemon.status()["listeners"]
        self.assertEqual((listener["unknown"], listener["bad"], listener["noise_bytes"]), (0, 0, 0))
        statuses = self.daemon.status()["meters"]
        self.assertEqual({one["state"] for one in statuses}, {"reading"})
        self.assertEqual({one["failed"] for one in statuses}, {0})
        return sum(len(sent) for sent in expected.values())

    def conserved(self) -> bool:
        """Every reading that a meter counts is committed, and delivered."""
        told = self.daemon.status()
        good = sum(one["good"] for one in told["meters"])
        return told["outbox"]["committed"] == told["outbox"]["delivered"] == good  # type: ignore[no-any-return]

    def test_hdlc_over_tcp(self) -> None:
        self.begin(5, "tcp")
        print(f"{self.compare(6)} HDLC pushes compared")

    def test_wrapper_over_udp_by_push_object_list(self) -> None:
        self.begin(5, "udp", "--push-framing=wrapper", "--push-contents=objects")
        print(f"{self.compare(6)} pushes in datagrams compared")

    def test_m_bus_ciphered_in_blocks_and_a_restart(self) -> None:
        self.begin(3, "tcp", "--personality=secure", "--push-framing=mbus", "--push-block=100")
        print(f"{self.compare(6)} ciphered M-Bus pushes compared")
        self.daemon.stop()
        self.daemon.start()
        before = {name: len(got) for name, got in self.arrived().items()}
        wait_until(
            lambda: all(len(got) > before[name] + 3 for name, got in self.arrived().items()),
            "pushes after the restart",
        )
        self.assertEqual({one["failed"] for one in self.daemon.status()["meters"]}, {0})

    def test_ciphered_ones_are_confirmed_under_counters_that_outlive_a_kill(self) -> None:
        port = free_port()
        text = CONFIRMED.format(
            port=port,
            broker=self.broker.port,
            title=TITLE.hex(),
            ek=KEYS[0].hex(),
            ak=KEYS[1].hex(),
        )
        daemon = DaemonProcess(self.folder / "daemon", text, port=free_port())
        self.addCleanup(daemon.kill)
        daemon.start()
        counters = []
        for round_ in range(3):
            with socket.create_connection(("127.0.0.1", port), 10) as meter:
                for place in range(2):
                    push = b"\x0f\xc0\x00\x00\x07" + power(230 + round_)[5:]
                    apdu = protect(push, 2 * round_ + place)
                    meter.sendall(WrapperFrame(1, 16, apdu).encode())
                    octets = meter.recv(1000)
                    found = GeneralCiphered.decode(octets[8:])
                    gcm = Gcm(SUITES[0], Secret(KEYS[0]), Secret(KEYS[1]))
                    plain = gcm.open(TAGGED, b"DLM00001", found.counter, found.content)
                    self.assertEqual(plain, bytes.fromhex("10C000000700"))
                    counters.append(found.counter)
            daemon.kill()
            daemon.start()
        self.assertEqual(counters, sorted(set(counters)))
        self.assertEqual(len(counters), 6)

    def test_bare_values_by_a_list_of_the_profile(self) -> None:
        self.begin(2, "tcp", "--push-contents=values", "--personality=small")
        print(f"{self.compare(4)} bare pushes compared")

    def test_another_meter_is_not_heard_until_it_is_accepted(self) -> None:
        port = free_port()
        text = PLAIN.format(port=port, broker=self.broker.port)
        daemon = DaemonProcess(self.folder / "daemon", text, port=free_port())
        self.addCleanup(daemon.kill)
        daemon.start()

        def watts() -> list[Any]:
            told = [json.loads(one)["values"] for one in self.subscriber.payloads("dlmsd/m")]
            return [one["active_power"] for one in told]

        with socket.create_connection(("127.0.0.1", port), 10) as meter:
            meter.sendall(of_device(b"A1", 1))
            wait_until(lambda: watts() == [1], "the first is the meter")
            meter.sendall(of_device(b"B2", 2))
            wait_until(
                lambda: "B2 answers instead of A1" in str(daemon.status()["meters"]),
                "the other one is told of",
            )
            answer = ask(
                f"http://127.0.0.1:{daemon.port}",
                *("POST", "/api/meters/1/accept"),
                Authorization="Bearer "
                + (self.folder / "daemon/state/web.token").read_text().strip(),
            )
            self.assertEqual(answer.status, 200, answer.body)
            meter.sendall(of_device(b"B2", 3))
            wait_until(lambda: watts()[-1] == 3, "the other one is the meter")
        self.assertEqual(watts(), [1, 3])

    def test_silence_and_return(self) -> None:
        self.begin(1, "tcp")
        self.compare(3)
        self.meters.stop()
        wait_until(self.conserved, "the counters agree")
        wait_until(
            lambda: self.daemon.status()["meters"][0]["state"] == "down", "the meter is down", 20
        )
        self.assertEqual(self.daemon.status()["meters"][0]["error"], "no push for 5 s")
        wait_until(
            lambda: self.subscriber.payloads("dlmsd/virtual-001/availability")[-1] == b"offline",
            "the broker hears of it",
        )

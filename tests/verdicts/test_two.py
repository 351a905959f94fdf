"""Two whole daemons with one token, for an hour of virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import SinkOptions
from dlmsd.publish import conduct
from dlmsd.publish.conduct import MOST_ATTEMPTS
from dlmsd.publish.lane import LaneQueue
from dlmsd.secret import Secret
from tests.network import Network
from tests.powercut.vfs import MemoryVfs
from tests.publish.broker import ModelBroker
from tests.thingsboard.case import server
from tests.verdicts.house import House
from tests.verdicts.network import dial

TOKEN = Secret("gw")
ALONE = 100.0
HOUR = 3600.0
DELAY = 0.01

Arrived = Callable[[str, int], Any]
"""What the broker has of a meter at a time."""


class TwoDaemonsTests(SynchronousTestCase):
    def test_before_thingsboard(self) -> None:
        for release in ("3.6", "4.3"):
            for protocol in (5, 311):
                self.assertEqual(self.thingsboard(release, protocol), [], f"{release} {protocol}")

    def test_before_a_broker_that_ends_the_first_of_one_client_id(self) -> None:
        for protocol in (5, 311):
            self.assertEqual(self.plain(protocol), [], protocol)

    def test_a_fight_is_found(self) -> None:
        self.patch(conduct, "rarely", lambda episodes: False)
        self.assertIn("reconnects", " ".join(self.plain(311)))

    def test_a_loss_is_found(self) -> None:
        restart = LaneQueue.restart

        def forgetful(self: LaneQueue, *, behind: bool = True) -> None:
            restart(self, behind=False)

        self.patch(LaneQueue, "restart", forgetful)
        self.assertIn("lost", " ".join(self.plain(311)))

    def thingsboard(self, release: str, protocol: Any) -> list[str]:
        network = Network(delay=DELAY)
        board = server(network, release)
        sink = SinkOptions("s", "thingsboard-gateway", "mqtt://b", token=TOKEN, protocol=protocol)

        def arrived(meter: str, ts: int) -> Any:
            device = board.named(meter)
            if device is None:
                return None
            values = {key: series[ts] for key, series in device.telemetry.items() if ts in series}
            return {key: Decimal(str(value)) for key, value in values.items()}

        return self.hour(network, board, sink, arrived, f"fingerprint {TOKEN.fingerprint()}")

    def plain(self, protocol: Any) -> list[str]:
        network = Network(delay=DELAY)
        broker = ModelBroker(network)
        sink = SinkOptions("s", "mqtt", "mqtt://b", client_id="same", protocol=protocol)

        def arrived(meter: str, ts: int) -> Any:
            return taken.get((meter, ts))

        taken: dict[tuple[str, int], Any] = {}
        received = broker.received

        def hear(published: Any) -> None:
            received(published)
            if not published.retain and published.topic.count("/") == 1:
                body = json.loads(published.payload, parse_float=Decimal, parse_int=Decimal)
                taken[published.topic.partition("/")[2], int(body["ts"])] = body["values"]

        broker.received = hear  # type: ignore[method-assign]
        return self.hour(network, broker, sink, arrived, "the client id same")

    def hour(
        self, network: Network, broker: Any, sink: SinkOptions, arrived: Arrived, whose: str
    ) -> list[str]:
        """What was wrong; ``whose`` is how the evidence names what both have, no secret."""
        folder = Path(self.mktemp()).absolute()
        connect = dial(broker, network, DELAY)
        with MemoryVfs() as vfs:
            vfs.begin({})
            one, two = (House(name, network, connect, sink, folder) for name in ("one", "two"))
            one.start()
            network.run(ALONE)
            two.start()
            network.run(HOUR)
            assert one.status is not None
            assert one.status.verdict is not None
            wrong = [*_told(one), *_told(two)]
            if whose not in one.status.verdict.evidence[0]:
                wrong.append(f"it says {one.status.verdict.evidence}")
            two.stop()
            network.run(HOUR)
            one.stop()
            wrong += _whole(one, arrived)
        return wrong


def _told(house: House) -> list[str]:
    wrong = []
    for what, at in (("verdict", house.verdict_at), ("alarm", house.alarm_at)):
        if at is None or at - ALONE > 120:
            wrong.append(f"{house.name}: the {what} came at {at}")
    if len(house.dials) - 1 > MOST_ATTEMPTS:
        wrong.append(f"{house.name}: {len(house.dials) - 1} reconnects")
    return wrong


def _whole(house: House, arrived: Arrived) -> list[str]:
    lost = [key for key, values in house.read.items() if arrived(*key) != values]
    return [f"{house.name}: {len(lost)} of {len(house.read)} lost"] if lost else []

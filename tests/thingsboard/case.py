"""What the tests of the stand-in share: a server in virtual time, and who visits it."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.clock import HeapClock
from tests.thingsboard.device import Credentials, Device
from tests.thingsboard.limits import Limits
from tests.thingsboard.release import Release
from tests.thingsboard.server import ThingsBoard
from tests.thingsboard.visitor import Visitor

START = 1_700_000_000.0
RELEASES = ("3.4", "3.6", "3.8", "4.2.1", "4.3")


class ThingsBoardCase(SynchronousTestCase):
    """``server`` has a device ``meter`` and a gateway ``gw``, with tokens of these names."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, release: str = "4.3", **limits: Any) -> None:
        """A new server."""
        self.clock = HeapClock()
        self.server = server(self.clock, release, **limits)
        self.meter = self.server["meter"]
        self.gateway = self.server["gw"]

    def visit(self, username: str | None = "meter", version: int = 5, **login: Any) -> Visitor:
        if username is not None:
            login["username"] = username
        return Visitor(self.server, version, **login)


def server(clock: Any, release: str = "4.3", **limits: Any) -> ThingsBoard:
    """A stand-in with a device ``meter`` and a gateway ``gw``."""

    def wall() -> float:
        return START + float(clock.seconds())

    return populated(ThingsBoard(clock, wall, Random(1), Release.parse(release), Limits(**limits)))


def populated(server: ThingsBoard) -> ThingsBoard:
    """The same server, with a device ``meter`` and a gateway ``gw``."""
    add(server, "meter")
    add(server, "gw", gateway=True)
    return server


def add(server: ThingsBoard, name: str, **info: Any) -> Device:
    """A device whose token is its name."""
    return server.create(name, credentials=Credentials(id=name), **info)

"""What makes a broker close: each cause done to a scene, in one of the ways brokers have."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from dlmsd.model import CloseCause
from tests.publish.broker import Ack, Published
from tests.thingsboard.device import Credentials
from tests.thingsboard.limits import Bucket, Rates
from tests.thingsboard.release import Release
from tests.thingsboard.visitor import Visitor
from tests.verdicts.scene import STEP, Scene

GATEWAY: Final = "thingsboard-gateway"
ANY: Final = ("mqtt", "thingsboard", GATEWAY)


def credentials(scene: Scene, at: float) -> float:
    """A wrong password: from the beginning, or changed at the broker."""
    codes = {5: (0x86, 0x87, 0x8C), 311: (4, 5)}[scene.version]
    code = scene.random.choice(codes)

    def change() -> None:
        if scene.kind == "mqtt":
            scene.model.connack = code
            scene.model.drop()
            return
        for device in list(scene.board.devices.values()):
            scene.board.set_credentials(device, Credentials(id=f"new-{device.name}"))

    scene.at(scene.random.choice((0.0, at)), change)
    return at + scene.random.uniform(90, 250)


def refused_topic(scene: Scene, at: float) -> float:
    """An ACL that denies the topics of all or of some meters, and closes or says so."""
    denied = set(scene.names)
    if len(denied) > 2 and scene.random.random() < 0.5:
        denied = set(scene.random.sample(scene.names, len(denied) // 2))
    notices = scene.random.random() < 0.5
    way = scene.random.choice(("close", "puback", "puback-close", "disconnect"))
    way = way if scene.version == 5 else "close"

    def puback(published: Published) -> Iterable[Ack]:
        parts = published.topic.split("/")
        reading = len(parts) == 2 and parts[1] in denied
        if not reading and not (notices and published.retain):
            return [Ack(published.packet_id)]
        if way == "close":
            close(scene, published)
        elif way == "disconnect":
            close(scene, published, 0x87)
        else:
            if way == "puback-close":
                close(scene, published)
            return [Ack(published.packet_id, 0x87)]
        return []

    scene.at(0.0, lambda: setattr(scene.model, "puback", puback))
    return at + 400


def poison(scene: Scene, at: float) -> float:
    """Some readings are larger than the broker takes."""
    way = scene.random.choice(("close", "disconnect", "puback")) if scene.version == 5 else "close"
    count = scene.random.choice((1, 1, 2))
    scene.large = sorted(at + scene.random.uniform(0, 20) for _ in range(count))

    def puback(published: Published) -> Iterable[Ack]:
        if len(published.payload) < 20_000:
            return [Ack(published.packet_id)]
        if way == "puback":
            return [Ack(published.packet_id, 0x99)]
        close(scene, published, 0x95 if way == "disconnect" else None)
        return []

    scene.model.puback = puback
    return at + 400


def rate(scene: Scene, at: float) -> float:
    """Fewer messages are allowed than there are."""
    scene.interval = scene.fastest
    per_device = scene.load / (len(scene.names) if scene.kind == "thingsboard" else 1)
    share = scene.random.uniform(0.3, 0.7)
    seconds = scene.random.choice((10, 60))
    seconds = max(seconds, math.ceil(5 / (per_device * share)))  # a pack has room
    count = int(per_device * seconds * share)
    limit = f"{count}:{seconds}"
    if scene.kind != "mqtt":
        # Later releases are asked for their limits, and these are kept.
        scene.board.release = Release.parse(scene.random.choice(("3.4", "3.6")))
        rates = Rates(telemetry_messages=limit)
        scene.board.limits.device = scene.board.limits.gateway_devices = rates
        return at + 250
    bucket = Bucket(limit, scene.clock.seconds)
    way = scene.random.choice(("close", "disconnect", "puback")) if scene.version == 5 else "close"

    def puback(published: Published) -> Iterable[Ack]:
        if published.retain or bucket.take():
            return [Ack(published.packet_id)]
        if way == "puback":
            return [Ack(published.packet_id, 0x97)]
        close(scene, published, 0x96 if way == "disconnect" else None)
        return []

    scene.model.puback = puback
    return at + 250


def restart(scene: Scene, at: float) -> float:
    """The broker ends, is away for a while, and is back."""
    away = scene.random.uniform(3, 90)
    told = scene.version == 5 and scene.random.random() < 0.5

    def stop() -> None:
        scene.broker.listening = False
        if scene.kind != "mqtt":
            scene.board.restart()
        elif told:
            for connection in tuple(scene.model.open):
                connection.disconnect(0x8B)
        else:
            scene.model.drop()

    scene.at(at, stop)
    scene.at(at + away, lambda: setattr(scene.broker, "listening", True))
    # The back-off has grown with the time it was away.
    return at + away + 90


def takeover(scene: Scene, at: float) -> float:
    """Another client comes, and comes back whenever it was closed, after its own delay."""
    slowest = scene.random.choice((1.0, 5.0, 20.0, 45.0))

    def delay() -> float:
        return slowest * scene.random.uniform(0.5, 1.0)

    if scene.kind == "mqtt":
        _intrude(scene, at, delay)
        return at + 120
    token = "gw" if scene.kind == GATEWAY else "token-of-m1"
    guest: list[Visitor] = []

    def look() -> None:
        if not guest or guest[-1].closed:
            wait = delay() if guest else 0.0
            scene.at(scene.clock.seconds() + wait, come)
        else:
            scene.at(scene.clock.seconds() + STEP, look)

    def come() -> None:
        guest[:] = [Visitor(scene.board, scene.version, username=token, client_id="another")]
        scene.at(scene.clock.seconds() + STEP, look)

    scene.at(at, come)
    return at + 120


def _intrude(scene: Scene, at: float, delay: Callable[[], float]) -> None:
    """The model broker has no sessions to take over: ours are closed as if it had."""
    told = scene.version == 5 and scene.random.random() < 0.5
    seen = [-1]

    def kick() -> None:
        for connection in tuple(scene.model.open):
            if told and connection.connect is not None:
                connection.disconnect(0x8E)
            else:
                connection.transport.loseConnection()
        seen[0] = len(scene.model.connects)
        look()

    def look() -> None:
        now = scene.clock.seconds()
        again = len(scene.model.connects) > seen[0]
        scene.at(now + (delay() if again else STEP), kick if again else look)

    scene.at(at, kick)


def keepalive(scene: Scene, at: float) -> float:
    """A connection is dead without an end: no byte of ours arrives any more."""
    ends = scene.random.random() < 0.5
    reason = 0x8D if scene.version == 5 and scene.random.random() < 0.5 else None

    def mute() -> None:
        mqtt = scene.kind == "mqtt"
        for connection in tuple(scene.model.open if mqtt else scene.board.sessions):
            connection.dataReceived = lambda data: None
            if ends and mqtt:
                scene.at(scene.clock.seconds() + 45, lambda one=connection: end(one))

    def end(connection: Any) -> None:
        if connection in scene.model.open:
            if reason is None:
                connection.transport.loseConnection()
            else:
                connection.disconnect(reason)

    scene.at(at, mute)
    return at + 150


def close(scene: Scene, published: Published, reason: int | None = None) -> None:
    """The broker closes the connection that this came on, as soon as it has read it."""
    for connection in tuple(scene.model.open):
        if connection.number == published.connection:
            if reason is None:
                scene.clock.callLater(0, connection.transport.loseConnection)
            else:
                scene.clock.callLater(0, connection.disconnect, reason)


Act = Callable[[Scene, float], float]
"""Does it to a scene, from a time on; when the verdict is due."""

CAUSES: Final[dict[CloseCause, tuple[Act, tuple[str, ...]]]] = {
    CloseCause.CREDENTIALS: (credentials, ANY),
    CloseCause.REFUSED_TOPIC: (refused_topic, ("mqtt",)),
    CloseCause.POISON: (poison, ANY),
    CloseCause.RATE: (rate, ANY),
    CloseCause.RESTART: (restart, ANY),
    CloseCause.TAKEOVER: (takeover, ANY),
    CloseCause.KEEPALIVE: (keepalive, ANY),
}

"""From options to a sink, of whatever kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from dlmsd.config.topics import Topics
from dlmsd.config.values import MeterOptions, SinkOptions
from dlmsd.model import Link, SinkStatus
from dlmsd.publish.certified import certified
from dlmsd.publish.codec import Login
from dlmsd.publish.connection import Connect, Connection, paced
from dlmsd.publish.courier import Courier
from dlmsd.publish.dialect import Dialect
from dlmsd.publish.evictions import Evictions
from dlmsd.publish.facts import Facts
from dlmsd.publish.homeassistant import Discovery
from dlmsd.publish.inquiry import Inquiry
from dlmsd.publish.limits import PAYLOAD, Limits
from dlmsd.publish.login import device_login, login_for
from dlmsd.publish.plain import PlainDialect
from dlmsd.publish.requests import Requests
from dlmsd.publish.rpc import Rpc
from dlmsd.publish.shared import Shared
from dlmsd.publish.sink import Plan, Route, Sink
from dlmsd.publish.source import Outbox
from dlmsd.publish.tally import Tally
from dlmsd.publish.thingsboard import GATEWAY_ATTRIBUTES, Device, DeviceDialect, GatewayDialect
from dlmsd.publish.version import VersionChoice
from dlmsd.publish.works import Orders, Works

# A thousand connections at once would look like an attack, and hold up everything else.
CONNECTS_PER_SECOND: Final = 20.0

_log: Final = Logger()


def build(
    options: SinkOptions,
    meters: Sequence[MeterOptions],
    *,
    outbox: Outbox,
    clock: IReactorTime,
    reach: Callable[[SinkOptions], Connect],
    wall: Callable[[], float],
    random: Random,
    post: Callable[[SinkStatus], None],
    published: Callable[[str, int], None],
    linked: Callable[[Link], None],
    instance_id: str,
    orders: Orders,
) -> Sink:
    """The sink that ``options`` describe, for those of ``meters`` that name it.

    ``reach`` gives the way to a broker; ``wall`` is Unix time in seconds; ``published``
    hears of each message with readings, its meter and its octets, ``linked`` of each connection
    that begins or ends; ``instance_id`` is ``<host>-<short id>`` and makes client ids unique.
    ``orders`` is what may be asked of us.
    """
    inquiry = Inquiry(clock.seconds, wall)
    tally = Tally(options, post, clock, wall, published, inquiry, linked)
    online: dict[str, bool] = {}
    versions = VersionChoice(options.protocol)
    gently = paced(clock, CONNECTS_PER_SECOND)
    way = gently(reach(options))

    def route(
        make: Callable[[Limits], Dialect],
        login: Login,
        meter: str | None = None,
        way: Connect = way,
    ) -> Route:
        def states() -> list[tuple[str, bool]]:
            return [(name, state) for name, state in online.items() if meter in (None, name)]

        own = options.kind == "mqtt"  # there the client id is what only one may have
        attributes = GATEWAY_ATTRIBUTES, options.attributes_topic
        limits = Limits(clock.seconds, attributes, inf if own else PAYLOAD)
        who = f"the client id {login.client_id}" if own else login.who
        episodes = inquiry.open(meter or "", who)
        courier = Courier(
            options.name,
            meter,
            outbox,
            make(limits),
            tally,
            states,
            limits,
            clock,
            episodes,
            canary=own and options.canary,
        )
        return Route(
            courier,
            Connection(way, login, versions, options.inflight, courier, clock, random, episodes),
        )

    names: set[str] = set()
    facts = Facts()
    shared = Shared(orders.override, options.name) if options.requests else None

    def rpc(*, overall: bool = True) -> Rpc | None:
        if not options.requests:
            return None
        return Rpc(Works(orders, names, options.name, overall=overall))

    def renamed(meter: str, old: str, new: str) -> None:
        _log.info(
            "{meter}: {sink} calls it {new}, no longer {old}; so does dlmsd from now on, and "
            "device_name had better say so",
            meter=meter,
            sink=options.name,
            old=old,
            new=new,
        )
        kept = Deferred.fromCoroutine(orders.renamed(meter, old, new, f"sink {options.name}"))
        kept.addErrback(lambda failure: _log.failure("The new name is not kept", failure))

    def device(meter: MeterOptions) -> Plan:
        login = device_login(options, instance_id, meter.name, meter.credentials)
        own = way if meter.mqtt_cert_file is None else gently(certified(options, meter, reach))
        return Plan(
            meter.credentials,
            lambda: route(
                lambda limits: DeviceDialect(
                    meter.name,
                    facts,
                    limits,
                    options.telemetry_topic,
                    options.attributes_topic,
                    rpc(overall=False),
                    shared,
                ),
                login,
                meter.name,
                own,
            ),
        )

    devices: dict[str, Device] = {}

    def published_at() -> int | None:
        return int(wall() * 1000) if options.latency_metadata else None

    def gateway(ours: Sequence[MeterOptions]) -> Plan:
        # A meter that is gone stays known, for what still waits; one that has another name now
        # is told of by a new connection.
        nonlocal devices
        found = {one.name: Device(one.device_name, one.profile) for one in ours}
        if any(devices.get(name, one) != one for name, one in found.items()):
            devices = dict(devices)
        devices.update(found)
        known, login = devices, login_for(options, instance_id, options.token)
        return Plan(
            id(known),
            lambda: route(
                lambda limits: GatewayDialect(
                    known,
                    names,
                    facts,
                    limits,
                    Evictions(clock.seconds),
                    rpc(),
                    shared,
                    renamed,
                    published_at,
                ),
                login,
            ),
        )

    def plan(meters: Sequence[MeterOptions]) -> dict[str, Plan]:
        ours = [meter for meter in meters if options.name in meter.sinks]
        names.clear()
        names.update(one.name for one in ours)
        facts.configured(ours)
        if options.kind == "thingsboard":
            return {meter.name: device(meter) for meter in ours if meter.credentials}
        if options.kind == "thingsboard-gateway":
            return {"": gateway(ours)}
        topics = Topics.of(options.topic, instance_id.rpartition("-")[0], ours)
        discovery = Discovery(topics, ours) if options.home_assistant else None
        works = Works(orders, names, options.name)
        requests = Requests(topics, works) if options.requests else None
        plain = PlainDialect(topics, discovery, requests)
        login = login_for(options, instance_id, None, will=plain.will)
        # Home Assistant hears of other meters by a new connection.
        key: object = ours if discovery else topics
        return {"": Plan(key, lambda: route(lambda limits: plain, login))}

    return Sink(options.name, plan, meters, online, outbox, tally, clock)

"""Where meters that were added by API publish: the file's sinks, or a ThingsBoard of their own.

Such a meter may say, under ``thingsboard`` in its options, whether it goes to ThingsBoard and
at which host and port. Its token belongs to the file's first sink of kind ``thingsboard`` that
fits; where the file has none, there is one for that place, for as long as a meter wants it. No
meter's token goes where only another meter says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import evolve, frozen

from dlmsd.config.broker import Broker
from dlmsd.config.credentials import KEYS as CREDENTIALS
from dlmsd.config.values import Configuration, SinkOptions
from dlmsd.store.own import OwnMeter

KEY: Final = "thingsboard"
HOST: Final = "localhost"
PORT: Final = 1883


@frozen
class Platform:
    """What a meter says of ThingsBoard; None for what it leaves open."""

    enabled: bool = True
    host: str | None = None
    port: int | None = None

    @classmethod
    def of(cls, meter: OwnMeter) -> Platform:
        said: Any = meter.options.get(KEY, {})
        return cls(**said)

    def said(self) -> dict[str, object]:
        """As it is kept in options."""
        return {"enabled": self.enabled, "host": self.host, "port": self.port}

    def fits(self, sink: SinkOptions) -> bool:
        """Whether a meter that says this may publish at a sink of the file."""
        broker = Broker.parse(sink.url)
        host = self.host is None or self.host.lower() == broker.host
        return sink.kind == "thingsboard" and host and self.port in (None, broker.port)

    @property
    def url(self) -> str:
        """The broker of the sink that is made for it, where none of the file's fits."""
        host, port = (self.host or HOST).lower(), self.port or PORT
        return f"mqtt://[{host}]:{port}" if ":" in host else f"mqtt://{host}:{port}"

    def among(self, file: Sequence[SinkOptions], made: Sequence[SinkOptions]) -> list[SinkOptions]:
        """Where it may publish: the file's that fit, else the one that is ``made`` for it."""
        fitting = [one for one in file if self.fits(one)]
        return fitting or [one for one in made if one.url == self.url]


def with_platforms(file: Configuration, own: Sequence[OwnMeter]) -> Configuration:
    """The file's configuration, and a sink for each ThingsBoard that only API meters name."""
    made: list[SinkOptions] = []
    for meter in own:
        platform = Platform.of(meter)
        if _wanted(meter, platform) and not platform.among(file.sinks, made):
            made.append(_sink(platform, {one.name for one in (*file.sinks, *made)}))
    return evolve(file, sinks=(*file.sinks, *made))


def table(
    meter: OwnMeter, file: Sequence[SinkOptions], sinks: Sequence[SinkOptions]
) -> dict[str, object]:
    """What ``[[meters]]`` would say of it, but for its secrets: with all its sinks. ``sinks`` are
    the ``file``'s, and then those that were made."""
    said = {key: value for key, value in meter.options.items() if key != KEY}
    others = [one.name for one in sinks if one.kind != "thingsboard"]
    named = said.get("sinks", others)
    assert isinstance(named, list)
    platform = Platform.of(meter)
    fitting = [one.name for one in platform.among(file, sinks[len(file) :])]
    chosen = {one.name for one in sinks if platform.fits(one)}
    if _wanted(meter, platform) and fitting and not chosen & set(named):
        named = [*named, fitting[0]]
    return {**said, "sinks": named}


def _wanted(meter: OwnMeter, platform: Platform) -> bool:
    said = {*meter.secrets, *meter.options}
    return platform.enabled and not said.isdisjoint(CREDENTIALS)


def _sink(platform: Platform, taken: set[str]) -> SinkOptions:
    host, port = platform.host or HOST, platform.port or PORT
    name = KEY if (host, port) == (HOST, PORT) else f"{KEY} {host.replace(':', '-')[:40]} {port}"
    while name in taken:
        name += "."
    return SinkOptions(name, "thingsboard", platform.url)

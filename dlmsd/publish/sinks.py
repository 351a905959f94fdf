"""All sinks together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, DeferredLock, gatherResults

from dlmsd.config.credentials import DeviceCredentials
from dlmsd.config.values import Configuration, MeterOptions, SinkOptions
from dlmsd.meter.identity import Identity
from dlmsd.model import MeterStatus
from dlmsd.publish.connection import Connection
from dlmsd.publish.sink import Sink


class Sinks:
    """``make`` gives the sink of its options, for meters; it connects to nothing yet."""

    def __init__(self, make: Callable[[SinkOptions, Sequence[MeterOptions]], Sink]) -> None:
        self._make = make
        self._options: dict[str, SinkOptions] = {}
        self._sinks: dict[str, Sink] = {}
        self._online: dict[str, bool] = {}
        self._met: dict[str, Identity] = {}
        self._turn = DeferredLock()
        self._configuration: Configuration | None = None

    async def change(self, configuration: Configuration) -> None:
        """These sinks for these meters from now on; what need not change goes on."""
        await self._turn.acquire()
        try:
            self._configuration = configuration
            await self._change(configuration)
        finally:
            self._turn.release()

    async def restart(self, name: str) -> None:
        """End a sink, and make it anew; nothing for one that is not there."""
        await self._turn.acquire()
        try:
            if name in self._sinks:
                await self._stop([name])
            if self._configuration is not None:  # nobody has stopped them all meanwhile
                await self._change(self._configuration)
        finally:
            self._turn.release()

    async def _change(self, configuration: Configuration) -> None:
        wanted = {options.name: options for options in configuration.sinks}
        gone = [name for name, options in self._options.items() if wanted.get(name) != options]
        await self._stop(gone)
        names = {meter.name for meter in configuration.meters}
        self._online = {name: state for name, state in self._online.items() if name in names}
        self._met = {name: one for name, one in self._met.items() if name in names}
        for name, options in wanted.items():
            if name in self._sinks:
                await self._sinks[name].change(configuration.meters)
                continue
            sink = self._sinks[name] = self._make(options, configuration.meters)
            self._options[name] = options
            for meter, online in self._online.items():
                sink.meter_state(meter, online)
            for identity in self._met.values():
                sink.meter_status(identity)
            await sink.start()

    def forgive(self) -> None:
        """An operator reads the configuration anew: what was held back goes."""
        for sink in self._sinks.values():
            sink.forgive()

    def device(self, url: str, credentials: DeviceCredentials) -> Connection | None:
        """The connection to this ThingsBoard that has these credentials; there is at most one,
        since it ends one session of a device for the other.
        """
        for name, options in self._options.items():
            if options.kind == "thingsboard" and options.url == url:
                found = self._sinks[name].device(credentials)
                if found is not None:
                    return found
        return None

    def meter_state(self, name: str, online: bool) -> None:
        """A meter can be read, or no longer; may be told at any time, repeatedly."""
        if self._online.get(name) is not online:
            self._online[name] = online
            for sink in self._sinks.values():
                sink.meter_state(name, online)

    def meter_status(self, status: MeterStatus | Identity) -> None:
        """A meter's newest status, or who it is; the latter is told to a new sink too."""
        if isinstance(status, Identity):
            self._met[status.name] = status
        for sink in self._sinks.values():
            sink.meter_status(status)

    async def stop(self) -> None:
        """Every meter is offline; say so, and close everything within 2 s."""
        for name in list(self._online):
            self.meter_state(name, False)
        self._configuration = None
        await self._stop(list(self._sinks))

    async def _stop(self, names: Sequence[str]) -> None:
        for name in names:
            del self._options[name]
        stops = [Deferred.fromCoroutine(self._sinks.pop(name).stop()) for name in names]
        await gatherResults(stops, consumeErrors=True)

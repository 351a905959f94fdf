"""All operations of REST, in the order in which the documentation tells of them."""

from __future__ import annotations

from dlmsd.web.api import sockets
from dlmsd.web.api.alarms import Alarms
from dlmsd.web.api.configuration import Configuration
from dlmsd.web.api.control import Control
from dlmsd.web.api.diagnosis import Diagnosis
from dlmsd.web.api.disconnects import Disconnects
from dlmsd.web.api.gaps import Gaps
from dlmsd.web.api.imports import Imports
from dlmsd.web.api.logs import Logs
from dlmsd.web.api.measurements import Measurements
from dlmsd.web.api.meters import Meters
from dlmsd.web.api.metrics import Metrics
from dlmsd.web.api.network import Network
from dlmsd.web.api.notices import Notices
from dlmsd.web.api.parts import Parts
from dlmsd.web.api.profiles import Profiles
from dlmsd.web.api.provision import Provisions
from dlmsd.web.api.readings import Readings
from dlmsd.web.api.scans import Scans
from dlmsd.web.api.sinks import Sinks
from dlmsd.web.api.system import System
from dlmsd.web.api.thingsboard import ThingsBoard
from dlmsd.web.api.tokens import AccessTokens
from dlmsd.web.api.trials import Trials
from dlmsd.web.api.views import Views
from dlmsd.web.operation import Operation


class Api:
    """All ``operations``, which work with ``parts``; ``stop`` ends what goes on by itself."""

    def __init__(self, parts: Parts) -> None:
        views = Views(parts)
        self._scans = Scans(parts)
        self._trials = Trials(parts)
        self._provisions = Provisions(parts)
        self._logs = Logs(parts)
        self.operations: list[Operation] = [
            *Meters(parts, views).operations(),
            *Imports(parts).operations(),
            *Control(parts, views).operations(),
            *self._trials.operations(),
            *Measurements(parts, views).operations(),
            *Profiles(parts).operations(),
            *ThingsBoard(parts, views).operations(),
            *Readings(parts).operations(),
            *Gaps(parts).operations(),
            *Metrics(parts).operations(),
            *Network(parts).operations(),
            *Alarms(parts).operations(),
            *Notices(parts).operations(),
            *Diagnosis(parts).operations(),
            *Disconnects(parts).operations(),
            *self._scans.operations(),
            *self._provisions.operations(),
            *Sinks(parts).operations(),
            *System(parts).operations(),
            *Configuration(parts).operations(),
            *AccessTokens(parts).operations(),
            *self._logs.operations(),
            *sockets.operations(),
        ]

    async def stop(self) -> None:
        """What searches or tries a meter leaves politely."""
        self._logs.stop()
        self._trials.stop()
        await self._scans.stop()
        await self._provisions.stop()

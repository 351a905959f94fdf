"""Virtual meters under twistd: ``twistd -ny tap/simulator.tac``.

Settings from the environment, as the options of ``dlmsd simulate``: DLMSD_SIMULATE_METERS
(1), _PORT (the personality's own), _GATEWAY (1 for one), _PERSONALITY (microstar), _FAULTS
(separated by spaces), _SEED (0), _RECORD (a file), _INTERFACE (127.0.0.1).
"""

import os
import random
import time
from pathlib import Path

from twisted.application.service import Application
from twisted.internet import reactor

from dlmsd.simulator.faults import Fault
from dlmsd.simulator.personality import PERSONALITIES
from dlmsd.simulator.record import RecordFile
from dlmsd.simulator.service import Simulation, SimulationService


def setting(name: str, default: str) -> str:
    return os.environ.get(f"DLMSD_SIMULATE_{name}", default)


personality = PERSONALITIES[setting("PERSONALITY", "microstar")]
seed = int(setting("SEED", "0"))
path = setting("RECORD", "")
record = RecordFile(Path(path)) if path else None
simulation = Simulation(
    reactor=reactor,
    wall=time.time,
    random=random.Random(seed),  # noqa: S311 - it decides about faults, not keys
    meters=int(setting("METERS", "1")),
    personality=personality,
    port=int(setting("PORT", str(personality.port))),
    gateway=setting("GATEWAY", "") == "1",
    interface=setting("INTERFACE", "127.0.0.1"),
    faults=[Fault.parse(text) for text in setting("FAULTS", "").split()],
    seed=seed,
    record=record,
)
application = Application("simulator")
SimulationService(simulation, record).setServiceParent(application)

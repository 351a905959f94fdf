"""Whether anybody listens where readings go, as far as a broker tells.

MQTT 5 has a PUBACK for a message that went to nobody (3.4.2.1): it was taken, and dropped.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

NO_SUBSCRIBERS: Final = 0x10


class Audience:
    """Of one courier, called ``name``, of a sink; the log has a line when it goes."""

    log = Logger()

    def __init__(self, sink: str, name: str) -> None:
        self._sink = sink
        self._name = name
        self._gone = False

    def acknowledged(self, topic: str, reason: int) -> None:
        """A reading that went to ``topic`` was taken, with this reason."""
        before, self._gone = self._gone, reason == NO_SUBSCRIBERS
        if self._gone and not before:
            self.log.warn(
                "{sink}: nobody has subscribed to {topic}, and the broker drops what comes there; "
                "it counts as delivered",
                sink=self._sink,
                meter=self._name,
                topic=topic,
            )

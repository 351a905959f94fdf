"""Notices that a broker refused: it is not told them again at once.

Where its rules deny a topic, mosquitto 2.0 refuses the message and closes the connection; a
greeting that is said anew would go on so for ever, and no delivery would pass.
"""

from __future__ import annotations

from typing import Final

from dlmsd.publish.message import Message

# So many connections in a row, each with another topic refused: no more notices then.
MOST_ROUNDS: Final = 3


class Unwanted:
    """Forgets as soon as a connection has passed without a refusal: rules are corrected."""

    def __init__(self) -> None:
        self._topics: set[str] = set()
        self._rounds = 0
        self._fresh = False
        self._doubted: str | None = None  # once is chance

    def refused(self, topic: str) -> None:
        """The broker does not take notices to ``topic``."""
        self._topics.add(topic)
        self._fresh = True

    def closed(self, topic: str) -> None:
        """The broker closed without a word, and of all in flight this notice was the oldest."""
        if topic == self._doubted:
            self._topics.add(topic)
        self._doubted = topic
        self._fresh = True

    def ended(self) -> None:
        """The connection is over."""
        if self._fresh:
            self._rounds += 1
        else:
            self._rounds, self._doubted = 0, None
            self._topics.clear()
        self._fresh = False

    def spares(self, message: Message) -> bool:
        """Whether ``message`` had better not be sent."""
        return self._rounds >= MOST_ROUNDS or message.topic in self._topics

"""Taking back what Home Assistant was told, also by an earlier run with another configuration.

What was told is noted where it is retained, at the broker: a note, on a topic of our own, names
a document and its components. It is there before the document, and goes when another note or
nothing is to be remembered. Another content has another topic, so that none is lost by being
written over before it was heard, and a connection or a power supply may end at any moment.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec
from attrs import frozen

from dlmsd.config.topics import Topics
from dlmsd.publish import payload
from dlmsd.publish.message import Message

ROOT: Final = "homeassistant"
Platform: TypeAlias = Literal["sensor", "binary_sensor"]

# Whatever a note says, only documents as dlmsd writes them are touched.
_OURS: Final = re.compile(rf"{ROOT}/device/dlmsd_[A-Za-z0-9_-]+_[0-9a-f]{{8}}/config")


@frozen
class Note:
    """``topic`` is the document's; ``components`` are its platforms by key."""

    topic: str
    components: Mapping[str, Platform]

    def message(self, topics: Topics, meter: str) -> Message:
        """Kept at the broker."""
        components = dict(sorted(self.components.items()))
        text = payload.encode({"topic": self.topic, "components": components})
        number = hashlib.sha256(text).hexdigest()[:16]
        return Message(topics.note(meter, number), text, retain=True)

    @classmethod
    def decode(cls, text: bytes) -> Note | None:
        """None for what is no note of ours."""
        try:
            note = msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError:
            return None
        return note if _OURS.fullmatch(note.topic) else None


class Withdrawal:
    """The notes of one sink that announces nothing: each document goes, then its note."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    @property
    def subscriptions(self) -> Sequence[str]:
        """Every note that there is."""
        return (self._topics.note("+", "+"),)

    def told(self, message: Message) -> Iterable[tuple[str, Message]] | None:
        """What to say to a note; None to all else."""
        if self._topics.meter_of_note(message.topic) is None:
            return None
        # What is not retained is our own, coming back.
        note = Note.decode(message.payload) if message.retain else None
        return () if note is None else [empty(note.topic), empty(message.topic)]


def empty(topic: str) -> tuple[str, Message]:
    """What removes a retained message, by subject."""
    return topic, Message(topic, b"", retain=True)

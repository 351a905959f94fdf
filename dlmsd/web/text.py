"""Text of meters and brokers, on its way to whoever asks."""

from __future__ import annotations


def clean(text: str) -> str:
    """Without what UTF-8 cannot carry, such as half of a surrogate pair."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

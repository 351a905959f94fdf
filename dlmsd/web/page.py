"""The static files of the page, read once and served from memory."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final

from attrs import frozen
from twisted.web.http import CACHED
from twisted.web.server import Request

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@frozen
class StaticFile:
    """One file with its media type; browsers ask each time and mostly hear 304."""

    body: bytes
    media_type: str
    etag: bytes

    @classmethod
    def of(cls, name: str, body: bytes) -> StaticFile:
        """Raises KeyError for an ending that has no media type here."""
        digest = hashlib.sha256(body).hexdigest()[:16]
        return cls(body, _TYPES[name.rpartition(".")[2]], f'"{digest}"'.encode())

    def render(self, request: Request) -> bytes:
        """The body, or nothing when the browser has it."""
        request.setHeader("content-type", self.media_type)
        request.setHeader("cache-control", "no-cache")
        return b"" if request.setETag(self.etag) is CACHED else self.body


def load(language: str) -> dict[str, StaticFile]:
    """Every file of ``static`` by its path; the page itself is ``/``, in ``language``."""
    found: dict[str, StaticFile] = {}
    for entry in files("dlmsd.web").joinpath("static").iterdir():
        body = entry.read_bytes()
        if entry.name == "index.html":
            body = body.replace(b'<html lang="en">', b'<html lang="%b">' % language.encode(), 1)
            found["/"] = StaticFile.of(entry.name, body)
        else:
            found[f"/static/{entry.name}"] = StaticFile.of(entry.name, body)
    return found

"""The static files of the page, read once and served from memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import msgspec
from attrs import frozen
from twisted.web.http import CACHED
from twisted.web.server import Request

from dlmsd.language import LANGUAGES, Catalogue, Code

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
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


@frozen
class Heard:
    """The catalogue of errors, for the page to say what it is told in English; made when the
    first reader of the language comes.
    """

    code: Code

    def render(self, request: Request) -> bytes:
        """The script, or nothing when the browser has it."""
        return _script(self.code).render(request)


def load(language: str) -> dict[str, StaticFile | Heard]:
    """Every file of ``static`` by its path; the page itself is ``/``, in ``language``."""
    found = dict(_below(files("dlmsd.web").joinpath("static"), "/static"))
    page = found.pop("/static/index.html")
    body = page.body.replace(b'<html lang="en">', b'<html lang="%b">' % language.encode(), 1)
    heard = {f"/static/heard/{code}.js": Heard(code) for code in LANGUAGES[1:]}
    return {"/": StaticFile.of("index.html", body), **found, **heard}


@cache
def _script(code: Code) -> StaticFile:
    catalogue = Catalogue.of(code)
    table = {"said": catalogue.advice, "heard": list(catalogue.heard.items())}
    return StaticFile.of(f"{code}.js", b"export default " + msgspec.json.encode(table) + b";\n")


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, StaticFile]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{path}/{entry.name}")
        else:
            yield f"{path}/{entry.name}", StaticFile.of(entry.name, entry.read_bytes())

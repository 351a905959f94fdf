"""Secrets that must come out nowhere, and every form in which they could."""

from __future__ import annotations

import base64
import html
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import StreamRequestHandler, TCPServer
from typing import Any, Final
from urllib.parse import quote, quote_plus

from attrs import define, field

# Where a secret may have any character, these are written otherwise in JSON, HTML and addresses.
ODD: Final = '/+"&é'


def forms(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Each form by its name; those called hex are in lower case."""
    yield "text", octets
    for name, between in (("hex", ""), ("hex with spaces", " "), ("hex with colons", ":")):
        yield name, octets.hex(between).encode() if between else octets.hex().encode()
    for skipped in range(3):
        # Whatever stands before and behind it in what was encoded.
        whole = base64.b64encode(bytes(skipped) + octets)
        start, end = (0, 2, 3)[skipped], (len(octets) + skipped) // 3 * 4
        yield f"base64 {skipped}", whole[start:end]
        yield (
            f"base64 {skipped} for addresses",
            whole[start:end].translate(bytes.maketrans(b"+/", b"-_")),
        )
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "JSON as UTF-8", json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield "repr", repr(text)[1:-1].encode()
    yield "HTML", html.escape(text).encode()
    yield "HTML of the page", html.escape(text, quote=False).encode()
    yield "percent", quote(text, safe="").encode()
    yield "form", quote_plus(text).encode()


@define
class Search:
    """What was told, by place; and the secrets that are looked for in it, by name."""

    told: dict[str, list[bytes]] = field(factory=dict)
    canaries: dict[str, bytes] = field(factory=dict)

    def add(self, name: str, secret: str | bytes) -> None:
        self.canaries[name] = secret.encode() if isinstance(secret, str) else secret

    def tell(self, place: str, what: str | bytes) -> None:
        octets = what.encode() if isinstance(what, str) else what
        self.told.setdefault(place, []).append(octets)

    def hits(self) -> list[str]:
        """Every place, secret and form that met."""
        found = []
        for place, pieces in self.told.items():
            whole = b"\n".join(pieces)
            lower = whole.lower()
            for name, secret in self.canaries.items():
                for form, octets in forms(secret):
                    if octets in (lower if form.startswith("hex") else whole):
                        found.append(f"{name} as {form} in {place}")
        return found


class Receivers:
    """A webhook and a mail server on free ports, from ``with`` to its end. The first time each
    refuses, and says what it was given, as some do.

    ``hooks`` and ``mails`` are what bodies held, which go to others than those who may know a
    secret.
    """

    def __init__(self) -> None:
        self.hooks: list[bytes] = []
        self.mails: list[bytes] = []
        receivers, refused = self, set[str]()

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receivers.hooks.append(self.rfile.read(int(self.headers["Content-Length"])))
                given = self.headers["Authorization"]
                good = "hook" in refused
                refused.add("hook")
                self.send_response(204 if good else 403, "" if good else f"not for {given}")
                self.end_headers()
                if not good:
                    self.wfile.write(f"not for {given}".encode())

            def log_message(self, *arguments: Any) -> None:
                """Nothing."""

        class Post(StreamRequestHandler):
            def handle(self) -> None:
                with suppress(ConnectionError):
                    self.wfile.write(b"220 post\r\n")
                    while line := self.rfile.readline():
                        self.wfile.write(self.answer(line.split()))

            def answer(self, words: list[bytes]) -> bytes:
                word = words[0].upper()
                if word == b"EHLO":
                    return b"250-post\r\n250 AUTH PLAIN\r\n"
                if word == b"AUTH":
                    self.wfile.write(b"334 \r\n")
                    given = self.rfile.readline().strip()
                    if "post" not in refused:
                        refused.add("post")
                        return b"535 not for " + given + b"\r\n"
                    return b"235 good\r\n"
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    receivers.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                return b"250 post\r\n"

        self._servers = [
            HTTPServer(("127.0.0.1", 0), Hook),
            TCPServer(("127.0.0.1", 0), Post),
        ]
        self.hook, self.post = (int(one.server_address[1]) for one in self._servers)

    def __enter__(self) -> Receivers:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

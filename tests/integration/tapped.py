"""A TCP proxy in a thread: what passes between a client and its meter is kept."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Tap:
    """Listens on ``port`` and passes everything on to ``to``.

    ``sent`` holds what the client sent, for each connection.
    """

    def __init__(self, to: int) -> None:
        self.sent: list[bytearray] = []
        self._to = to
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        for one in (self._server, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            meter = socket.create_connection(("127.0.0.1", self._to))
            self._open += [client, meter]
            kept = bytearray()
            self.sent.append(kept)
            for source, sink, copy in ((client, meter, kept), (meter, client, bytearray())):
                threading.Thread(target=_pass, args=(source, sink, copy), daemon=True).start()


def _pass(source: socket.socket, sink: socket.socket, copy: bytearray) -> None:
    with suppress(OSError):
        while octets := source.recv(4096):
            copy += octets
            sink.sendall(octets)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)

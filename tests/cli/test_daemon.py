"""How a command reaches the running daemon, wherever that listens."""

from __future__ import annotations

import json
import ssl
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import TCPServer, UnixStreamServer
from threading import Thread
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.daemon import Daemon, DaemonRefusedError, NoTokenError, NotRunningError
from dlmsd.config.load import load
from dlmsd.config.values import Configuration
from dlmsd.identity import token_file
from tests.certificates import Authority


class _Answerer(BaseHTTPRequestHandler):
    """Says back what it hears; ``/no`` is refused, ``/odd`` is no JSON."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        heard = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told = {"heard": heard, "who": self.headers["Authorization"]}
        wrong = {"detail": "No.", "errors": [{"field": "port", "message": "is odd"}]}
        answers = {"/no": (422, json.dumps(wrong)), "/odd": (200, "<p>")}
        status, text = answers.get(self.path, (200, json.dumps(told)))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments: Any) -> None:
        pass


class DaemonTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        path = self.folder / "dlmsd.toml"
        path.write_text(f'[daemon]\nstate_dir = "{self.folder}"\n')
        self.configuration = load(path, environ={})
        token_file(self.folder).write_text("secret\n")

    def listening(self, listen: str) -> Configuration:
        return evolve(self.configuration, web=evolve(self.configuration.web, listen=listen))

    def serve(self, server: TCPServer) -> None:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

    def tcp(self, certificate: str = "") -> int:
        server = HTTPServer(("127.0.0.1", 0), _Answerer)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            place = self.folder / certificate
            context.load_cert_chain(place.with_suffix(".pem"), place.with_suffix(".key"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self.serve(server)
        return server.server_port

    def hear(self, listen: str) -> Any:
        with Daemon(self.listening(listen)) as daemon:
            return daemon.call("POST", "/", [1])

    def test_over_tcp_and_a_socket_of_the_file_system(self) -> None:
        told = {"heard": [1], "who": "Bearer secret"}
        self.assertEqual(self.hear(f"tcp:{self.tcp()}:interface=127.0.0.1"), told)
        name = Path(self.mktemp()).name  # short, as such paths must be
        self.serve(UnixStreamServer(name, _Answerer))
        self.assertEqual(self.hear(f"unix:{name}"), told)

    def test_over_tls_to_its_own_certificate_alone(self) -> None:
        authority = Authority(self.folder)
        authority.issue("meters.example")
        authority.issue("another.example", "other")
        port = self.tcp("server")
        ours = f"ssl:{port}:interface=127.0.0.1:privateKey=x:certKey={self.folder}"
        self.assertEqual(self.hear(f"{ours}/server.pem")["heard"], [1])
        self.assertRaises(NotRunningError, self.hear, f"{ours}/other.pem")
        self.assertRaises(NoTokenError, self.hear, f"{ours}/none.pem")

    def test_what_is_refused(self) -> None:
        with Daemon(self.listening(f"tcp:{self.tcp()}:interface=127.0.0.1")) as daemon:
            error = self.assertRaises(DaemonRefusedError, daemon.call, "POST", "/no", {})
            self.assertEqual((str(error), error.fields), ("No.", [("port", "is odd")]))
            self.assertRaises(NotRunningError, daemon.call, "POST", "/odd", {})

    def test_nobody_there(self) -> None:
        self.assertRaises(NotRunningError, self.hear, "tcp:1:interface=127.0.0.1")
        self.assertRaises(NotRunningError, self.hear, f"unix:{self.folder}/none")
        token_file(self.folder).unlink()
        self.assertRaises(NotRunningError, self.hear, "tcp:1:interface=127.0.0.1")
        token_file(self.folder).mkdir()
        self.assertRaises(NoTokenError, self.hear, "tcp:1:interface=127.0.0.1")

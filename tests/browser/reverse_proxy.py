"""A reverse proxy as clinics have one: it publishes the service below a path that it takes away, and nothing else."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP = {"connection", "keep-alive", "transfer-encoding", "host"}


@contextmanager
def stripping_proxy(service_url: str, prefix: str) -> Iterator[str]:
    """Its address, path included, which ends in a slash."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(urlsplit(service_url).netloc, prefix))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(service: str, prefix: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404, "nothing is published here")
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            upstream = http.client.HTTPConnection(service, timeout=120)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            upstream.request(self.command, self.path.removeprefix(prefix), body or None, headers)
            answer = upstream.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.end_headers()  # HTTP/1.0: the end of the connection ends an answer without a length
            while piece := answer.read1(65536):
                self.wfile.write(piece)
            upstream.close()

        do_GET = do_POST = do_HEAD = _forward

        def log_message(self, *_: object) -> None:
            pass

    return Handler

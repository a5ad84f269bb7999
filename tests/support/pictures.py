"""Pictures over HTTP, with a service behind the same host, as a shop's proxy has them."""

import base64
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class PictureServer(ThreadingHTTPServer):
    """asked: the paths below /pictures/ that were asked for. service: the address that all else is asked of."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked, self.service = [], None

    def address(self, host="127.0.0.1"):
        return f"http://{host}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/pictures/"):
            self.server.asked.append(self.path)
            is_there = self.path.startswith("/pictures/good")
            self._send(200 if is_there else 404, {"content-type": "image/png"}, PNG if is_there else b"")
            return
        try:
            with urllib.request.urlopen(f"{self.server.service}{self.path[1:]}") as response:
                self._send(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            self._send(error.code, error.headers, error.read())

    def _send(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "date", "server", "connection"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def picture_server():
    """A PictureServer on a port of its own."""
    server = PictureServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))  # seconds until it is seen to be shut down
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

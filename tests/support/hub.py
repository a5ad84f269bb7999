"""A Hugging Face hub on this machine's loopback, with one model, that remembers what it was asked."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def digest(content):
    return hashlib.sha1(content).hexdigest()


@contextmanager
def hub(name, folder):
    """The address of a hub that has a folder's files as the model `name`, and a list of its requests."""
    requests = []
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def read(file):
        return (folder / file).read_bytes()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def log_message(self, *arguments):
            pass

        def answer(self, body):
            requests.append((self.path, self.headers.get("authorization")))
            path = self.path.partition("?")[0]
            if path.startswith(f"/api/models/{name}/tree/"):
                entries = [
                    {"type": "file", "path": file, "size": (folder / file).stat().st_size, "oid": digest(read(file))}
                    for file in names
                ]
                self.send(200, json.dumps(entries).encode(), body)
            elif path.startswith(f"/api/models/{name}/"):
                siblings = [{"rfilename": file} for file in names]
                self.send(200, json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode(), body)
            elif path.startswith(f"/{name}/resolve/") and path.split("/", 5)[-1] in names:
                self.send(200, read(path.split("/", 5)[-1]), body)
            else:
                self.send(404, b"{}", body)

        def send(self, status, content, body):
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.send_header("content-type", "application/json")
            self.send_header("etag", f'"{digest(content)}"')
            self.send_header("x-repo-commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

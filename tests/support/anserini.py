"""Anserini's search program, in a process of its own and without a network.

From 2.1 on Anserini asks the network for a list of indexes to download before it opens one that lies here. The process
has a server on loopback that gives a list without any.
"""

import subprocess
import sys

_PROGRAM = """
import http.server, json, sys, threading
from sparton.indexer.java import java_class, start_jvm
import jpype


class NoIndexes(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps([{"name": "none.json", "type": "file", "download_url": ""}]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), NoIndexes)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
# https is spoken as http, to a proxy: the server above.
start_jvm(
    [
        "-Dhttps.proxyHost=127.0.0.1",
        f"-Dhttps.proxyPort={port}",
        "--add-exports=java.base/sun.net.www.protocol.http=ALL-UNNAMED",
    ]
)


@jpype.JImplements("java.net.URLStreamHandlerFactory")
class Plain:
    @jpype.JOverride
    def createURLStreamHandler(self, protocol):
        return java_class("sun.net.www.protocol.http.Handler")() if str(protocol) == "https" else None


java_class("java.net.URL").setURLStreamHandlerFactory(Plain())
java_class("io.anserini.search.SearchCollection").main(sys.argv[1:])
"""


def search_collection(*arguments):
    """Run SearchCollection with these arguments; its failure fails the test, with all that it said."""
    command = [sys.executable, "-c", _PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr

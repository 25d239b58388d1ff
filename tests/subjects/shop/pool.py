"""The shop on a server that keeps more connections than it serves: `python -m shop.pool PORT [THREADS]`.

Each thread stays with its connection until it closes, so that the others wait for good.
"""

import socketserver
import sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

from . import core


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        reply = core.item(self.path.rpartition("/")[2])
        self.send_response(reply.status)
        for name, value in (*reply.headers, ("Content-Length", str(len(reply.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Server(socketserver.TCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, threads: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.pool = ThreadPoolExecutor(threads)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.pool.submit(self._serve, request, client_address)

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        finally:
            self.shutdown_request(request)


if __name__ == "__main__":
    with Server(int(sys.argv[1]), int(sys.argv[2] if len(sys.argv) > 2 else 8)) as server:
        server.serve_forever()

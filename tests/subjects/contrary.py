"""A server that does everything otherwise: the probes that any application can be asked must see it.

Run as `python contrary.py PORT`. It answers one request a connection, to the first line alone.
"""

import socketserver
import sys


class Contrary(socketserver.StreamRequestHandler):
    """No `Date`, no word on the connection, 418 for an empty line."""

    def handle(self) -> None:
        line = self.rfile.readline(70_000)
        if not line.strip():
            self.wfile.write(b"HTTP/1.1 418 Short\r\nContent-Length: 0\r\n\r\n")
            return
        while self.rfile.readline(70_000).strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nServer: contrary\r\nContent-Length: 3\r\n\r\nno\n")


class Server(socketserver.TCPServer):
    allow_reuse_address = True
    request_queue_size = 7


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Contrary) as server:
        server.serve_forever()

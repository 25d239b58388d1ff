"""A server that answers each path as it is told: `answering.py PORT '{"/": [200, "body"]}' [CERTIFICATE]`."""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANSWERS = json.loads(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, body = ANSWERS.get(self.path, (404, ""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments: object) -> None:
        """Silent."""


with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], Path(sys.argv[3]).with_name("key.pem"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()

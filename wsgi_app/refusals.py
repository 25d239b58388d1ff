"""A refused upload, whose client still sends (RFC 9112 section 9.6).

granian closes a connection whose body nobody reads while its client still sends: the answer is lost with it,
if the body is not read before. gunicorn says that it keeps the connection, and ends it after 64 KiB: the next
request is lost with it, if the client is not told.
"""

import threading
import time
from typing import Any

from shared.progress import LINGER_SILENT_S, Lingering
from shared.refusals import has_more_than_is_sent_at_once
from wsgi_app.connections import close_after_answer
from wsgi_app.requests import Environ

BLOCK_BYTES = 256 * 1024


def served_by_granian(environ: Environ) -> bool:
    served: bool = environ["SERVER_SOFTWARE"] == "Granian"
    return served


def is_sent_whatever_is_answered(environ: Environ) -> bool:
    return has_more_than_is_sent_at_once(
        environ.get("CONTENT_LENGTH"), "HTTP_TRANSFER_ENCODING" in environ, "HTTP_EXPECT" in environ
    )


def prepare_refusal(environ: Environ) -> None:
    """What an answer needs that refuses a request whose body may not have been read."""
    if is_sent_whatever_is_answered(environ):
        if served_by_granian(environ):
            read_on(environ)
        else:
            close_after_answer()


def read_on(environ: Environ) -> None:
    """Read what a client still sends before an answer that refuses it.

    In a thread, which is left behind with a client that sends nothing: granian waits for it without an end.
    """
    receiving = Receiving(environ["wsgi.input"])
    while not receiving.over():
        receiving.join(LINGER_SILENT_S / 8)


class Receiving(threading.Thread):
    """Reads and drops a body until its end."""

    def __init__(self, body: Any) -> None:
        super().__init__(name="receiving", daemon=True)
        self._body = body
        self._lingering = Lingering(time.monotonic())
        self.start()

    def run(self) -> None:
        try:
            while self._lingering.reading:
                self._lingering.heard(len(self._body.read(BLOCK_BYTES)), time.monotonic())
        except Exception:  # a client that is gone: granian has an error of its own for it
            self._lingering.reading = False

    def over(self) -> bool:
        return self._lingering.over(time.monotonic())

"""Waiting for the digest of a file that is asked for the first time: the thread that serves waits."""

import select
import socket
from collections.abc import Callable
from typing import TypeVar

from shared.catalogue import OPEN_TRIES, changing
from shared.errors import Unavailable
from shared.hashing import Hashing, Undigested
from wsgi_app.greenlets import event

T = TypeVar("T")
LOOK_S = 0.25  # between two looks at whether the client is still there


def digested(client: socket.socket | None, call: Callable[[], T]) -> T:
    """What `call` returns, as often called as it must wait for a digest first.

    `client` is watched, where the server tells it, and no body is to come from it.
    """
    for _ in range(OPEN_TRIES):
        try:
            return call()
        except Undigested as undigested:
            wait(undigested.hashing, client)
    raise changing()


def wait(hashing: Hashing, client: socket.socket | None) -> None:
    """Until it has its digest, or its client is gone; raises what the disk said."""
    tell, wait_s = event()
    try:
        hashing.when_finished(tell)
        while not wait_s(LOOK_S) and still_there(client):
            pass
    finally:
        hashing.leave()
    if hashing.error is not None:
        raise hashing.error
    if not hashing.finished:
        raise Unavailable("The client went away.")


def still_there(client: socket.socket | None) -> bool:
    if client is None:
        return True
    watching = select.poll()
    watching.register(client, select.POLLIN)
    try:
        return not watching.poll(0) or bool(client.recv(1, socket.MSG_PEEK))
    except ConnectionError:
        return False

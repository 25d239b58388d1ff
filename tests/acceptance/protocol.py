"""Hostile clients, with figures: what `make accept hardening` shows of the servers and the shipped proxy."""

import tempfile
from pathlib import Path

from tests.acceptance.figures import show
from tests.contract.conftest import TWINS
from tests.faults.crowds import Endured, endure, heavy, slow
from tests.faults.limits import UNRESOLVED
from tests.faults.proxied import behind_proxy
from tests.servers import running

CLIENTS = 64
MAX_MIB = 300
CROWDS = {"slow clients": slow, "clients with 20 MB of headers each": heavy}
ALONE = ("asgi-uvicorn", "asgi-uvicorn-asyncio")  # where a client that waits fills no process and no thread


def show_crowds() -> None:
    """Memory, and the longest wait of another client, under 64 hostile ones."""
    with tempfile.TemporaryDirectory(prefix="twins-") as folder:
        for name in TWINS:
            with behind_proxy(name, Path(folder), 20) as (server, proxy):
                for what, crowd in CROWDS.items():
                    tell(
                        f"{name} behind nginx, {CLIENTS} {what}", endure(proxy, crowd, CLIENTS, server, proxy)
                    )
        for name in ALONE:
            with running(name, Path(folder)) as server:
                for what, crowd in CROWDS.items():
                    tell(f"{name} alone, {CLIENTS} {what}", endure(server, crowd, CLIENTS, server))


def tell(what: str, endured: Endured) -> None:
    show(f"{what}: memory", endured.memory_mib, MAX_MIB, at_least=False, unit=" MiB")
    show(f"{what}: longest wait of another", endured.longest_s, 1, at_least=False, unit=" s")


def show_unresolved() -> None:
    """How many cases of the list in docs/limits.md are left, by server."""
    show("unresolved on gunicorn alone", len(UNRESOLVED["gunicorn"]), 3, at_least=False)
    show("unresolved on uvicorn alone", len(UNRESOLVED["uvicorn"]), 7, at_least=False)

"""The shop and the servers it runs on as commands of a plan, and both of them started for tests."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.subjects.subject import Launch
from tests.servers import Running, free_port, running_command

FOLDER = (
    Path(__file__).parent / "subjects"
)  # the working directory of every command: `shop` is imported there
UPSTREAM_WAIT_MS = 20

FACES = {
    "flask": "wsgi",
    "django_wsgi": "wsgi",
    "fastapi": "asgi",
    "starlette": "asgi",
    "django_asgi": "asgi",
}
"""Name of the face to its interface; its module is `shop.NAME` or `shop.NAME_app`."""


@dataclass(frozen=True)
class ShopServer:
    """A server as a plan has it: its command but for the application, its slots and what fills one."""

    interface: str
    command: tuple[str, ...]
    slots: int
    slot_kind: str


_GUNICORN = ("gunicorn", "--bind", "{host}:{port}")

SHOP_SERVERS = {
    "gunicorn-sync": ShopServer("wsgi", (*_GUNICORN, "--workers", "2"), 2, "process"),
    "gunicorn-gthread": ShopServer("wsgi", (*_GUNICORN, "--threads", "8"), 8, "thread"),
    "gunicorn-gevent": ShopServer(
        "wsgi", (*_GUNICORN, "--worker-class", "gevent", "--worker-connections", "100"), 100, "greenlet"
    ),
    "waitress": ShopServer(
        "wsgi", ("waitress-serve", "--listen", "{host}:{port}", "--threads", "8"), 8, "thread"
    ),
    "cheroot": ShopServer(
        "wsgi", ("{python}", "-m", "cheroot", "--bind", "{host}:{port}", "--threads", "8"), 8, "thread"
    ),
    "granian-wsgi": ShopServer(
        "wsgi",
        ("granian", "--interface", "wsgi", "--host", "{host}", "--port", "{port}", "--blocking-threads", "8"),
        8,
        "thread",
    ),
    "gunicorn-asgi": ShopServer("asgi", (*_GUNICORN, "--worker-class", "asgi"), 1000, "task"),
    "uvicorn": ShopServer(
        "asgi", ("uvicorn", "--host", "{host}", "--port", "{port}", "--no-access-log"), 1000, "task"
    ),
    "granian": ShopServer(
        "asgi", ("granian", "--interface", "asgi", "--host", "{host}", "--port", "{port}"), 1000, "task"
    ),
    "hypercorn": ShopServer("asgi", ("hypercorn", "--bind", "{host}:{port}"), 1000, "task"),
    "daphne": ShopServer("asgi", ("daphne", "-b", "{host}", "-p", "{port}"), 1000, "task"),
}


def application(face: str) -> str:
    """What a server is told to import, such as `shop.flask_app:app`."""
    return f"shop.{face if face.startswith('django') else face + '_app'}:app"


def shop_command(server: str, face: str) -> list[str]:
    """The command of a plan, its placeholders unfilled; it runs in `FOLDER`."""
    assert SHOP_SERVERS[server].interface == FACES[face]
    return [*SHOP_SERVERS[server].command, application(face)]


CUSTOMERS = """\
[scenarios.customers]
feed = "shop/items.jsonl"
ignore = ["$.created", "$.id", "header:location"]
login.method = "POST"
login.path = "/login"
login.json = { user = "ann", password = "env:SHOP_PASSWORD" }
login.save = { token = "$.token" }
requests = [
    { name = "list", path = "/items?limit=20", weight = 2 },
    { name = "item", path = "/items/{item}", weight = 6, status = 200 },
    { name = "order", method = "POST", path = "/orders", then = "ordered", save = { number = "$.id" }, \
headers = { Authorization = "Bearer {token}" }, json = { item = "{item}", quantity = "{quantity}" } },
    { name = "ordered", path = "/orders/{number}", headers = { Authorization = "Bearer {token}" } },
    { name = "basket", path = "/basket" },
    { name = "download", path = "/download" },
    { name = "stock", path = "/stock/{item}" },
]
"""
"""All that a customer does, as a plan beside `shop/items.jsonl` has it."""


def shop_entry(name: str, server: str, face: str, planted: str = "") -> str:
    """A server of a plan that stands in `FOLDER`."""
    kind = SHOP_SERVERS[server]
    environment = f'environment = {{ SHOP_PLANT = "{planted}" }}\n' if planted else ""
    return (
        f'[servers.{name}]\ncommand = {json.dumps(shop_command(server, face))}\ndirectory = "."\n'
        f'interface = "{kind.interface}"\nslots = {kind.slots}\nslot = "{kind.slot_kind}"\n'
        f'ready = "/items/1"\ninherit = ["SHOP_PASSWORD", "SHOP_UPSTREAM"]\n{environment}'
    )


def shop_plan(head: str, *entries: str) -> str:
    """A plan that asks each of the servers for all that a customer does."""
    return f"# Which of these shops serves its customers best?\n{head}{''.join(entries)}{CUSTOMERS}"


@contextmanager
def shop_running(server: str, face: str, environment: Mapping[str, str] = {}) -> Iterator[Running]:
    """The shop, started without the laboratory."""
    port = free_port()
    words = [
        word.format(host="127.0.0.1", port=port, python=sys.executable) for word in shop_command(server, face)
    ]
    program = Path(sys.executable).parent / words[0]  # an absolute one stays
    line = Launch([str(program), *words[1:]], {"PYTHONPATH": str(FOLDER)})
    with running_command(f"{face} on {server}", line, port, environment, health="/items/1") as process:
        yield process


@contextmanager
def stock_running(wait_ms: float = UPSTREAM_WAIT_MS) -> Iterator[str]:
    """The slow service that the shop asks, by its address: the value of `SHOP_UPSTREAM`."""
    port = free_port()
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "shop.upstream", str(port), str(wait_ms)],
        cwd=FOLDER,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)

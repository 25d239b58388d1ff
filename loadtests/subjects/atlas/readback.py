"""Probes that read back sizes and defaults from the processes that run."""

import collections
import json
import socket
import struct
import time
from collections.abc import Callable
from functools import partial

from loadtests.subjects.atlas.crowd import Crowd, crowd
from loadtests.subjects.atlas.probe import FRESH, TWO, Probe, Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import request

GROUP = "Sizes and defaults read back"
CROWD, WAITING, KEPT, ROUNDS = 300, 520, 32, 4
IDLE_CONNECTIONS = 90
PACE_S = 0.02
MEMORY = (32, 256, 4096)  # KiB: wide enough for the same class twice
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, LISTENING = 4, 20, 0x301, 1 << 10  # linux/inet_diag.h


def backlogs(port: int) -> list[int]:
    """The queues of the sockets that listen on a port, as `ss -ltn` reads them, from the kernel."""
    queues: list[int] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as link:
        body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, LISTENING) + bytes(48)
        link.send(struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, 1, 0) + body)
        while True:
            data = link.recv(65536)
            while len(data) >= 16:
                size, kind = struct.unpack_from("=IH", data)
                if kind != SOCK_DIAG_BY_FAMILY:
                    return queues
                if struct.unpack_from(">H", data, 20)[0] == port:
                    queues.append(struct.unpack_from("=I", data, 16 + 4 + 48 + 8)[0])
                data = data[(size + 3) & ~3 :]


def queue(server: Running) -> Seen:
    sizes = sorted(set(backlogs(server.port)))
    return Seen(" and ".join(map(str, sizes)))


def crowded(server: Running) -> Seen:
    """How many of a crowd are connected while the server's Python is busy."""
    name, talk = server.new_note(), server.talk()
    talk.send(request(f"/busy?seconds=2.2&note={name}"))
    server.noted(name, "begun")
    with crowd(server.port, CROWD) as clients:
        clients.go_on(0.7, lambda: not clients.waiting)
        count = clients.connected
    talk.answer()
    return Seen("all") if count == CROWD else Seen("fewer", count)


def slots(server: Running) -> Seen:
    """How many requests are in the application at the same time, of 64 and then of 520."""
    return _filled(server, lambda most, _: "no bound found" if most is None else str(most))


def busy_threads(server: Running) -> Seen:
    """The threads of the process that serves, while as many requests wait in it as it takes."""
    return _filled(server, lambda _, pid: str(server.threads(pid)))


def _filled(server: Running, tell: Callable[[int | None, int], str]) -> Seen:
    """What is told of the most requests that ran at once (None: no bound) and of the process they ran in."""
    answer = ""
    for count in (64, WAITING):
        name = server.new_note()
        with crowd(server.port, count, request(f"/wait?seconds=20&note={name}"), PACE_S) as clients:
            most = _settled(server, clients, name, count)
            answer = tell(most, server.notes(name, "running")[0]["pid"])
            server.release(name)
        if most is not None:
            break
    return Seen(answer)


def _settled(server: Running, clients: Crowd, name: str, limit: int) -> int | None:
    """The most requests that ran at once, when no more come; None where all run, or still more come."""
    most, since = 0, time.monotonic()
    while most < limit and time.monotonic() < server.deadline:
        clients.go_on(0.05)
        count = max((note["count"] for note in server.notes(name, "running")), default=0)
        if count > most:
            most, since = count, time.monotonic()
        elif time.monotonic() - since > 1.2:
            return most
    return None


def family(server: Running) -> Seen:
    pid = int(server.handed(request("/facts"))[1]["pid"])
    count = len(server.tree())
    return Seen(
        "1, which serves"
        if count == 1
        else f"{count}, {'the first' if pid == server.pid else 'a child'} serves"
    )


def balance(server: Running) -> Seen:
    """The busiest process's share of connections that come at the same moment, several times over."""
    shares = []
    for _ in range(ROUNDS):
        talks = [server.talk() for _ in range(KEPT)]
        for talk in talks:
            talk.send(request("/facts"))
        count: collections.Counter[int] = collections.Counter()
        for talk in talks:
            answer = talk.answer()
            count[json.loads(answer.body)["pid"]] += 1
            if answer.says("close"):
                talk.close()  # some servers wait for it
        server.finish()
        shares.append(max(count.values()))
        time.sleep(0.1)
    return Seen("even") if max(shares) == KEPT // 2 else Seen("left to chance", min(shares), max(shares))


def connection_memory(server: Running) -> Seen:
    """What an idle kept connection costs, over as many as every server takes."""
    server.ask(request())
    server.finish()
    before = server.memory_bytes()
    for _ in range(IDLE_CONNECTIONS):
        if server.ask(request()).says("close"):
            return Seen(f"fewer than {IDLE_CONNECTIONS} are kept")
    time.sleep(0.2)
    kib = (server.memory_bytes() - before) / IDLE_CONNECTIONS / 1024
    return Seen(next(f"up to {step} KiB" for step in MEMORY if kib <= step), round(kib, 1))


def parser(server: Running) -> Seen:
    """Which parser is loaded: what is not installed or not chosen is not imported."""
    parts = server.handed(request("/facts"))[1]["parts"]
    if server.row.parts[0] == "gunicorn":
        return Seen("C (gunicorn_h1c)" if "gunicorn_h1c" in parts else "Python (its own)")
    if server.row.parts[0] == "granian":
        return Seen("Rust (its own)")
    if "httptools" in parts:
        return Seen("C (httptools)")
    if "h11" in parts:
        return Seen("Python (h11)")
    return Seen("Python (Twisted)" if "twisted" in parts else "Python (its own)")


def loop(server: Running) -> Seen:
    name = server.handed(request("/facts"))[1]["loop"]
    return Seen(f"`{name.partition('.')[0]}`")


def specification(server: Running) -> Seen:
    document = server.handed(request("/facts"))[1]
    version = document["asgi"].get("spec_version")
    return Seen(f"`{version}`" if version else "none")


def state(server: Running) -> Seen:
    return Seen("given" if server.handed(request("/facts"))[1]["state"] else "not given")


def flags(server: Running) -> Seen:
    document = server.handed(request("/facts"))[1]
    names = [name for name in ("threads", "processes") if document[name]]
    return Seen(" and ".join(names) or "neither")


_of = partial(Probe, group=GROUP)


NONE = "none: the project's own default"

PROBES = (
    _of(
        "queue",
        "How many connections wait to be accepted?",
        "the queue of the listening socket, as `ss -ltn` shows it",
        NONE,
        "Whoever meets peaks: a client beyond it waits for its next SYN, one second or more.",
        queue,
        application=False,
    ),
    _of(
        "crowd",
        f"How many of {CROWD} clients are connected while the application computes?",
        f"{CROWD} connections while a handler computes for 2.2 s",
        "none: it follows from the queue, and from who accepts",
        "Whoever measures latency by a crowd: the rest pay for a lost SYN.",
        crowded,
        ("all", "fewer"),
        unit="clients",
        quick=False,
    ),
    _of(
        "slots",
        "How many requests are served at the same time?",
        f"64, and where these are, {WAITING} requests that wait",
        NONE,
        "Everybody: it bounds the rate of requests that wait; hypercorn's WSGI follows the processors.",
        slots,
        quick=False,
    ),
    _of(
        "threads",
        "How many threads has a serving process that is full?",
        "the tasks of the process while requests fill it, 520 at most",
        NONE,
        "Whoever counts processors, or forks; some numbers follow the machine's (here two processors).",
        busy_threads,
        server=FRESH,
        quick=False,
    ),
    _of(
        "processes",
        "How many processes has the server?",
        "the started process and all below it",
        NONE,
        "Whoever sends signals or reads memory: the process that was started may not be the one that serves.",
        family,
    ),
    _of(
        "balance",
        f"How are {KEPT} kept connections shared between two processes?",
        f"{KEPT} connections, {ROUNDS} times",
        "none: whichever process wakes first accepts, or the kernel's hash decides",
        "Everybody with several processes: the busiest one decides the p99.",
        balance,
        ("even", "left to chance"),
        unit=f"of {KEPT} at the busiest",
        server=TWO,
        quick=False,
    ),
    _of(
        "connection-memory",
        "What memory does an idle connection hold?",
        f"{IDLE_CONNECTIONS} kept connections after a request each",
        NONE,
        "Whoever has many clients that rarely ask.",
        connection_memory,
        (*(f"up to {step} KiB" for step in MEMORY), f"fewer than {IDLE_CONNECTIONS} are kept"),
        unit="KiB",
        server=FRESH,
        quick=False,
    ),
    _of(
        "parser",
        "In which language is the request parsed?",
        "the modules that are loaded",
        NONE,
        "Whoever compares: gunicorn changes to C where `gunicorn_h1c` can be imported, and does not say so.",
        parser,
    ),
    _of(
        "loop",
        "Which event loop runs?",
        "the loop's class",
        NONE,
        "Whoever compares: the loop decides more than the framework.",
        loop,
        interface="asgi",
    ),
    _of(
        "spec-version",
        "Which version of the HTTP part of ASGI is promised?",
        '`scope["asgi"]["spec_version"]`',
        "ASGI: optional, 2.0 where it is missing",
        "Frameworks: Starlette listens for a disconnect below 2.4 only.",
        specification,
        interface="asgi",
    ),
    _of(
        "state",
        "Is the state of the lifespan handed to requests?",
        '`scope["state"]`',
        "ASGI: optional",
        "Applications that keep their pools there.",
        state,
        ("given", "not given"),
        interface="asgi",
    ),
    _of(
        "flags",
        "What does the server say of threads and processes?",
        "`wsgi.multithread` and `wsgi.multiprocess`",
        "PEP 3333: true where the application may be called so",
        "Frameworks that choose their locks by it.",
        flags,
        ("neither", "threads", "processes", "threads and processes"),
        interface="wsgi",
    ),
)

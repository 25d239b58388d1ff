"""Probes of ending and reloading: signals, processes that die, processes that are replaced."""

import os
import signal
import threading
import time
from functools import partial

from loadtests.subjects.atlas.probe import FRESH, RECYCLING, TWO, Probe, Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import Gone, Silent, request

GROUP = "Ending and reloading"
SIGNALLED_S = 0.4  # so long after a request began, the signal comes
CLIENTS, REQUESTS, CHECKED_S = 8, 320, 1.2
ENDINGS = ("under 2 s", "under 4.8 s", "4.8 s or more")


def idle_at_term(server: Running) -> Seen:
    talk = server.talk()
    talk.ask(request(server.path))
    server.signal(signal.SIGTERM)
    seconds = server.ended_within(4.8)
    if seconds is None:
        return Seen(ENDINGS[2])
    return Seen(ENDINGS[0] if seconds < 2.0 else ENDINGS[1], seconds)


def busy(number: signal.Signals, server: Running) -> Seen:
    talk, name = server.talk(), server.new_note()
    talk.send(request(f"/wait?seconds=1.5&note={name}"))
    server.noted(name, "running")
    server.signal(number)
    try:
        talk.answer()
    except Gone:
        return Seen("cut off")
    return Seen("answered")


def busy_at_term(server: Running) -> Seen:
    return busy(signal.SIGTERM, server)


def busy_at_int(server: Running) -> Seen:
    return busy(signal.SIGINT, server)


def new_at_term(server: Running) -> Seen:
    """A new client while an old one is still being served after the signal."""
    talk, name = server.talk(), server.new_note()
    talk.send(request(f"/wait?seconds=3&note={name}"))
    server.noted(name, "running")
    server.signal(signal.SIGTERM)
    time.sleep(SIGNALLED_S)
    try:
        late = server.talk()
    except Gone:
        return Seen("refused")
    late.deadline = min(late.deadline, time.monotonic() + 1.0)
    try:
        late.ask(request())
    except Gone:
        return Seen("taken, then closed")
    except Silent:
        return Seen("taken, not answered")
    return Seen("answered")


def status_at_term(server: Running) -> Seen:
    server.signal(signal.SIGTERM)
    if server.ended_within(4.0) is None or server.process is None:
        return Seen("none within 4 s")
    status = server.process.exit_status or 0
    return Seen(f"{status}" if status >= 0 else f"ended by {signal.Signals(-status).name}")


def lifespan(server: Running) -> Seen:
    begun = bool(server.notes("lifespan", "startup"))
    server.signal(signal.SIGTERM)
    server.ended_within(4.0)
    ended = bool(server.notes("lifespan", "shutdown"))
    return Seen("startup and shutdown" if begun and ended else "startup only" if begun else "none")


def hung_up(server: Running) -> Seen:
    before = server.serving_pid()
    server.signal(signal.SIGHUP)
    if server.ended_within(1.5) is not None:
        return Seen("it ends")
    while time.monotonic() < server.deadline - 0.5:
        try:
            if server.serving_pid() != before:
                return Seen("a new process serves")
        except (Gone, Silent):
            pass
        time.sleep(0.1)
    return Seen("nothing changes")


def killed(server: Running) -> Seen:
    """One of two server processes dies; whether another one comes in its place."""
    before, victim = set(server.tree()), server.serving_pid()
    if victim == server.pid:
        return Seen("one process serves")
    os.kill(victim, signal.SIGKILL)
    while time.monotonic() < server.deadline - 0.3:
        if server.ended_within(0.1) is not None:
            return Seen("the whole server ends")
        if len(set(server.tree()) - before) and len(server.tree()) >= len(before):
            return Seen("replaced")
    return Seen("not replaced")


def recycled(server: Running) -> Seen:
    """Clients on kept connections while processes are replaced: a request without an answer is lost."""
    lost, left, lock = 0, REQUESTS, threading.Lock()
    ends = threading.Event()

    def client() -> None:
        nonlocal lost, left
        talk = None
        while not ends.is_set():
            with lock:
                if left == 0:
                    return
                left -= 1
            try:
                talk = talk or server.talk()
            except (Gone, Silent):  # nobody listens: it ended, or starts again
                with lock:
                    left += 1
                ends.wait(0.05)
                continue
            try:
                answer = talk.ask(request())
                talk = None if answer.says("close") else talk
            except Silent:
                return  # out of time, not lost
            except Gone:
                talk = None
                with lock:
                    lost += 1

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    deadline, server.deadline = server.deadline, server.deadline - CHECKED_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, server.deadline - time.monotonic()))
    ends.set()
    for thread in threads:
        thread.join()
    server.deadline = deadline
    return Seen("it goes on" if server.ended_within(CHECKED_S / 2) is None else "the server ends", lost)


_of = partial(Probe, group=GROUP, server=FRESH, quick=False)


NONE = "none: the project's own choice"

PROBES = (
    _of(
        "term-idle",
        "How long does an idle kept connection hold up the end?",
        "`SIGTERM` with one kept connection open",
        NONE,
        "Rolling releases: every process waits so long for clients that want nothing.",
        idle_at_term,
        ENDINGS,
        unit="s",
        application=False,
    ),
    _of(
        "term-busy",
        "Is a request answered that runs when `SIGTERM` comes?",
        "a request of 1.5 s, and `SIGTERM` once it runs",
        NONE,
        "Rolling releases: what is cut off is an error for somebody.",
        busy_at_term,
        ("answered", "cut off"),
    ),
    _of(
        "term-new",
        "What meets a new client while the server ends?",
        "a connection 0.4 s after `SIGTERM`, while a request runs",
        NONE,
        "Load balancers: a refused connection is tried elsewhere, one that is taken and closed may not be.",
        new_at_term,
        ("refused", "taken, then closed", "taken, not answered", "answered"),
    ),
    _of(
        "int-busy",
        "Is a request answered that runs when `SIGINT` comes?",
        "a request of 1.5 s, and `SIGINT` once it runs",
        NONE,
        "Whoever stops a server by Ctrl-C or by a supervisor that sends it.",
        busy_at_int,
        ("answered", "cut off"),
    ),
    _of(
        "term-status",
        "With which status does the server end?",
        "`SIGTERM`, no client",
        "none: service managers take 0 and an end by the signal for success",
        "Whoever alerts by exit status.",
        status_at_term,
        application=False,
    ),
    _of(
        "lifespan",
        "Is the application told of start and end?",
        "`SIGTERM`, no client",
        "ASGI: the lifespan protocol, optional for servers",
        "Applications that open pools at the start: without it they never do.",
        lifespan,
        ("startup and shutdown", "startup only", "none"),
        interface="asgi",
    ),
    _of(
        "hup",
        "What does `SIGHUP` do?",
        "`SIGHUP`, then requests",
        "none: a daemon's custom is to read its configuration again",
        "Whoever reloads by it: on some servers it is the end.",
        hung_up,
        ("a new process serves", "nothing changes", "it ends"),
    ),
    _of(
        "killed",
        "What follows when one of two server processes is killed?",
        "`SIGKILL` to one that serves",
        NONE,
        "Whoever lets the kernel kill what takes too much memory.",
        killed,
        ("replaced", "not replaced", "the whole server ends", "one process serves"),
        server=TWO,
    ),
    _of(
        "recycled",
        "How many requests are lost when processes are replaced after 100 requests?",
        f"{REQUESTS} requests by {CLIENTS} clients on kept connections",
        NONE,
        "Whoever contains leaks that way: each lost request is an error that nobody can explain.",
        recycled,
        ("it goes on", "the server ends"),
        unit="requests lost",
        server=RECYCLING,
    ),
)

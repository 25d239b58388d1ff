"""Under gunicorn's gevent every request is a greenlet of one thread, the hub's: what blocks goes aside.

gunicorn patches the standard library after its fork and before it loads the application, hence before
anything of ours, Flask or a database driver is imported: waits yield to the hub by themselves. Reading a
disk and computing do not; they are done in native threads, and by processes that native threads talk to.
"""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from shared.errors import ServiceError
from shared.fetching import Failure
from shared.hashing import Undigested
from shared.parents import end_with_parent
from shared.pools import Executors

P = ParamSpec("P")
T = TypeVar("T")
WorkResult = tuple[Any, Exception | None]


def serving() -> bool:
    """Whether this process serves with greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def aside(function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call it where it blocks nobody else: in a native thread under gevent, and here elsewhere."""
    if not serving():
        return function(*arguments, **options)
    from gevent import get_hub

    result: T = get_hub().threadpool.apply(function, arguments, options)
    return result


def event() -> tuple[Callable[[], object], Callable[[float], bool]]:
    """What tells from any thread that something is done, and what waits for that so many seconds."""
    if not serving():
        standard = threading.Event()
        return standard.set, standard.wait
    from gevent import get_hub
    from gevent.event import Event

    of_greenlets = Event()
    call_on_hub = get_hub().loop.run_callback_threadsafe
    return lambda: call_on_hub(of_greenlets.set), of_greenlets.wait


def executors() -> Executors:
    """What makes the pools for CPU work; under gevent the standard ones would work on the hub."""
    if not serving():
        return Executors()
    from gevent import get_hub, monkey
    from gevent.threadpool import ThreadPoolExecutor

    # gevent's own leaves the closing of folders and pipes to a loop, which native threads do not run
    os.close = monkey.get_original("os", "close")
    native = monkey.get_original("_thread", "start_new_thread")
    hub = get_hub()
    hub.NOT_ERROR = (
        *hub.NOT_ERROR,
        ServiceError,
        Failure,
        BrokenProcessPool,
        Undigested,
    )  # raised where asked for: not printed
    return Executors(
        ThreadPoolExecutor,
        lambda size: ProcessExecutor(size, ThreadPoolExecutor(size)),
        # the patched one loses wake-ups between native threads: all of them then waited for good
        monkey.get_original("threading", "Lock"),
        lambda function: native(function, ()),
    )


class ProcessExecutor(Executor):
    """Spawned processes, each talked to over its pipe by a native thread while it has work.

    The standard ProcessPoolExecutor fills one pipe for all of its processes from what is a greenlet here:
    a text of 2 MB stopped the hub until a process was free to read it.
    """

    def __init__(self, size: int, threads: Executor) -> None:
        from gevent import get_hub

        self._size = size
        self._threads = threads
        self._spawned = 0
        self._idle: list[Connection[Any, WorkResult]] = []
        self._closed = False
        self._call_on_hub = get_hub().loop.run_callback_threadsafe

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self._spawned < self._size:  # so that no thread that asks finds none idle
            self._spawned += 1
            self._idle.append(spawn())
        return self._threads.submit(self._ask, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the idle processes now, and the others when their work is done."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _ask(self, function: Callable[..., T], arguments: tuple[Any, ...], options: dict[str, Any]) -> T:
        link = self._idle.pop()
        try:
            link.send((function, arguments, options))
            result, error = link.recv()
        except (EOFError, OSError):
            self._call_on_hub(link.close)
            raise BrokenProcessPool("The process that did this work was ended.") from None
        if self._closed:
            self._call_on_hub(link.close)
        else:
            self._idle.append(link)
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]  # it is what `function` returned in the other process


def spawn() -> "Connection[Any, WorkResult]":
    """A process that works until its pipe closes, and ends with this one however this one ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    for link in (ours, theirs):
        os.set_blocking(link.fileno(), True)  # gevent's sockets never block; native threads wait
    context.Process(target=work, args=(theirs,), daemon=True).start()
    theirs.close()
    return ours


def work(link: "Connection[WorkResult, Any]") -> None:
    end_with_parent()
    while True:
        try:
            function, arguments, options = link.recv()
        except EOFError:
            return
        try:
            link.send((function(*arguments, **options), None))
        except Exception as error:
            link.send((None, error))

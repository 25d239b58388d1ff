"""What is fetched from upstreams: a thread for each address, and a client that no other thread uses then.

Imported, with its client library, where there are upstreams, and by no other server.

One `httpx.Client` for all threads would serialise them: its pool looks at every connection, under one lock,
for each request.
"""

import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from shared.fetching import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    Failure,
    Fetch,
    FetchedBody,
    FetchOutcome,
    Source,
    admit,
    check_head,
    choose_ip,
    onward,
    retry_after_s,
    wire,
)
from shared.origins import Origin, UpstreamAddress
from shared.service import Service
from shared.settings import MAX_UPSTREAM_CONNECTIONS
from wsgi_app.greenlets import aside


class Clients:
    """The threads and clients of one server process, made as they are needed."""

    def __init__(self, origins: frozenset[Origin]) -> None:
        self.pool = ThreadPoolExecutor(MAX_UPSTREAM_CONNECTIONS, thread_name_prefix="fetch")
        self._free: dict[Origin, deque[httpx.Client]] = {origin: deque() for origin in origins}

    def fetch_all(self, service: Service, asked: Fetch) -> list[FetchOutcome]:
        """Every address at the same time; one that takes too long is left to its thread."""
        deadline = time.monotonic() + asked.timeout_ms / 1000
        futures = [
            self.pool.submit(fetch_one, self, service, asked, source, deadline) for source in asked.addresses
        ]
        done, late = wait(futures, asked.timeout_ms / 1000)
        for future in late:
            future.cancel()
            future.add_done_callback(discard)
        try:
            return [future.result() if future in done else Failure("timeout") for future in futures]
        except BaseException:
            for future in done:
                discard(future)
            raise

    @contextmanager
    def client(self, origin: Origin) -> Iterator[httpx.Client]:
        """A client for this thread alone; the one that was given back last, its connection is warm."""
        free = self._free[origin]
        try:
            client = free.pop()
        except IndexError:
            client = self._make()
        try:
            yield client
        finally:
            free.append(client)

    def _make(self) -> httpx.Client:
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        return httpx.Client(verify=self._trust, trust_env=False, cookies=no_cookies)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def close(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
        for free in self._free.values():
            while free:
                free.pop().close()


def discard(future: Future[FetchOutcome]) -> None:
    if not future.cancelled() and future.exception() is None:
        outcome = future.result()
        if isinstance(outcome, FetchedBody):
            outcome.abort()


def fetch_one(
    clients: Clients, service: Service, asked: Fetch, source: Source, deadline: float
) -> FetchOutcome:
    """One address, as often as it is worth it."""
    attempt = 1
    while True:
        outcome = attempt_once(clients, service, asked, source, attempt, deadline)
        pause_s = retry_after_s(attempt, outcome)
        if pause_s is None or time.monotonic() + pause_s >= deadline:
            return outcome
        if isinstance(outcome, FetchedBody):
            outcome.abort()
        time.sleep(pause_s)
        attempt += 1


def attempt_once(
    clients: Clients, service: Service, asked: Fetch, source: Source, attempt: int, deadline: float
) -> FetchOutcome:
    allowed = service.settings.upstreams
    redirects = 0
    try:
        target: UpstreamAddress | None = admit(source.url, allowed)
        while target is not None:
            ip = choose_ip(target.origin, resolve(target.origin), attempt, allowed)
            with clients.client(target.origin) as client, get(client, target, ip, deadline) as response:
                check_head(response.http_version, response.status_code, response.headers.raw)
                location = response.headers.get("location")
                target = onward(target, response.status_code, location, redirects, allowed)
                if target is None:
                    received = FetchedBody(response.status_code, redirects, asked.max_bytes)
                    return receive(response, received, source, service, deadline)
            redirects += 1
    except Failure as failure:
        return failure
    except httpx.TimeoutException:
        return Failure("timeout")
    except httpx.ConnectError:
        return Failure("unreachable")
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL):
        return Failure("broken")
    raise AssertionError("every response is an answer or leads on")


@contextmanager
def get(client: httpx.Client, target: UpstreamAddress, ip: str, deadline: float) -> Iterator[httpx.Response]:
    """The response to one GET, its body still to come."""
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise Failure("timeout")
    asked = wire(target, ip)
    timeout = httpx.Timeout(min(READ_TIMEOUT_S, left_s), connect=min(CONNECT_TIMEOUT_S, left_s))
    extensions = {"sni_hostname": asked.server_name} if asked.server_name else {}
    with client.stream(
        "GET", asked.url, headers=asked.headers, timeout=timeout, extensions=extensions
    ) as response:
        yield response


def receive(
    response: httpx.Response, received: FetchedBody, source: Source, service: Service, deadline: float
) -> FetchedBody:
    """Read the body to its end, block by block."""
    try:
        if source.store is not None:
            aside(received.store, service.catalogue, source.store)
        for block in response.iter_raw():
            if received.upload is None:
                received.take(block)
            else:
                aside(received.take, block)
            if time.monotonic() >= deadline:
                raise Failure("timeout")
    except BaseException:
        received.abort()
        raise
    return received


def resolve(origin: Origin) -> list[str]:
    """The IP addresses of a host; none where its name is not known."""
    if origin.is_ip:
        return [origin.host]
    try:
        addresses = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(address[4][0]) for address in addresses]
